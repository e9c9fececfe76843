"""Two dense autoencoders.

784-32-784 and 784-128-64-32-64-128-784

    h = ReLU(x W + b)        x̂ = sigmoid(h V + c)        J = binary cross-entropy of x̂ and x

The networks of "Building autoencoders in Keras" (blog.keras.io, 2016).

    python -m demos.simple              the embedded 10,000 digits
    python -m demos.simple --full       all 60,000

Expected with --full: 0.0908 and 0.0829 nats per pixel on test digits (published: 0.0914 and 0.0845), after 38 s and
125 s of one core.
Pictures: reconstructions.png, loss.png.
"""

from demos import common, figures
from demos.baselines import PCA, RECONSTRUCTION, measure_reconstruction, pixel_entropy, squared_error_per_image
from npae import dense_autoencoder
from npae.models import data_dependent_init
from npae.optim import Adam, Cosine

PUBLISHED = {"784-32": "0.0914 nats per pixel", "784-128-64-32": "0.0845 nats per pixel"}
COLUMNS = RECONSTRUCTION | {"seconds": ("seconds", ".0f")}


@common.demo("simple", __doc__, epochs=50, quick_epochs=6)
def main(settings):
    """Train both networks and compare them with PCA."""
    train, _, test, test_labels = common.digits(settings)

    def recipe(learning_rate):
        return {"batch_size": 256, "optimizer": Adam(learning_rate), "schedule": Cosine(settings.epochs, end=0.02)}

    small = dense_autoencoder([784, 32], code_activation="relu", seed=settings.seed)
    data_dependent_init(small, train[:1000], mean=0.0)
    deep = dense_autoencoder([784, 128, 64, 32], code_activation="relu", seed=settings.seed)
    networks = {"784-32": (small, recipe(8e-3)), "784-128-64-32": (deep, recipe(2e-3))}

    table, some = settings.table("test digits", COLUMNS), figures.one_of_each(test_labels, 10)
    rows, curves = [("original", test[some] / 255)], []
    for name, model, history in common.compare(settings, networks, train, test):
        measures = measure_reconstruction(model, test) | {"seconds": sum(history["seconds"])}
        table.add(name, measures, PUBLISHED[name])
        rows.append((name, model.reconstruct(test[some])))
        curves += figures.losses(name, history)

    x_hat, floor = PCA(train, 32).reconstruct(test), pixel_entropy(test)
    error = squared_error_per_image(x_hat, test)
    table.row("PCA, 32 components", "", f"{error:.2f}")
    settings.metrics |= {"floor_nats_per_pixel": floor, "pca_squared_error_per_image": error}
    rows.append(("PCA, 32", x_hat[some].clip(0, 1)))
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Reconstructions of test digits, code size 32")
    figures.learning_curves(settings.out / "loss.png", curves, "cross-entropy (nats per pixel)",
                            levels=[("entropy of the pixels: lower bound", floor)])  # fmt: skip


if __name__ == "__main__":
    main()
