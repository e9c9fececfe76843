"""Denoising autoencoders for four kinds of noise.

784-1000-784: the input is a noisy digit, the target is the clean one.

    x̃ ~ q(x̃ | x)        x̂ = sigmoid(ReLU(x̃ W + b) V + c)        J = binary cross-entropy of x̂ and x

Gaussian noise is clipped to [0, 1], masking sets pixels to 0, salt and pepper to 0 or 1; all are new in every epoch.
The baseline is x̂ = x̃ A + b, fitted by least squares. (`demos.stacked` trains a classifier on denoising autoencoders.)

    python -m demos.denoising           the embedded 10,000 digits
    python -m demos.denoising --full    all 60,000

Expected with --full, ‖x − x̂‖² per test image: 6.3 for Gaussian noise of 0.4 (noisy: 62.5, linear: 11.5), 8.6 for 0.5
(90.7, 15.1), 7.2 for masking 50 % (44.6, 14.8), 11.7 for salt and pepper 40 % (151.1, 19.6). 25 minutes.
Picture: cleaned.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import squared_error_per_image
from npae import dense_autoencoder
from npae.layers import GaussianNoise, MaskingNoise, SaltAndPepper
from npae.optim import Adam, Cosine

KINDS = {  # name: (noise, published)
    "Gaussian 0.4": (GaussianNoise(0.4, clip=(0, 1)), "0.0839 nats per pixel"),
    "Gaussian 0.5": (GaussianNoise(0.5, clip=(0, 1)), "0.0928 nats per pixel"),
    "masking 50 %": (MaskingNoise(0.5), ""),
    "salt and pepper 40 %": (SaltAndPepper(0.4), ""),
}
COLUMNS = {
    "noisy_squared_error_per_image": ("noisy input", ".2f"),
    "linear_squared_error_per_image": ("linear", ".2f"),
    "squared_error_per_image": ("autoencoder", ".2f"),
    "cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
}


@common.demo("denoising", __doc__, epochs=20, quick_epochs=3)
def main(settings):
    """Train one network per kind of noise and denoise test digits."""
    train, _, test, test_labels = common.digits(settings)

    units, batch_size, learning_rate = (150, 25, 3e-3) if settings.quick else (1000, 128, 1e-3)
    networks = {}
    for name, (noise, _) in KINDS.items():
        model = dense_autoencoder([784, units], code_activation="relu", seed=settings.seed, corruption=noise)
        networks[name] = model, {"batch_size": batch_size, "optimizer": Adam(learning_rate),
                                 "schedule": Cosine(settings.epochs, end=0.02)}  # fmt: skip

    table = settings.table("‖x − x̂‖² per image, test", COLUMNS, "published (convolutional, 60,000 digits)")
    rows, some = [], figures.one_of_each(test_labels, 10)
    for name, model, _ in common.compare(settings, networks, train):
        noise, published = KINDS[name]
        noisy = corrupted(noise, test, [settings.seed, 1])
        x_hat = model.reconstruct(noisy)
        linear = best_linear(corrupted(noise, train, [settings.seed, 2]), train / 255, noisy)
        table.add(name, {
            "noisy_squared_error_per_image": squared_error_per_image(noisy, test),
            "linear_squared_error_per_image": squared_error_per_image(linear, test),
            "squared_error_per_image": squared_error_per_image(x_hat, test),
            "cross_entropy_nats_per_pixel": cross_entropy(x_hat, test / 255),
        }, published)  # fmt: skip
        rows += [(name, noisy[some]), ("denoised", x_hat[some])]
    rows = [("original", test[some] / 255), *rows[2:]]  # one Gaussian is enough
    figures.digit_rows(settings.out / "cleaned.png", rows, "Denoising autoencoders, three kinds of noise")


def corrupted(noise, rows, seed):
    """uint8 rows scaled to [0, 1], with noise drawn from `seed`: (n, 784) float32."""
    noise.reseed(seed)
    return noise.forward((rows / 255).astype(np.float32), training=True)[0]


def best_linear(noisy, clean, new):
    """x̃ A + b for the rows `new`, where A and b minimise ‖noisy A + b − clean‖²; a small ridge for constant pixels."""
    mean, target = noisy.mean(axis=0), clean.mean(axis=0)
    centred = noisy - mean
    ridge = 1e-3 * len(noisy) * np.eye(noisy.shape[1])
    A = np.linalg.solve(centred.T @ centred + ridge, centred.T @ (clean - target))
    return (new - mean) @ A + target


def cross_entropy(x_hat, x):
    """−x ln x̂ − (1 − x) ln(1 − x̂), the mean over pixels; x̂ is clipped to [10⁻⁷, 1 − 10⁻⁷]."""
    x_hat = np.clip(x_hat, 1e-7, 1 - 1e-7)
    return float(-(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)).mean())


if __name__ == "__main__":
    main()
