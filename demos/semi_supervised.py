"""Ten labels a class, and all digits without: a semi-supervised autoencoder learns classes, and styles beside them.

784-1000-1000 and ten scores beside a style of ten numbers, and back; ReLU units, a fifth of the pixels missing at the
input, sigmoid output with cross-entropy; discriminators 1000-1000. All digits are seen, N of them with their label (as
many of each class), repeated until every fifth row has one. Beside it the same encoder as a classifier of the N alone.

Chosen at width 200 on 8,000 embedded digits by the labels of the other 2,000, more than N: after 5 epochs they are
misread in 16.5 % with 5 · 10⁻⁴ for the game, 23.2 % with 10⁻³, 17.0 % if half of the pixels are missing, 21.8 % with
styles of 4 numbers; after 3 epochs in 17.1 %, and 19.4 % with 2 · 10⁻⁴. One seed each, and far from the end.

    python -m demos.semi_supervised                   the embedded 10,000 digits
    python -m demos.semi_supervised --full            all 60,000: the data of the published numbers
    python -m demos.semi_supervised --labels 1000     how many labels are known; 100 unless said otherwise
"""

import numpy as np

from demos import common, figures
from npae import Autoencoder, Classifier, SemiSupervisedAutoencoder, dense_autoencoder, fit, save
from npae.data import hide_labels, oversample_labelled
from npae.layers import Dense, Identity, LeakyReLU, MaskingNoise, ReLU, Sequential, Softmax
from npae.models import GaussianPrior
from npae.optim import Adam, Cosine

PUBLISHED = {100: "1.90 ± 0.10", 1000: "1.60 ± 0.08"}  # Makhzani et al. 2015, table 2: test error in percent


def network(seed=0, width=1000, style=10):
    """The semi-supervised autoencoder of these sizes, for digits as rows."""

    def critic(n):
        return Sequential(Dense(n, width), LeakyReLU(0.2), Dense(width, width), LeakyReLU(0.2), Dense(width, 1))

    dense = dense_autoencoder([784, width, width, 10 + style], ReLU, Identity, seed=None)
    autoencoder = Autoencoder(Sequential(MaskingNoise(0.2), *dense.encoder, Softmax(10)), dense.decoder, seed=None)
    return SemiSupervisedAutoencoder(autoencoder, critic(10), critic(style), GaussianPrior(style), seed)


def classifier(seed=0, width=1000):
    """The same encoder with nothing but scores."""
    layers = MaskingNoise(0.2), Dense(784, width), ReLU(), Dense(width, width), ReLU(), Dense(width, 10)
    return Classifier(Sequential(*layers), 10, seed)


def main(argv=None):
    """Train both, count errors, draw, save. Worker 0 returns what metrics.json holds."""
    labels = {"type": int, "default": 100, "help": "digits whose label is known (default 100)"}
    settings = common.parse("semi_supervised", __doc__.split("\n")[0], epochs=20, quick_epochs=5, argv=argv,
                            own={"labels": labels})  # fmt: skip
    x, y, test, test_y = common.digits(settings)
    n, width = settings.own.labels, 100 if settings.quick else 1000
    if not 10 <= n <= len(y):
        raise SystemExit(f"--labels: expected 10 to {len(y)} of these digits, got {n}.")
    few = hide_labels(y, n, settings.seed)

    def train(model, data, epochs, optimizer, progress):
        history = fit(model.to(settings.device), data, epochs=epochs, batch_size=min(n, 25 if settings.quick else 50),
                      optimizer=optimizer, schedule=Cosine(epochs, end=0.02), seed=settings.seed, progress=progress,
                      workers=settings.workers)  # fmt: skip
        common.require(history)
        model.to("cpu")
        return history

    alone, model = classifier(settings.seed, width), network(settings.seed, width)
    train(alone, (x[few >= 0], y[few >= 0]), max(1, 50_000 // n), Adam(1e-3), "none")  # 1,000 steps
    game = Adam(5e-4, beta1=0.5)
    rates = {phase.name: game for phase in model.phases} | {"reconstruction": Adam(1e-3), "supervised": Adam(1e-3)}
    history = train(model, oversample_labelled(x, few, 0.2), settings.epochs, rates, settings.progress)
    if settings.workers.rank:
        return None

    errors = [100 * m.error_rate((test, test_y)) for m in (alone, model)]
    images = test[figures.one_of_each(test_y)]
    rows = [("", np.concatenate([image[None] / 255, model.decode(np.arange(10), np.tile(style, (10, 1)))]))
            for image, style in zip(images, model.encode(images)[1], strict=True)]  # fmt: skip
    figures.digit_rows(settings.out / "styles.png", rows, "A test digit on the left, and all ten classes in its style")
    save(settings.out / "semi_supervised.npz", model)
    history.to_csv(settings.out / "history.csv")
    common.table(
        (f"{n} labels, test digits misread, %", "npae", "published (60,000 digits)"),
        [("labelled digits alone", f"{errors[0]:.2f}", ""),
         ("all digits", f"{errors[1]:.2f}", PUBLISHED.get(n, ""))],
    )  # fmt: skip
    return common.finish(settings, {"labels": n, "supervised_test_error_percent": errors[0],
                                    "semi_supervised_test_error_percent": errors[1]}, history)  # fmt: skip


if __name__ == "__main__":
    main()
