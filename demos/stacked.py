"""Greedy pretraining: a deep logistic network stays at the mean digit, and the same network pretrained does not.

784-1000-500-250-30 and back, logistic units and a linear code, as in Hinton & Salakhutdinov 2006. On its way down every
layer multiplies the gradient by slopes of a quarter at most: from small random weights, gradient descent does not get
away from the mean digit. Pretrained one layer at a time as small autoencoders, unrolled and fine-tuned, it does; the
third arm has the pretrained one's first weights (Glorot's) and Adam, and nothing else. All arms see the data equally
often; the pretrained one spends half of that on its depths, each of which costs a fraction of the whole network.

784-1000-1000-1000 and ten classes, as in Bengio et al. 2007 and Vincent et al. 2010: the same with labels, from the
same first weights. There the depths are denoising autoencoders (a quarter of the pixels or codes missing). Descent, the
papers' optimizer, shows what pretraining gains; a third arm fine-tunes with Adam.

    python -m demos.stacked                       the embedded 10,000 digits
    python -m demos.stacked --full                all 60,000: the data of the published numbers
    python -m demos.stacked --only classifier     one half of it: autoencoder, or classifier
"""

import re

import numpy as np

from demos import common, figures
from demos.baselines import PCA, squared_error_per_image
from npae import fit, save
from npae.layers import Identity, MaskingNoise, Sigmoid
from npae.models import Stacked
from npae.optim import SGD, Adam, Cosine

DEEP, CLASSES = [784, 1000, 500, 250, 30], [784, 1000, 1000, 1000]
QUICK_DEEP, QUICK_CLASSES = [784, 200, 100, 50, 30], [784, 100, 100, 100]


def descent():
    """Gradient descent with momentum, as in the papers."""
    return SGD(0.02, momentum=0.9)


def adaptive():
    """For the depths: gradient descent has no one rate that is right for all of them."""
    return Adam(3e-3)


def main(argv=None):
    """Train both networks with and without pretraining, draw, save. Worker 0 returns what metrics.json holds."""
    only = {"choices": HALVES, "help": "one half of it"}
    settings = common.parse("stacked", __doc__.split("\n")[0], epochs=20, quick_epochs=5, argv=argv, own={"only": only})
    data, metrics = common.digits(settings), {}

    def run(network, data, validation=None, epochs=settings.epochs, optimizer=Adam):
        history = fit(network.to(settings.device), data, validation, epochs=epochs, optimizer=optimizer(),
                      batch_size=20 if settings.quick else 64, schedule=Cosine(epochs, end=0.02), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        return history

    for half in HALVES:
        if settings.own.only in (None, half):
            found, history = HALVES[half](settings, data, run)
            metrics |= found
    return None if settings.workers.rank else common.finish(settings, metrics, history)


def pretrain(stack, data, run):
    """Train every depth of the stack on what the one before makes of the data."""
    for k, (autoencoder, codes) in enumerate(stack.depths(data)):
        print(f"pretraining depth {k + 1}: {stack.sizes[k]}-{stack.sizes[k + 1]}-{stack.sizes[k]}")
        run(autoencoder, codes, optimizer=adaptive)


def autoencoder(settings, data, run):
    """The deep autoencoder: pretrained, with Adam alone, from small weights. Returns (metrics, history)."""
    train, _, test, test_labels = data
    sizes = QUICK_DEEP if settings.quick else DEEP
    stack = Stacked(sizes, [Sigmoid] * (len(sizes) - 2) + [Identity], seed=settings.seed)
    adapted, small = stack.unroll(), stack.unroll()
    small.theta.assign(0.01 * np.random.default_rng(settings.seed).standard_normal(small.theta.size, np.float32))
    pretrain(stack, train, run)
    unrolled, tuned = stack.unroll(), stack.unroll()
    curves = {}
    for name, network, epochs, optimizer in (
        ("pretrained, fine-tuned", tuned, settings.epochs, Adam),
        ("Adam alone", adapted, 2 * settings.epochs, Adam),
        ("small weights, descent", small, 2 * settings.epochs, descent),
    ):
        print(name)
        curves[name] = run(network, train, test, epochs, optimizer)
    history = curves["pretrained, fine-tuned"]
    if settings.workers.rank:
        return {}, history

    arms = {"pretrained, fine-tuned": tuned, "pretrained alone": unrolled, "Adam alone": adapted,
            "small weights, descent": small}  # fmt: skip
    x_hats = {name: network.to("cpu").reconstruct(test) for name, network in arms.items()}
    error = {name: squared_error_per_image(x_hat, test) for name, x_hat in x_hats.items()}
    mean = squared_error_per_image(train.mean(axis=0, keepdims=True) / 255, test)
    pca = squared_error_per_image(PCA(train, sizes[-1]).reconstruct(test), test)
    metrics = {"_".join(re.findall(r"\w+", name)) + "_squared_error_per_image": e for name, e in error.items()}
    metrics |= {"mean_image_squared_error_per_image": mean, "pca_squared_error_per_image": pca}
    _draw(settings, curves, x_hats, test, test_labels)
    save(settings.out / "deep.npz", tuned)
    common.table(
        (f"{'-'.join(map(str, sizes))}, squared error an image, test", "npae", "published (60,000 digits)"),
        [
            ("greedy pretraining, fine-tuning", f"{error['pretrained, fine-tuned']:.2f}", "3.00 (RBMs; Hinton 2006)"),
            ("greedy pretraining alone", f"{error['pretrained alone']:.2f}", ""),
            ("no pretraining, Adam", f"{error['Adam alone']:.2f}", ""),
            ("no pretraining, small weights, descent", f"{error['small weights, descent']:.2f}", '"the average"'),
            ("the mean digit", f"{mean:.2f}", "52.90"),
            (f"PCA with {sizes[-1]} components", f"{pca:.2f}", "13.87"),
        ],
    )  # fmt: skip
    return metrics, history


def classifier(settings, data, run):
    """The deep classifier: labels alone, and fine-tuned after pretraining. Returns (metrics, history)."""
    train, labels, test, test_labels = data
    stack = Stacked(QUICK_CLASSES if settings.quick else CLASSES, corruption=lambda: MaskingNoise(0.25),
                    seed=settings.seed)  # fmt: skip
    plain = stack.classifier(10)
    pretrain(stack, train, run)
    arms = {  # name: (network, epochs, optimizer, published error)
        "no pretraining": (plain, 2 * settings.epochs, descent, "2.4 Bengio 2007"),
        "greedy pretraining": (stack.classifier(10), settings.epochs, descent, "1.4 Bengio 2007"),
        "greedy pretraining, Adam": (stack.classifier(10), settings.epochs, Adam, "1.28 Vincent 2010"),
    }
    metrics, rows = {}, []
    for name, (network, epochs, optimizer, published) in arms.items():
        print(f"classifier, {name}")
        history = run(network, (train, labels), epochs=epochs, optimizer=optimizer)
        wrong = 100 * network.to("cpu").error_rate((test, test_labels))
        metrics[f"classifier_{'_'.join(re.findall('[a-z]+', name.lower()))}_test_error_percent"] = wrong
        rows.append((name, f"{wrong:.2f}", published))
    if settings.workers.rank == 0:
        save(settings.out / "classifier.npz", network)
        common.table(
            (f"{'-'.join(map(str, stack.sizes))}-10, test digits misread, %", "npae", "published (50,000 digits)"), rows
        )
    return metrics, history


HALVES = {"autoencoder": autoencoder, "classifier": classifier}


def _draw(settings, curves, x_hats, test, labels):
    some = figures.one_of_each(labels, 10)
    rows = [("original", test[some] / 255), *((name, x_hat[some]) for name, x_hat in x_hats.items())]
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Through 30 numbers, by eight layers")
    lines = []
    for name, history in curves.items():
        before = [np.nan] * (2 * settings.epochs - len(history))  # the epochs of pretraining
        lines += [(label, np.array(before + history[column]) / 784, style)
                  for label, column, style in ((name, "val_loss", "-"), (f"_{name}", "loss", ":"))]  # fmt: skip
    figures.learning_curves(
        settings.out / "loss.png", lines, "cross-entropy, nats a pixel (dotted: training)", "Learning to reconstruct"
    )


if __name__ == "__main__":
    main()
