"""A deep autoencoder squeezes MNIST digits through four numbers.

784-256-128-64-32-16-8-4-8-…-784, ReLU units, a sigmoid output with cross-entropy, Adam, batches of 32, 20 epochs.
Four ReLU units are a narrow place: with plain random weights one or two of the four are often *dead*, zero on every
digit for ever, and now and then all are, and the network answers with the mean digit. What is done about it here:
the first weights are calibrated on the data, so that every unit starts out active on nearly all digits; and the
learning rate rises over the first epoch, so that no unit is thrown out of its active range by the first large steps,
and then falls along a cosine. How active, and the warm-up, were chosen on the last 5,000 training digits;
`benchmarks/seeds.py` counts what all of it is worth.

    python -m demos.deep                the embedded 10,000 digits
    python -m demos.deep --full         all 60,000
    OMP_NUM_THREADS=1 mpiexec -n 2 python -m demos.deep         two workers, each with half of every batch
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, pixel_entropy, squared_error_per_image
from npae import dense_autoencoder, fit, save
from npae.models import data_dependent_init
from npae.optim import Cosine, WarmUp

SIZES = [784, 256, 128, 64, 32, 16, 8, 4]


def main(argv=None):
    """Train, compare with PCA, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("deep", __doc__.split("\n")[0], epochs=20, quick_epochs=6, argv=argv)
    train, _, test, test_labels = common.digits(settings)

    model = dense_autoencoder(SIZES, seed=settings.seed)
    data_dependent_init(model, train[:1000], mean=2.0)
    model.to(settings.device)
    if not settings.quick:
        print(model.summary())
    schedule = WarmUp(1, Cosine(max(1, settings.epochs - 1)))
    history = fit(model, train, test, epochs=settings.epochs, batch_size=32, schedule=schedule, seed=settings.seed,
                  progress=settings.progress, workers=settings.workers)  # fmt: skip
    model.to("cpu")

    common.require(history)
    if settings.workers.rank:
        return None
    codes, x_hat = model.encode(test), model.reconstruct(test)
    pca = PCA(train, SIZES[-1])
    pca_hat = pca.reconstruct(test)
    metrics = {
        "test_cross_entropy_nats_per_pixel": model.evaluate(test)["reconstruction"] / 784,
        "train_cross_entropy_nats_per_pixel": history["loss"][-1] / 784,
        "floor_nats_per_pixel": pixel_entropy(test),
        "mean_image_nats_per_pixel": _mean_image_cross_entropy(train, test),
        "test_squared_error_per_image": squared_error_per_image(x_hat, test),
        "pca_squared_error_per_image": squared_error_per_image(pca_hat, test),
        "dead_code_units_count": int((np.ptp(codes, axis=0) == 0).sum()),
    }
    _draw(settings, history, codes, x_hat, pca_hat, test, test_labels, metrics)
    save(settings.out / "deep.npz", model)
    history.to_csv(settings.out / "history.csv")
    common.table(
        ("test set, four numbers a digit", "npae", "compare"),
        [
            ("cross-entropy, nats a pixel", f"{metrics['test_cross_entropy_nats_per_pixel']:.4f}",
             "0.1549 PyTorch, ReLU, median of 10 seeds, 60,000 digits"),
            ("", "", f"{metrics['mean_image_nats_per_pixel']:.4f} the mean digit (a collapsed network)"),
            ("", "", f"{metrics['floor_nats_per_pixel']:.4f} the pixels' own entropy: the floor"),
            ("squared error an image", f"{metrics['test_squared_error_per_image']:.2f}",
             f"{metrics['pca_squared_error_per_image']:.2f} PCA with four components"),
            ("dead code units of four", metrics["dead_code_units_count"], ""),
        ],
    )  # fmt: skip
    return common.finish(settings, metrics, history)


def _mean_image_cross_entropy(train, test):
    mean = np.clip(train.mean(axis=0) / 255, 1e-6, 1 - 1e-6)
    x = test.mean(axis=0) / 255
    return float(-(x * np.log(mean) + (1 - x) * np.log(1 - mean)).mean())


def _draw(settings, history, codes, x_hat, pca_hat, test, labels, metrics):
    some = figures.one_of_each(labels, 12)
    rows = [
        ("original", test[some] / 255),
        ("autoencoder", x_hat[some]),
        ("PCA", np.clip(pca_hat[some], 0, 1)),
    ]
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Digits through a code of four numbers", codes[some])
    figures.learning_curves(
        settings.out / "loss.png",
        [("training", np.array(history["loss"]) / 784, "-"), ("test", np.array(history["val_loss"]) / 784, "--")],
        "cross-entropy, nats a pixel", "Learning to reconstruct",
        [("the mean digit", metrics["mean_image_nats_per_pixel"])],
    )  # fmt: skip
    figures.code_space(settings.out / "codes.png", codes, labels, "The code space: test digits, every pair of units")


if __name__ == "__main__":
    main()
