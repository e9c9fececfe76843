"""Greedy layer-wise pretraining.

Deep logistic networks: an autoencoder, and a classifier.

    autoencoder     784-1000-500-250-30 and back, logistic, a linear code; as in Hinton & Salakhutdinov 2006
    machines        the same network, pretrained by restricted Boltzmann machines, as in the paper
    classifier      784-1000-1000-1000-10, logistic; as in Bengio et al. 2007 and Vincent et al. 2010

Each layer is trained as an autoencoder of the codes below it (for the classifier: a denoising one, a quarter of its
input masked), or as a Boltzmann machine; the stack is then fine-tuned as a whole. A logistic unit multiplies the
gradient by φ′ ≤ ¼, so that from small random weights gradient descent does not leave the mean image. In the first and
the last part all networks see the data equally often; the pretrained ones spend half of it on their layers. Machines
are trained for a quarter of the epochs (at least 10), then fine-tuned for all of them, half of the digits a little
warped in every epoch except in the last fifth of the epochs. Test errors of classifiers are in percent.

    python -m demos.stacked                                        the embedded 10,000 digits
    python -m demos.stacked --full --only autoencoder              all 60,000, one part of the demo
    python -m demos.stacked --full --only machines --epochs 60
    python -m demos.stacked --full --only classifier --epochs 9

Expected with --full, ‖x − x̂‖² per test image: pretrained by machines, 60 epochs, 2.25 (published 3.00, without warped
digits), by autoencoders, 20 epochs, 3.60; Adam alone 13.1; small weights 52.9, equal to the mean image. Classifier with
9 epochs: pretrained 1.28 % with Adam (published 1.28 %); by gradient descent pretrained by machines 1.48 %, by
autoencoders 2.58 %, not pretrained 5.85 % (published 1.2, 1.4, 2.4 %); with 20 epochs 2.08 and 3.58 % for the last two.
102 minutes for the first and the last part with 20 epochs; 19 for the machines with 60, and for the classifier with 9.
Pictures: reconstructions.png, loss.png, machines.png, machine_filters.png.
"""

import numpy as np

from demos import common, figures, results
from demos.baselines import PCA, squared_error_per_image
from demos.reduction import EndAugmentation
from npae.data import Warp
from npae.layers import Identity, MaskingNoise
from npae.models import Stacked
from npae.optim import SGD, Adam, Cosine, WarmUp

DEEP, QUICK_DEEP = [784, 1000, 500, 250, 30], [784, 200, 100, 50, 30]
CLASSES, QUICK_CLASSES = [784, 1000, 1000, 1000], [784, 100, 100, 100]
PARTS = ("autoencoder", "machines", "classifier")


@common.demo("stacked", __doc__, epochs=20, quick_epochs=4,
             own={"only": {"choices": PARTS, "help": "one part of the demo"}}, compared_epochs=9)  # fmt: skip
def main(settings):
    """Train the networks with and without pretraining."""
    data = common.digits(settings)
    for name, part in zip(PARTS, (autoencoder, machines, classifier), strict=True):
        if settings.own.only in (None, name):
            part(settings, *data)


def recipe(settings, epochs, optimizer=None):
    """The rate falls along a cosine."""
    return {"epochs": epochs, "optimizer": optimizer or Adam(), "batch_size": 20 if settings.quick else 64,
            "schedule": Cosine(epochs, end=0.02)}  # fmt: skip


def descent(rate=0.02):
    """Gradient descent with momentum, the optimizer of the papers."""
    return SGD(rate, momentum=0.9)


def pretrain(settings, stack, data):
    """Train every stage of the stack on the codes of the one before."""
    for k, (autoencoder, codes) in enumerate(stack.stages(data)):
        name = f"pretraining stage {k + 1}: {stack.sizes[k]}-{stack.sizes[k + 1]}-{stack.sizes[k]}"
        common.train(settings, autoencoder, codes, name=name, **recipe(settings, settings.epochs, Adam(3e-3)))


def pretrain_machines(settings, stack, data):
    """Train every machine of the stack by contrastive divergence; Gaussian units need a smaller rate."""
    for k, (machine, codes) in enumerate(stack.stages(data)):
        rate = Adam(1e-3 if isinstance(machine.encoder.activation, Identity) else 3e-3)
        name = f"machine {k + 1}: {machine!r}"
        common.train(settings, machine, codes, name=name, **recipe(settings, max(10, settings.epochs // 4), rate))


def logistic_stack(settings, **options):
    """784-1000-500-250-30, with a linear code."""
    sizes = QUICK_DEEP if settings.quick else DEEP
    return Stacked(sizes, ["sigmoid"] * (len(sizes) - 2) + ["linear"], seed=settings.seed, **options)


def autoencoder(settings, train, _, test, test_labels):
    """The deep autoencoder: pretrained, with Adam alone, from small weights."""
    stack = logistic_stack(settings)
    adam, small = stack.unroll(), stack.unroll()
    small.theta.assign(0.01 * np.random.default_rng(settings.seed).standard_normal(small.theta.size, np.float32))
    pretrain(settings, stack, train)
    unrolled, tuned = stack.unroll(), stack.unroll()
    epochs = settings.epochs
    networks = {
        "pretrained, fine-tuned": (tuned, recipe(settings, epochs)),
        "Adam alone": (adam, recipe(settings, 2 * epochs)),
        "small weights, descent": (small, recipe(settings, 2 * epochs, descent())),
    }
    more = {  # of the rows of the table: published, name of the metric
        "pretrained, fine-tuned": {"published": "3.00 (RBMs; Hinton & Salakhutdinov)"},
        "Adam alone": {"prefix": "Adam_alone"},
        "small weights, descent": {"published": '"the average"'},
    }
    measure = {"squared_error_per_image": ("‖x − x̂‖² per image, test", ".2f")}
    table, some = settings.table("-".join(map(str, stack.sizes)), measure), figures.one_of_each(test_labels, 10)
    rows, curves = [("original", test[some] / 255)], {}

    def add(name, x_hat, **options):
        table.add(name, {"squared_error_per_image": squared_error_per_image(x_hat, test)}, **options)
        rows.append((name, x_hat[some]))

    for name, network, history in common.compare(settings, networks, train, test):
        curves[name] = history
        add(name, network.reconstruct(test), **more[name])
        if network is tuned:
            add("pretrained alone", unrolled.reconstruct(test))
    shown = len(rows)
    add("mean image", np.broadcast_to(train.mean(axis=0) / 255, test.shape), published="52.90")
    code = stack.sizes[-1]
    add(f"PCA, {code} components", PCA(train, code).reconstruct(test), published="13.87", prefix="pca")
    draw_curves(settings, curves)
    title = "Reconstructions of test digits, code size 30"
    figures.digit_rows(settings.out / "reconstructions.png", rows[:shown], title)


def draw_curves(settings, histories):
    """Test and training loss over the epochs. Fine-tuning begins after as many epochs of pretraining."""
    curves = []
    for name, history in histories.items():
        pretraining = [np.nan] * settings.epochs if name.startswith("pretrained") else []
        for label, column, style in ((name, "val_loss", "-"), (f"_{name}", "loss", ":")):
            curves.append((label, np.array(pretraining + history[column]) / 784, style))
    figures.learning_curves(settings.out / "loss.png", curves, "cross-entropy (nats per pixel)",
                            "Learning curves (solid: test, dotted: training)")  # fmt: skip


def machines(settings, train, _, test, test_labels):
    """The deep autoencoder: pretrained by Boltzmann machines, then fine-tuned."""
    stack, epochs = logistic_stack(settings, rbm=True), settings.epochs
    pretrain_machines(settings, stack, train)
    unrolled, tuned = stack.unroll(), stack.unroll()
    tuning = {"batch_size": 20 if settings.quick else 128, "optimizer": Adam(3e-3),
              "schedule": WarmUp(1, Cosine(max(1, epochs - 1))), "augment": Warp(0.06),
              "callbacks": EndAugmentation(max(1, epochs * 4 // 5))}  # fmt: skip
    measure = {"squared_error_per_image": ("‖x − x̂‖² per image, test", ".2f")}
    table, some = settings.table("pretrained by Boltzmann machines", measure), figures.one_of_each(test_labels, 10)
    rows = [("original", test[some] / 255)]

    def add(name, network, published=""):
        x_hat = network.reconstruct(test)
        table.add(name, {"squared_error_per_image": squared_error_per_image(x_hat, test)}, published)
        rows.append((name, x_hat[some]))

    add("machines alone", unrolled)
    for name, network, _ in common.compare(settings, {"machines, fine-tuned": (tuned, tuning)}, train, test):
        add(name, network, "3.00 (Hinton & Salakhutdinov)")
        error = squared_error_per_image(network.reconstruct(train), train)
        settings.metrics["machines_train_squared_error_per_image"] = error
    figures.digit_rows(settings.out / "machines.png", rows, "Test digits from 30 numbers, pretrained by machines")
    weights, title = stack.autoencoders[0].encoder.W.value.T[:64], "Weights of 64 hidden units of the first machine"
    figures.filters(settings.out / "machine_filters.png", [("", weights)], title)


def classifier(settings, train, labels, test, test_labels):
    """The deep classifier: without pretraining, and fine-tuned after it."""
    sizes = QUICK_CLASSES if settings.quick else CLASSES
    stack = Stacked(sizes, corruption=lambda: MaskingNoise(0.25), seed=settings.seed)
    of_machines = Stacked(sizes, rbm=True, seed=settings.seed)
    plain, epochs = stack.classifier(10), settings.epochs
    pretrain(settings, stack, train)
    pretrain_machines(settings, of_machines, train)
    networks = {
        "no pretraining": (plain, recipe(settings, 2 * epochs, descent())),
        "greedy pretraining": (stack.classifier(10), recipe(settings, epochs, descent())),
        "greedy pretraining, Adam": (stack.classifier(10), recipe(settings, epochs)),
        "machines": (of_machines.classifier(10), recipe(settings, epochs, descent(0.1))),
    }
    published = iter(("2.4 Bengio 2007", "1.4 Bengio 2007", "1.28 Vincent 2010", "1.2 Bengio 2007"))
    table = settings.table("-".join(map(str, stack.sizes)) + "-10", {"test_error_percent": ("test error, %", ".2f")},
                         "published (50,000 digits)")  # fmt: skip
    for name, network, _ in common.compare(settings, networks, (train, labels)):
        error = 100 * network.error_rate((test, test_labels))
        table.add(name, {"test_error_percent": error}, next(published), f"classifier_{results.key(name)}")


if __name__ == "__main__":
    main()
