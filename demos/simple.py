"""The two networks that most tutorials begin with: 784-32-784 and 784-128-64-32-64-128-784.

ReLU units, sigmoid output with cross-entropy, Adam, batches of 256, 50 epochs: the networks of the Keras tutorial
(blog.keras.io, "Building autoencoders in Keras", 2016), whose logs are the numbers to compare with. The learning rate
falls along a cosine.

    python -m demos.simple              the embedded 10,000 digits
    python -m demos.simple --full       all 60,000: the protocol of the published numbers
"""

import numpy as np

from demos import common, figures
from demos.baselines import PCA, pixel_entropy, squared_error_per_image
from npae import dense_autoencoder, fit, save
from npae.models import data_dependent_init
from npae.optim import Adam, Cosine

# name: (sizes, published cross-entropy, learning rate, are the first weights calibrated on data?)
# The last two were chosen on the last 5,000 training digits, one seed, with the cosine: for the first network among
# 1, 2, 4 · 10⁻³ without and 1, 2, 4, 8 · 10⁻³ with calibration; for the second, 1, 2, 4 without and 2 with.
NETWORKS = {
    "one code layer": ([784, 32], 0.0914, 8e-3, True),
    "three layers to the code": ([784, 128, 64, 32], 0.0845, 2e-3, False),
}


def main(argv=None):
    """Train both, compare with PCA and the published logs, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("simple", __doc__.split("\n")[0], epochs=50, quick_epochs=6, argv=argv)
    train, _, test, test_labels = common.digits(settings)
    trained = []
    for name, (sizes, published, learning_rate, calibrated) in NETWORKS.items():
        short = "-".join(map(str, sizes))
        print(f"\n{short}-…-784")
        model = dense_autoencoder(sizes, seed=settings.seed)
        if calibrated:
            data_dependent_init(model, train[:1000])
        model.to(settings.device)
        history = fit(
            model, train, test, epochs=settings.epochs, batch_size=256, optimizer=Adam(learning_rate),
            schedule=Cosine(settings.epochs, end=0.02), seed=settings.seed, progress=settings.progress,
            workers=settings.workers,
        )  # fmt: skip
        common.require(history)
        trained.append((name, short, published, model.to("cpu"), history))
    if settings.workers.rank:
        return None

    pca_hat = PCA(train, 32).reconstruct(test)
    some = figures.one_of_each(test_labels, 10)
    rows, curves, results = [("original", test[some] / 255)], [], []
    metrics = {
        "floor_nats_per_pixel": pixel_entropy(test),
        "pca_squared_error_per_image": squared_error_per_image(pca_hat, test),
    }
    for name, short, published, model, history in trained:
        x_hat = model.reconstruct(test)
        loss, error = model.evaluate(test)["reconstruction"] / 784, squared_error_per_image(x_hat, test)
        key = short.replace("-", "_")
        metrics[f"{key}_test_cross_entropy_nats_per_pixel"] = loss
        metrics[f"{key}_test_squared_error_per_image"] = error
        metrics[f"{key}_seconds"] = sum(history["seconds"])
        results.append((short, f"{loss:.4f}", f"{published:.4f}", f"{error:.2f}", f"{sum(history['seconds']):.0f}"))
        rows.append((short, x_hat[some]))
        curves += [
            (f"{name}, training", np.array(history["loss"]) / 784, "-"),
            (f"{name}, test", np.array(history["val_loss"]) / 784, "--"),
        ]
        save(settings.out / f"{short}.npz", model)
    rows.append(("PCA, 32", np.clip(pca_hat[some], 0, 1)))
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Digits through a code of 32 numbers")
    figures.learning_curves(
        settings.out / "loss.png", curves, "cross-entropy, nats a pixel", "Learning to reconstruct",
        [("the pixels' own entropy", metrics["floor_nats_per_pixel"])],
    )  # fmt: skip
    results.append(("PCA, 32", "", "", f"{metrics['pca_squared_error_per_image']:.2f}", ""))
    common.table(
        ("network", "test nats a pixel", "published (60,000 digits)", "squared error an image", "seconds"), results
    )
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
