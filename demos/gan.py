"""A generative adversarial network of digits.

A generator draws digits, and a discriminator separates them from those of the data.

    J_D = −E[ln D(x)] − E[ln(1 − D(G(z)))]        J_G = −E[ln D(G(z))]        z ~ N(0, 1)

Generator 64-256-512-784 with batch normalisation, discriminator 784-512-256-1 with dropout, leaky ReLU. With
--convolutional: a dense layer and two convolutions after upsampling (64, 32 channels), against two convolutions of
stride 2 (32, 64) with dropout. Measures on test digits, also for training digits in place of samples: the accuracy of
a nearest-neighbour two-sample test (½: the same distribution), and the Parzen log-likelihood of the published tables
(npae/evaluate/parzen.py explains its weakness).

    python -m demos.gan                          the embedded 10,000 digits
    python -m demos.gan --full --epochs 20       all 60,000
    python -m demos.gan --convolutional          convolutional networks

Expected with --full --epochs 20, two runs: two-sample accuracy 0.802 and 0.817 (training digits: 0.560), Parzen
log-likelihood 174 and 167 nats (training digits: 243; published: 225). 5 minutes.
Pictures: samples.png, nearest.png, diagnostics.png.
"""

from demos import common, figures
from demos.baselines import nearest
from demos.conv import as_images
from npae import GAN, save
from npae.backend import to_device
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.evaluate.distances import as_rows
from npae.layers import BatchNorm, Conv2D, Dense, Dropout, LeakyReLU, Sequential, Sigmoid
from npae.models import GaussianPrior, conv_decoder, conv_encoder
from npae.models.adversarial.game import diversity
from npae.optim import Adam, Cosine
from npae.train import Callback

OPTIONS = {"convolutional": {"action": "store_true", "help": "convolutional networks in place of dense ones"}}
COLUMNS = {
    "parzen_nats": ("Parzen, nats", ".0f"),
    "parzen_standard_error_nats": ("standard error", ".1f"),
    "two_sample_accuracy": ("two-sample accuracy", ".3f"),
    "two_sample_accuracy_of_samples": ("of samples", ".3f"),
    "two_sample_accuracy_of_data": ("of test digits", ".3f"),
    "diversity": ("diversity", ".2f"),
}


def network(seed=0, width=512, code=64):
    """The GAN of these sizes, for digits as rows in [0, 1]."""
    half, leaky = width // 2, LeakyReLU(0.2)
    generator = Sequential(
        Dense(code, half), BatchNorm(half), leaky, Dense(half, width), BatchNorm(width), leaky,
        Dense(width, 784, "sigmoid"),
    )  # fmt: skip
    discriminator = Sequential(
        Dense(784, width, leaky), Dropout(0.3), Dense(width, half, leaky), Dropout(0.3), Dense(half, 1)
    )
    return GAN(generator, discriminator, GaussianPrior(code), seed=seed)


def convolutional_network(seed=0, channels=(64, 32), code=64):
    """The GAN for digits as images (1, 28, 28) in [0, 1]; channels of the generator, reversed in the discriminator."""
    leaky = LeakyReLU(0.2)
    decoder, layers = conv_decoder(code, channels, activation=leaky, normalised=True, transposed=False), []
    for layer in conv_encoder(channels[::-1], [1], activation=leaky):
        layers += [layer, Dropout(0.3)] if isinstance(layer, Conv2D) else [layer]
    return GAN(Sequential(*decoder, Sigmoid()), Sequential(*layers), GaussianPrior(code), seed=seed)


class SamplesDuringTraining(Callback):
    """Keeps samples of the same 14 latent codes after some of the epochs: `rows` is [(name, images)]."""

    def __init__(self, epochs):
        self.epochs, self.rows = {1, 2, epochs // 16, epochs // 4, epochs}, []

    def on_epoch_done(self, trainer, row):
        if row["epoch"] in self.epochs:
            self.rows.append((f"epoch {row['epoch']}", to_device(trainer.model.sample(14), "cpu")))


@common.demo("gan", __doc__, epochs=60, quick_epochs=12, own=OPTIONS, compared_epochs=20)
def main(settings):
    """Train, compare samples with test digits."""
    digits, _, test, _ = common.digits(settings)
    train, validation = digits[: -len(digits) // 10], digits[-len(digits) // 10 :]
    if settings.own.convolutional:
        train, validation, test = map(as_images, (train, validation, test))
        model = convolutional_network(settings.seed, (8, 4) if settings.quick else (64, 32))
    else:
        model = network(settings.seed, 128 if settings.quick else 512)

    album = SamplesDuringTraining(settings.epochs)
    history = common.train(settings, model, train, validation, batch_size=32 if settings.quick else 64, callbacks=album,
                           optimizer=Adam(1e-3, beta1=0.5), schedule=Cosine(settings.epochs, end=0.02))  # fmt: skip
    save(settings.out / "gan.npz", model)
    history.to_csv(settings.out / "history.csv")

    n, table = min(len(train), 10_000), settings.table("against test digits", COLUMNS)
    fake = model.sample(n, seed=1)
    table.add("samples of the generator", measure(fake, test, validation), "225 ± 2 nats (Goodfellow et al.)", "gan")
    table.add("training digits", measure(as_rows(train[:n], "digits"), test, validation), "244 ± 2 nats", "real")
    for name in ("real", "fake"):
        settings.metrics[f"discriminator_{name}_accuracy"] = history[f"val_{name}_accuracy"][-1]
    draw(settings.out, history, album.rows, fake, train, test)


def measure(samples, test, validation):
    """Samples against test digits; `validation` chooses the bandwidth of the Parzen windows."""
    parzen, two = parzen_log_likelihood(samples, test, validation), nearest_neighbour_test(samples[: len(test)], test)
    return {
        "parzen_nats": parzen.mean, "parzen_standard_error_nats": parzen.standard_error, "parzen_sigma": parzen.sigma,
        "two_sample_accuracy": two.accuracy, "two_sample_accuracy_of_samples": two.of_samples,
        "two_sample_accuracy_of_data": two.of_data, "diversity": diversity(samples, as_rows(test, "test")),
    }  # fmt: skip


def draw(out, history, rows, fake, train, test):
    """Samples during and after training, their nearest training digits, and diagnostics over the epochs."""
    rows = [*rows, ("other codes", fake[:14]), ("", fake[14:28]), ("test digits", test[:14] / 255)]
    title = "Samples from the generator during training, one latent code per column"
    figures.digit_rows(out / "samples.png", rows, title)
    rows = [("samples", fake[:14]), ("nearest", train[nearest(fake[:14], train)[0]] / 255)]
    figures.digit_rows(out / "nearest.png", rows, "Samples from the generator, and their nearest training digits")
    curves = [
        ("accuracy of the discriminator, real digits", history["val_real_accuracy"], "-"),
        ("accuracy of the discriminator, samples", history["val_fake_accuracy"], "--"),
        ("diversity of samples, relative to digits", history["val_diversity"], "-"),
    ]
    title = "Diagnostics of adversarial training"
    figures.learning_curves(out / "diagnostics.png", curves, "fraction", title, [("chance", 0.5)])


if __name__ == "__main__":
    main()
