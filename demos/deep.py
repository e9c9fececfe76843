"""A deep autoencoder with a code of four numbers.

784-256-128-64-32-16-8-4-8-16-32-64-128-256-784

    h = f(x)        x̂ = sigmoid(g(h))        J = binary cross-entropy of x̂ and x        ReLU in every hidden layer

    python -m demos.deep                the embedded 10,000 digits
    python -m demos.deep --full         all 60,000

Expected: 0.155 nats per pixel on test digits and no dead code units, after 20 s. With --full: 0.1350, the median of ten
seeds (0.1343 to 0.1361); PyTorch with default weights and a constant rate: 0.1549 (0.1492 to 0.2627).
Pictures: reconstructions.png, loss.png, codes.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import (
    PCA,
    RECONSTRUCTION,
    discriminants,
    measure_reconstruction,
    pixel_entropy,
    squared_error_per_image,
)
from npae import dense_autoencoder, save
from npae.models import data_dependent_init
from npae.optim import Cosine, WarmUp

SIZES = [784, 256, 128, 64, 32, 16, 8, 4]
COLUMNS = RECONSTRUCTION | {"dead_code_units_count": ("dead code units (of 4)", "d")}


def network(train, seed):
    """The autoencoder; the initial weights are scaled so that every unit is active on most of 1,000 digits."""
    model = dense_autoencoder(SIZES, code_activation="relu", seed=seed)
    data_dependent_init(model, train[:1000], mean=2.0)
    return model


def recipe(epochs):
    """Adam; its rate rises over the first epoch and falls along a cosine."""
    return {"batch_size": 32, "schedule": WarmUp(1, Cosine(max(1, epochs - 1)))}


@common.demo("deep", __doc__, epochs=20, quick_epochs=12)
def main(settings):
    """Train, compare with PCA."""
    train, _, test, test_labels = common.digits(settings)
    model = network(train, settings.seed)
    if not settings.quick:
        print(model.summary())
    history = common.train(settings, model, train, test, **recipe(settings.epochs))
    report(settings, model, history, train, test, test_labels)


def report(settings, model, history, train, test, test_labels):
    """Save the model, compare, draw."""
    save(settings.out / "deep.npz", model)
    history.to_csv(settings.out / "history.csv")
    codes, pca, some = model.encode(test), PCA(train, 4), figures.one_of_each(test_labels, 12)
    floor, mean = pixel_entropy(test), mean_image_cross_entropy(train, test)
    pca_error = squared_error_per_image(pca.reconstruct(test), test)

    table = settings.table("test digits, code size 4", COLUMNS, published=None)
    dead = {"dead_code_units_count": int((np.ptp(codes, axis=0) == 0).sum())}
    table.add("autoencoder", measure_reconstruction(model, test) | dead, prefix="")
    table.cite("PyTorch, median of 10 seeds, 60,000 digits", "0.1549")
    table.row("mean image: a collapsed network", f"{mean:.4f}")
    table.row("entropy of the pixels: lower bound", f"{floor:.4f}")
    table.row("PCA, 4 components", "", f"{pca_error:.2f}")
    settings.metrics |= {
        "train_cross_entropy_nats_per_pixel": history["loss"][-1] / 784, "floor_nats_per_pixel": floor,
        "mean_image_nats_per_pixel": mean, "pca_squared_error_per_image": pca_error,
    }  # fmt: skip

    rows = [("original", test[some] / 255), ("autoencoder", model.reconstruct(test[some])),
            ("PCA", pca.reconstruct(test[some]).clip(0, 1))]  # fmt: skip
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Reconstructions, code size 4", codes[some])
    figures.learning_curves(settings.out / "loss.png", figures.losses("autoencoder", history),
                            "cross-entropy (nats per pixel)", levels=[("mean image", mean)])  # fmt: skip
    figures.code_map(settings.out / "codes.png", discriminants(codes, test_labels), test_labels,
                     "Codes of the test digits, in the plane that separates the digits best",
                     "first linear discriminant of the four numbers", "second linear discriminant")  # fmt: skip


def mean_image_cross_entropy(train, test):
    """Cross-entropy per pixel, in nats, of a network that outputs the mean of the training images."""
    mean, x = np.clip(train.mean(axis=0) / 255, 1e-6, 1 - 1e-6), test.mean(axis=0) / 255
    return float(-(x * np.log(mean) + (1 - x) * np.log(1 - mean)).mean())


if __name__ == "__main__":
    main()
