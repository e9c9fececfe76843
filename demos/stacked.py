"""Greedy layer-wise pretraining of deep logistic networks.

    autoencoder     784-1000-500-250-30 and back, logistic, a linear code; as in Hinton & Salakhutdinov 2006
    classifier      784-1000-1000-1000-10, logistic; as in Bengio et al. 2007 and Vincent et al. 2010

Each layer is trained as an autoencoder of the codes below it (for the classifier: a denoising one, a quarter of its
input masked); the stack is then fine-tuned as a whole. A logistic unit multiplies the gradient by φ′ ≤ ¼, so that from
small random weights gradient descent does not leave the mean image. All networks see the data equally often; the
pretrained ones spend half of it on their layers. Test errors of classifiers are in percent.

    python -m demos.stacked                                        the embedded 10,000 digits
    python -m demos.stacked --full --only autoencoder              all 60,000, one half of the demo
    python -m demos.stacked --full --only classifier --epochs 9

Expected with --full, ‖x − x̂‖² per test image: pretrained 3.60 (published 3.00), Adam alone 13.1, small weights 52.9,
equal to the mean image. Classifier with 9 epochs: pretrained 1.18 % with Adam (published 1.28 %); with gradient descent
and 20 epochs 2.08 %, without pretraining 3.58 % (published 1.4, 2.4 %). 102 minutes for all with 20 epochs; 14 for the
classifier with 9.
Pictures: reconstructions.png, loss.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, squared_error_per_image
from npae.layers import MaskingNoise
from npae.models import Stacked
from npae.optim import SGD, Adam, Cosine

DEEP, QUICK_DEEP = [784, 1000, 500, 250, 30], [784, 200, 100, 50, 30]
CLASSES, QUICK_CLASSES = [784, 1000, 1000, 1000], [784, 100, 100, 100]


def main(argv=None):
    """Train both networks with and without pretraining. Returns what metrics.json holds."""
    only = {"choices": HALVES, "help": "one half of the demo"}
    settings = common.parse("stacked", __doc__, epochs=20, quick_epochs=4, argv=argv, own={"only": only})
    data, tables = common.digits(settings), []
    for name, half in HALVES.items():
        if settings.own.only in (None, name):
            tables.append(half(settings, *data))
    return common.finish(settings, {}, *tables)


def recipe(settings, epochs, optimizer=None):
    """The rate falls along a cosine."""
    return {"epochs": epochs, "optimizer": optimizer or Adam(), "batch_size": 20 if settings.quick else 64,
            "schedule": Cosine(epochs, end=0.02)}  # fmt: skip


def descent():
    """Gradient descent with momentum, the optimizer of the papers."""
    return SGD(0.02, momentum=0.9)


def pretrain(settings, stack, data):
    """Train every stage of the stack on the codes of the one before."""
    for k, (autoencoder, codes) in enumerate(stack.stages(data)):
        print(f"pretraining stage {k + 1}: {stack.sizes[k]}-{stack.sizes[k + 1]}-{stack.sizes[k]}")
        common.train(settings, autoencoder, codes, **recipe(settings, settings.epochs, Adam(3e-3)))


def autoencoder(settings, train, _, test, test_labels):
    """The deep autoencoder: pretrained, with Adam alone, from small weights. Returns a table."""
    sizes = QUICK_DEEP if settings.quick else DEEP
    stack = Stacked(sizes, ["sigmoid"] * (len(sizes) - 2) + ["linear"], seed=settings.seed)
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
    curves = {name: history for name, _, history in common.compare(settings, networks, train, test)}
    draw_curves(settings, curves)

    table = common.Table("-".join(map(str, sizes)), {"squared_error_per_image": ("‖x − x̂‖² per image, test", ".2f")})
    some = figures.one_of_each(test_labels, 10)
    rows = [("original", test[some] / 255)]
    for name, metric, network, published in (
        ("pretrained, fine-tuned", "pretrained_fine_tuned", tuned, "3.00 (RBMs; Hinton & Salakhutdinov)"),
        ("pretrained alone", "pretrained_alone", unrolled, ""),
        ("Adam alone", "Adam_alone", adam, ""),
        ("small weights, descent", "small_weights_descent", small, '"the average"'),
    ):
        x_hat = network.reconstruct(test)
        table.add(name, {"squared_error_per_image": squared_error_per_image(x_hat, test)}, published, metric)
        rows.append((name, x_hat[some]))
    for name, metric, x_hat, published in (
        ("mean image", "mean_image", train.mean(axis=0) / 255, "52.90"),
        (f"PCA, {sizes[-1]} components", "pca", PCA(train, sizes[-1]).reconstruct(test), "13.87"),
    ):
        table.add(name, {"squared_error_per_image": squared_error_per_image(x_hat, test)}, published, metric)
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Reconstructions of test digits, code size 30")
    return table


def draw_curves(settings, histories):
    """Test and training loss over the epochs; those of pretraining are left empty."""
    curves = []
    for name, history in histories.items():
        pretraining = [np.nan] * (2 * settings.epochs - len(history))
        for label, column, style in ((name, "val_loss", "-"), (f"_{name}", "loss", ":")):
            curves.append((label, np.array(pretraining + history[column]) / 784, style))
    figures.learning_curves(settings.out / "loss.png", curves, "cross-entropy (nats per pixel)",
                            "Learning curves (solid: test, dotted: training)")  # fmt: skip


def classifier(settings, train, labels, test, test_labels):
    """The deep classifier: without pretraining, and fine-tuned after it. Returns a table."""
    stack = Stacked(QUICK_CLASSES if settings.quick else CLASSES, corruption=lambda: MaskingNoise(0.25),
                    seed=settings.seed)  # fmt: skip
    plain, epochs = stack.classifier(10), settings.epochs
    pretrain(settings, stack, train)
    networks = {
        "no pretraining": (plain, recipe(settings, 2 * epochs, descent())),
        "greedy pretraining": (stack.classifier(10), recipe(settings, epochs, descent())),
        "greedy pretraining, Adam": (stack.classifier(10), recipe(settings, epochs)),
    }
    published = iter(("2.4 Bengio 2007", "1.4 Bengio 2007", "1.28 Vincent 2010"))
    table = common.Table("-".join(map(str, stack.sizes)) + "-10", {"test_error_percent": ("test error, %", ".2f")},
                         "published (50,000 digits)")  # fmt: skip
    for name, network, _ in common.compare(settings, networks, (train, labels)):
        error = 100 * network.error_rate((test, test_labels))
        table.add(name, {"test_error_percent": error}, next(published), f"classifier_{common.key(name)}")
    return table


HALVES = {"autoencoder": autoencoder, "classifier": classifier}


if __name__ == "__main__":
    main()
