"""Denoising by convolutions: two networks of Keras' tutorials that see noisy digits and are asked for the clean ones.

Both have 32 channels, 3 × 3 kernels, ReLU, a code of 32 · 7 · 7 numbers and 28,353 parameters (npae/models/
convolutional.py). Gaussian noise is added to every pixel and clipped to [0, 1]: 0.5 for the network that comes back by
convolutions and doubling (the tutorial of 2016), 0.4 for the one with transposed convolutions (keras.io). The tutorials
drew their noise once, and the second began with a network that had learned clean digits; here the noise is a layer at
the head of the encoder, new in every epoch, and networks begin with nothing.

Cross-entropy, Adam, batches of 128; the learning rate warms up over half an epoch and falls along a cosine. It was
chosen on 2,000 of the last 5,000 training digits (noise 0.5, trained on the first 10,000, 2 epochs, one seed): 1 and
3 · 10⁻³ gave 0.151 and 0.141.

    python -m demos.conv_denoising           the embedded 10,000 digits
    python -m demos.conv_denoising --full    all 60,000: the data of the published numbers
"""

from demos import common, figures
from demos.baselines import squared_error_per_image
from demos.conv import as_images
from demos.denoising import corrupted, cross_entropy
from npae import convolutional_autoencoder, fit, save
from npae.layers import GaussianNoise
from npae.optim import Adam, Cosine, WarmUp

KINDS = {  # standard deviation of the noise: (transposed?, published cross-entropy a pixel, after 100 epochs)
    0.5: (False, "0.0932, at best 0.0928"),
    0.4: (True, "0.0839, at best 0.0837"),
}


def main(argv=None):
    """Train both, clean test digits, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("conv_denoising", __doc__.split("\n")[0], epochs=10, quick_epochs=2, argv=argv)
    train, _, test, test_labels = common.digits(settings)
    some = figures.one_of_each(test_labels, 10)
    metrics, rows, shown = {}, [], [("original", test[some] / 255)]
    for std, (transposed, published) in KINDS.items():
        print(f"noise {std}")
        noise = GaussianNoise(std, clip=(0, 1))
        model = convolutional_autoencoder([8, 8] if settings.quick else [32, 32], transposed=transposed, corruption=noise,
                              seed=settings.seed)  # fmt: skip
        history = fit(model.to(settings.device), as_images(train), epochs=settings.epochs, optimizer=Adam(3e-3),
                      batch_size=16 if settings.quick else 128,
                      schedule=WarmUp(0.5, Cosine(settings.epochs - 0.5, end=0.01)), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        noisy = corrupted(noise, test, [settings.seed, 1])
        cleaned = model.to("cpu").reconstruct(as_images(noisy)).reshape(-1, 784)
        found = {
            "noisy_squared_error_per_image": squared_error_per_image(noisy, test),
            "squared_error_per_image": squared_error_per_image(cleaned, test),
            "cross_entropy_nats_per_pixel": cross_entropy(cleaned, test / 255),
        }
        key = f"gaussian_{std}".replace(".", "_")
        metrics |= {f"{key}_{what}": value for what, value in found.items()}
        doing_nothing, error, loss = found.values()
        rows.append((std, f"{doing_nothing:.2f}", f"{error:.2f}", f"{loss:.4f}", published))
        shown += [(f"noise {std}", noisy[some]), ("cleaned", cleaned[some])]
        save(settings.out / f"{key}.npz", model)
    if settings.workers.rank:
        return None
    figures.digit_rows(settings.out / "cleaned.png", shown, "Noise, and what convolutions make of it")
    head = ("noise", "squared error an image, test", "cleaned", "nats a pixel", "published (60,000 digits, 100 epochs)")
    common.table(head, rows)
    return common.finish(settings, metrics, history)


if __name__ == "__main__":
    main()
