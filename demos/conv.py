"""Convolutional autoencoders.

Three networks, with codes of 128 numbers and of 1568, two per pixel.

    pooled     channels 16, 8, 8; max pooling to 4 × 4; back by convolutions and upsampling         4,385 parameters
    strided    the same, but the last 7 × 7 are halved by a convolution of stride 2                 4,385
    large      channels 32, 32; max pooling to 7 × 7; back by transposed convolutions              28,353

3 × 3 kernels, ReLU, sigmoid output with cross-entropy: the networks of "Building autoencoders in Keras" (pooled: its
text; strided: its training log) and of keras.io, "Convolutional autoencoder for image denoising" (large).

    python -m demos.conv                                      the embedded 10,000 digits
    python -m demos.conv --full --only large                  all 60,000, one of the networks

Expected with --full, in nats per pixel on test digits: large 0.0642 after 10 epochs (9 minutes; published 0.0648) and
0.0617 after 50 (published 0.0622), strided 0.0785 after 24 (9 minutes) and 0.0750 after 100 (published 0.0798), pooled
0.0848 after 100 (43 minutes; published 0.094).
Pictures: reconstructions.png, maps.png, loss.png.
"""

import numpy as np

from demos import common, figures
from demos.baselines import RECONSTRUCTION, measure_reconstruction, pixel_entropy
from npae import convolutional_autoencoder
from npae.optim import Adam, Cosine, WarmUp

# name: (channels, those of a quick run, how to halve and double, batch size, learning rate, published)
NETWORKS = {
    "pooled": ([16, 8, 8], [8, 4, 4], {}, 32, 4e-3, "0.094 nats, text of 2016"),
    "strided": ([16, 8, 8], [8, 4, 4], {"pooled": 2}, 32, 4e-3, "0.0798 nats after 100 epochs"),
    "large": ([32, 32], [8, 8], {"transposed": True}, 128, 3e-3, "0.0648 nats after 10, 0.0622 after 50"),
}
OPTIONS = {"only": {"choices": NETWORKS, "help": "one of the networks"}}
COLUMNS = RECONSTRUCTION | {"parameters_count": ("parameters", ","), "seconds": ("seconds", ".0f")}


@common.demo("conv", __doc__, epochs=10, quick_epochs=2, own=OPTIONS)
def main(settings):
    """Train the networks, draw what they compute."""
    train, _, test, test_labels = common.digits(settings)

    networks = {}
    for name, (channels, quick_channels, kind, batch_size, learning_rate, _) in NETWORKS.items():
        if settings.own.only in (None, name):
            channels = quick_channels if settings.quick else channels
            model = convolutional_autoencoder(channels, seed=settings.seed, **kind)
            networks[name] = model, recipe(settings, batch_size, learning_rate)

    table, floor = settings.table("test digits", COLUMNS), pixel_entropy(test)
    some = figures.one_of_each(test_labels, 10)
    rows, curves, maps = [("original", test[some] / 255)], [], []
    for name, model, history in common.compare(settings, networks, as_images(train), as_images(test)):
        size = {"parameters_count": model.parameter_count, "seconds": sum(history["seconds"])}
        table.add(name, measure_reconstruction(model, as_images(test)) | size, NETWORKS[name][-1])
        code = np.prod(model.encoder.out_shape((1, 28, 28)))
        rows.append((f"{name}: {code}", model.reconstruct(as_images(test[some]))))
        curves += figures.losses(name, history)
        maps.append(feature_maps(name, model, as_images(test[some[2]])))
    settings.metrics["floor_nats_per_pixel"] = floor
    figures.digit_rows(settings.out / "reconstructions.png", rows, "Reconstructions, by network and code size")
    figures.feature_maps(settings.out / "maps.png", maps, "First kernels; feature maps and code of a test digit")
    figures.learning_curves(settings.out / "loss.png", curves, "cross-entropy (nats per pixel)",
                            levels=[("entropy of the pixels: lower bound", floor)])  # fmt: skip


def recipe(settings, batch_size, learning_rate):
    """Adam; its rate rises over half an epoch and falls along a cosine."""
    return {"batch_size": 16 if settings.quick else batch_size, "optimizer": Adam(learning_rate),
            "schedule": WarmUp(0.5, Cosine(settings.epochs - 0.5, end=0.01))}  # fmt: skip


def as_images(rows):
    """Rows of 784 pixels as images of one channel: (n, 1, 28, 28)."""
    return rows.reshape(-1, 1, 28, 28)


def feature_maps(name, model, image):
    """[(name, maps)]: kernels of the first layer, their feature maps of the image, all channels of its code."""
    conv = model.encoder[0]
    return [
        (f"{name}: {conv.c_out} kernels", conv.W.value[:, :, 0].transpose(2, 0, 1)),
        ("feature maps", conv((image / 255).astype(np.float32))[0]),
        ("code", model.encode(image)[0]),
    ]


if __name__ == "__main__":
    main()
