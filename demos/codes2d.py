"""Two numbers a digit: a map of the digits, by a deep autoencoder and by PCA.

784-1000-500-250-2 and back, as in Hinton & Salakhutdinov 2006, figure 3, without their pretraining: ELU units, a linear
code, pixels from a sigmoid, squared error, Adam, batches of 64, a warm-up, then a cosine. How good a map is: what the
decoder makes of its points (squared error an image), and how often the five nearest training digits of a test digit
outvote it. Labels are used for the second number and for colours, never in training.

The learning rate was chosen among 1, 2 and 4 · 10⁻³ on the last 5,000 training digits (15 epochs on the first 10,000,
one seed), and so was ELU before ReLU, and squared error before cross-entropy (10 epochs).

    python -m demos.codes2d             the embedded 10,000 digits
    python -m demos.codes2d --full      all 60,000: the data of the published numbers
"""

from demos import common, figures
from demos.baselines import beside_pca
from npae import Autoencoder, dense_autoencoder, fit, save
from npae.layers import ELU, Identity, Sequential, Sigmoid
from npae.losses import SquaredError
from npae.optim import Adam, Cosine, WarmUp

SIZES, QUICK_SIZES = [784, 1000, 500, 250, 2], [784, 200, 100, 50, 2]


def network(sizes, seed=0):
    """The autoencoder of these sizes: a linear code, and an output in (0, 1)."""
    linear = dense_autoencoder(sizes, ELU, Identity, SquaredError(), seed=seed)
    return Autoencoder(linear.encoder, Sequential(*linear.decoder, Sigmoid()), SquaredError(), seed)


def main(argv=None):
    """Train, compare both maps, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("codes2d", __doc__.split("\n")[0], epochs=40, quick_epochs=10, argv=argv)
    train, labels, test, test_labels = common.digits(settings)
    model = network(QUICK_SIZES if settings.quick else SIZES, settings.seed).to(settings.device)
    history = fit(model, train, test, epochs=settings.epochs, batch_size=32 if settings.quick else 64,
                  optimizer=Adam(2e-3), schedule=WarmUp(1, Cosine(max(1, settings.epochs - 1))), seed=settings.seed,
                  progress=settings.progress, workers=settings.workers)  # fmt: skip
    common.require(history)
    model.to("cpu")
    if settings.workers.rank:
        return None

    metrics, arms = beside_pca(model, 2, train, labels, test, test_labels)
    rows, maps = [], []
    for (name, code, error, wrong), theirs in zip(arms, (("", ""), ("43.65", "57.6")), strict=True):
        rows.append((name, f"{error:.2f}", theirs[0], f"{wrong:.1f}", theirs[1]))
        maps.append((f"{name}: error {error:.1f}, 5-NN {wrong:.0f} %", code.encode(test)))
    figures.code_maps(settings.out / "maps.png", maps, test_labels, "Test digits on a map of two numbers, by rank")
    save(settings.out / "codes2d.npz", model)
    common.table(
        ("two numbers, test digits", "squared error an image", "60,000 digits", "5-NN error, %", "60,000 digits"), rows
    )
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
