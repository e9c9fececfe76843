"""Denoising convolutional autoencoders.

The input is a noisy digit, the target is the clean one.

    x̃ = clip(x + σ ε, 0, 1), ε ~ N(0, 1)        x̂ = sigmoid(g(f(x̃)))        J = binary cross-entropy of x̂ and x

32, 32 channels, 3 × 3 kernels, ReLU, a code of 32 · 7 · 7 numbers, 28,353 parameters. σ = 0.5: back by convolutions
and upsampling ("Building autoencoders in Keras", 2016); σ = 0.4: by transposed convolutions (keras.io, "Convolutional
autoencoder for image denoising"). The noise is new in every epoch.

    python -m demos.conv_denoising           the embedded 10,000 digits
    python -m demos.conv_denoising --full    all 60,000

Expected without --full: 0.1106 (σ = 0.5) and 0.0975 (0.4) nats per pixel on test digits, after 3.5 minutes. Published
with 60,000 digits and 100 epochs: 0.0932 and 0.0839.
Picture: cleaned.png.
"""

from demos import common, figures
from demos.baselines import squared_error_per_image
from demos.conv import as_images, recipe
from demos.denoising import corrupted, cross_entropy
from npae import convolutional_autoencoder
from npae.layers import GaussianNoise

# name: (noise, transposed?, published)
KINDS = {
    "Gaussian 0.5": (GaussianNoise(0.5, clip=(0, 1)), False, "0.0932 nats, at best 0.0928"),
    "Gaussian 0.4": (GaussianNoise(0.4, clip=(0, 1)), True, "0.0839 nats, at best 0.0837"),
}
COLUMNS = {
    "noisy_squared_error_per_image": ("noisy input", ".2f"),
    "squared_error_per_image": ("denoised", ".2f"),
    "cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
}


@common.demo("conv_denoising", __doc__, epochs=10, quick_epochs=1)
def main(settings):
    """Train both networks and denoise test digits."""
    train, _, test, test_labels = common.digits(settings)

    channels = [8, 8] if settings.quick else [32, 32]
    networks = {name: (convolutional_autoencoder(channels, transposed=transposed, corruption=noise, seed=settings.seed),
                       recipe(settings, 128, 3e-3))
                for name, (noise, transposed, _) in KINDS.items()}  # fmt: skip

    table = settings.table("‖x − x̂‖² per image, test", COLUMNS, "published (60,000 digits, 100 epochs)")
    some = figures.one_of_each(test_labels, 10)
    rows = [("original", test[some] / 255)]
    for name, model, _ in common.compare(settings, networks, as_images(train)):
        noise, _, published = KINDS[name]
        noisy = corrupted(noise, test, [settings.seed, 1])
        x_hat = model.reconstruct(as_images(noisy)).reshape(-1, 784)
        table.add(name, {
            "noisy_squared_error_per_image": squared_error_per_image(noisy, test),
            "squared_error_per_image": squared_error_per_image(x_hat, test),
            "cross_entropy_nats_per_pixel": cross_entropy(x_hat, test / 255),
        }, published)  # fmt: skip
        rows += [(name, noisy[some]), ("denoised", x_hat[some])]
    figures.digit_rows(settings.out / "cleaned.png", rows, "Denoising by convolutional autoencoders")


if __name__ == "__main__":
    main()
