"""Three convolutional autoencoders: codes of 128 numbers a digit, and of 1568, twice as many as there are pixels.

The networks of Keras' tutorials (npae/models/convolutional.py), 3 × 3 kernels and ReLU throughout:

    pooled     16, 8, 8 channels, pooled to 4 × 4; back by convolutions and doubling               4,385 parameters
    strided    the same, but the last 7 × 7 are halved by the stride of the convolution            4,385
    large      32, 32 channels, pooled to 7 × 7; back by transposed convolutions                   28,353

The first is in the text of the tutorial, the second made its best known training log. A maximum keeps that there was
an edge in a 2 × 2 window, and forgets where.

Cross-entropy, Adam; the learning rate warms up over half an epoch and falls along a cosine. Small batches suit the
small networks: on a CPU an epoch of them costs little more, and takes many more steps. On the last 5,000 training
digits, trained on the others, 4 epochs, one seed, the pooled network had:

    batches of          128               32                     16                8
    rate, 10⁻³       8      16       4     8      16       8     16     24        12
    nats a pixel   0.108  0.103    0.100  0.096  0.093    0.093  0.092  0.092    0.093

What is best for 4 epochs is not for 100: at 16 · 10⁻³ and 16 digits a batch 14 of the 16 first kernels were lost on the
way, answering no digit any more (0.0859 on test digits). So the small networks take 32 and 4 · 10⁻³. The strided one
was given the same; 4 epochs of it gave 0.091, where the pooled one has 0.100.

The large one has batches of 128 and 3 · 10⁻³, by 2,000 of these digits (trained on the first 10,000, 2 epochs): 1, 3
and 6 · 10⁻³ gave 0.0920, 0.0832 and 0.0833.

The large code could hold two copies of the digit. What keeps it from copying is what it consists of: 32 answers to each
patch of 4 × 4 pixels, out of which the same small kernels have to make digits everywhere.

    python -m demos.conv                                      the embedded 10,000 digits
    python -m demos.conv --full                               all 60,000: the data of the published numbers
    python -m demos.conv --full --only strided --epochs 100   one of the three
"""

import numpy as np

from demos import common, figures
from demos.baselines import pixel_entropy, squared_error_per_image
from npae import convolutional_autoencoder, fit, save
from npae.optim import Adam, Cosine, WarmUp

# name: (channels, those of a quick run, how to halve and double, batch size, learning rate, published nats a pixel)
NETWORKS = {
    "pooled": ([16, 8, 8], [8, 4, 4], {}, 32, 4e-3, "0.094, text of 2016"),
    "strided": ([16, 8, 8], [8, 4, 4], {"pooled": 2}, 32, 4e-3, "0.0798 after 100 epochs"),
    "large": ([32, 32], [8, 8], {"transposed": True}, 128, 3e-3, "0.0648 after 10, 0.0622 after 50"),
}


def main(argv=None):
    """Train them, draw what they see, compare with the published logs. Worker 0 returns what metrics.json holds."""
    only = {"choices": NETWORKS, "help": "one of the networks"}
    settings = common.parse("conv", __doc__.split("\n")[0], epochs=10, quick_epochs=2, argv=argv, own={"only": only})
    train, _, test, test_labels = common.digits(settings)
    metrics, rows, curves, maps = {"floor_nats_per_pixel": pixel_entropy(test)}, [], [], []
    some = figures.one_of_each(test_labels, 10)
    shown = [("original", test[some] / 255)]
    for name, (channels, quick_channels, kind, batch_size, learning_rate, published) in NETWORKS.items():
        if settings.own.only not in (None, name):
            continue
        print(name)
        model = convolutional_autoencoder(quick_channels if settings.quick else channels, seed=settings.seed, **kind)
        history = fit(model.to(settings.device), as_images(train), as_images(test), epochs=settings.epochs,
                      optimizer=Adam(learning_rate), batch_size=16 if settings.quick else batch_size,
                      schedule=WarmUp(0.5, Cosine(settings.epochs - 0.5, end=0.01)), seed=settings.seed,
                      progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        x_hat = model.to("cpu").reconstruct(as_images(test)).reshape(-1, 784)
        found = {
            "test_cross_entropy_nats_per_pixel": history["val_loss"][-1] / 784,
            "test_squared_error_per_image": squared_error_per_image(x_hat, test),
            "parameters_count": model.parameter_count,
            "seconds": sum(history["seconds"]),
        }
        metrics |= {f"{name}_{what}": value for what, value in found.items()}
        loss, error, count, seconds = found.values()
        code = model.encoder.out_shape((1, 28, 28))
        rows.append(
            (name, " x ".join(map(str, code)), f"{count:,}", f"{loss:.4f}", published, f"{error:.2f}", f"{seconds:.0f}")
        )
        shown.append((f"{name}: {np.prod(code)}", x_hat[some]))
        curves += [(f"{name}, training", np.array(history["loss"]) / 784, "-"),
                   (f"{name}, test", np.array(history["val_loss"]) / 784, "--")]  # fmt: skip
        maps.append(what_it_sees(name, model, as_images(test[some[2]])))
        save(settings.out / f"{name}.npz", model)
    if settings.workers.rank:
        return None
    figures.digit_rows(settings.out / "reconstructions.png", shown, "Digits through convolutions")
    figures.feature_maps(settings.out / "maps.png", maps, "Kernels, what they answer to a digit, and its code")
    figures.learning_curves(
        settings.out / "loss.png", curves, "cross-entropy, nats a pixel", "Learning to reconstruct",
        [("the pixels' own entropy", metrics["floor_nats_per_pixel"])],
    )  # fmt: skip
    head = ("network", "code", "parameters", "test nats a pixel", "published (60,000 digits)")
    common.table((*head, "squared error an image", "seconds"), rows)
    return common.finish(settings, metrics, history)


def as_images(rows):
    """Rows of 784 pixels as images of one channel: (n, 1, 28, 28)."""
    return rows.reshape(-1, 1, 28, 28)


def what_it_sees(name, model, image):
    """[(name, maps)]: kernels of the first layer, their answers to the image behind ReLU, all channels of its code."""
    conv, relu = model.encoder[:2]
    answers = relu(conv((image / 255).astype(np.float32)))[0]
    return [
        (f"{name}: {conv.c_out} kernels", conv.W.value[:, :, 0].transpose(2, 0, 1)),
        ("their answers", answers),
        ("the code", model.encode(image)[0]),
    ]


if __name__ == "__main__":
    main()
