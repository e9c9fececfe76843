"""Denoising: an autoencoder that sees noisy digits and is asked for the clean ones, for several kinds of noise.

784-1000-784, ReLU units, sigmoid output with cross-entropy; the noise is a layer at the head of the encoder
(npae.layers.corruption), new in every epoch. Masking noise sets pixels to 0, salt and pepper to 0 or 1; Gaussian noise
is added to all of them and clipped to [0, 1], as in the Keras tutorials (0.5 in the one of 2016, 0.4 in that of
keras.io), whose networks are convolutional. Beside it: doing nothing, and the best that linear algebra can do, x̂ = x̃ A
+ b with the least squared error on noisy training digits.

What denoising does for a classifier: `demos.stacked`.

    python -m demos.denoising           the embedded 10,000 digits
    python -m demos.denoising --full    all 60,000: the data of the published numbers
"""

import numpy as np

from demos import common, figures
from demos.baselines import squared_error_per_image
from npae import dense_autoencoder, fit, save
from npae.layers import GaussianNoise, MaskingNoise, SaltAndPepper
from npae.optim import Adam, Cosine

# 784-1000-500-1000-784 was tried on the last 5,000 training digits too, for Gaussian 0.5, and was no better.
KINDS = {  # name: (noise, published cross-entropy a pixel)
    "Gaussian 0.4": (GaussianNoise(0.4, clip=(0, 1)), "0.0839"),
    "Gaussian 0.5": (GaussianNoise(0.5, clip=(0, 1)), "0.0928"),
    "masking 50 %": (MaskingNoise(0.5), ""),
    "salt and pepper 40 %": (SaltAndPepper(0.4), ""),
}


def main(argv=None):
    """Train one network a kind of noise, compare, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("denoising", __doc__.split("\n")[0], epochs=20, quick_epochs=4, argv=argv)
    train, _, test, test_labels = common.digits(settings)
    sizes = [784, 150 if settings.quick else 1000]
    batch_size, learning_rate = (25, 3e-3) if settings.quick else (128, 1e-3)
    some = figures.one_of_each(test_labels, 10)
    metrics, rows, shown = {}, [], [("original", test[some] / 255)]
    for name, (noise, published) in KINDS.items():
        print(name)
        model = dense_autoencoder(sizes, seed=settings.seed, corruption=noise).to(settings.device)
        history = fit(model, train, epochs=settings.epochs, batch_size=batch_size, optimizer=Adam(learning_rate),
                      schedule=Cosine(settings.epochs, end=0.02), seed=settings.seed, progress=settings.progress,
                      workers=settings.workers)  # fmt: skip
        common.require(history)
        noisy = corrupted(noise, test, [settings.seed, 1])
        cleaned = model.to("cpu").reconstruct(noisy)
        linear = best_linear(corrupted(noise, train, [settings.seed, 2]), train / 255, noisy)
        found = {
            "noisy_squared_error_per_image": squared_error_per_image(noisy, test),
            "linear_squared_error_per_image": squared_error_per_image(linear, test),
            "squared_error_per_image": squared_error_per_image(cleaned, test),
            "cross_entropy_nats_per_pixel": cross_entropy(cleaned, test / 255),
        }
        key = name.removesuffix(" %").replace(" ", "_").replace(".", "_").lower()
        metrics |= {f"{key}_{what}": value for what, value in found.items()}
        rows.append((name, *(f"{v:.{d}f}" for v, d in zip(found.values(), (2, 2, 2, 4), strict=True)), published))
        shown += [(name, noisy[some]), ("cleaned", cleaned[some])]
        save(settings.out / f"{key}.npz", model)
    if settings.workers.rank:
        return None
    figures.digit_rows(settings.out / "cleaned.png", [shown[0], *shown[3:]], "Noise, and what is made of it")
    common.table(
        ("squared error an image, test", "do nothing", "linear", "npae", "nats a pixel", "published (convolutional)"),
        rows,
    )
    return common.finish(settings, metrics, history)


def corrupted(noise, rows, seed):
    """uint8 rows in [0, 1] under noise that `seed` decides: (n, 784) float32."""
    noise.reseed(seed)
    return noise.forward((rows / 255).astype(np.float32), training=True)[0]


def best_linear(noisy, clean, new):
    """x̃ A + b for the rows `new`: A and b of least ‖noisy A + b − clean‖², a trifle added where pixels never vary."""
    mean, target = noisy.mean(axis=0), clean.mean(axis=0)
    z = noisy - mean
    A = np.linalg.solve(z.T @ z + 1e-3 * len(z) * np.eye(z.shape[1]), z.T @ (clean - target))
    return (new - mean) @ A + target


def cross_entropy(x_hat, x):
    """−x ln x̂ − (1 − x) ln(1 − x̂), averaged over pixels, with float32's largest probability below 1 at most."""
    x_hat = np.clip(x_hat, 1e-7, 1 - 1e-7)
    return float(-(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)).mean())


if __name__ == "__main__":
    main()
