"""A generative adversarial network of digits.

A generator draws digits, and a discriminator separates them from those of the data.

    J_D = −E[ln D(x)] − E[ln(1 − D(G(z)))]        J_G = −E[ln D(G(z))]        z ~ N(0, 1)

Generator 20-512-512-784 with batch normalisation, discriminator 784-512-256-1 with noise on its input, leaky ReLU. With
--convolutional: a dense layer and two convolutions after upsampling (64, 32 channels), against two convolutions of
stride 2 (32, 64) with dropout. Measures on test digits, also for training digits in place of samples: the accuracy of
a nearest-neighbour two-sample test (½: the same distribution), and the Parzen log-likelihood of the published tables
(npae/evaluate/parzen.py explains its weakness).

**What collapses, and what helps.** With dropout in the discriminator, 98 % of the samples have another sample as their
nearest neighbour after five epochs: they are alike, and crumbled (two-sample accuracy 0.973, of validation digits).
Noise on the discriminator's input in place of dropout (npae/models/adversarial/gan.py derives why): 0.925. The
exponential moving average of all parameters, since the two players move around their equilibrium: 0.877. More units,
fewer latent numbers and twice the learning rate: 0.82 to 0.84. Sixty epochs do the rest, and the discriminator can
reject what it takes for fake (npae/models/adversarial/rejection.py). What remains are strokes of two digits at once,
and single dark pixels, which the noise hides from the discriminator.

    python -m demos.gan                          the embedded 10,000 digits
    python -m demos.gan --full                   all 60,000
    python -m demos.gan --convolutional          convolutional networks

Expected with --full, against test digits (training digits: 0.560 and 243 nats; published: 225 nats), 13 minutes on one
core:

    samples of the generator            two-sample accuracy 0.734, Parzen log-likelihood 202 nats
    accepted by the discriminator       0.727, 204
    last weights, not averaged          0.740, 199

Pictures: samples.png, nearest.png, diagnostics.png.
"""

from demos import common, figures
from demos.baselines import nearest
from demos.conv import as_images
from npae import GAN, save
from npae.backend import to_device
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.evaluate.distances import as_rows
from npae.layers import BatchNorm, Conv2D, Dense, Dropout, GaussianNoise, LeakyReLU, Sequential, Sigmoid
from npae.models import GaussianPrior, conv_decoder, conv_encoder, rejection_sample
from npae.models.adversarial.game import diversity
from npae.optim import Adam, Cosine
from npae.train import Callback, ExponentialMovingAverage

OPTIONS = {"convolutional": {"action": "store_true", "help": "convolutional networks in place of dense ones"}}
COLUMNS = {
    "parzen_nats": ("Parzen, nats", ".0f"),
    "parzen_standard_error_nats": ("standard error", ".1f"),
    "two_sample_accuracy": ("two-sample accuracy", ".3f"),
    "two_sample_accuracy_of_samples": ("of samples", ".3f"),
    "two_sample_accuracy_of_data": ("of test digits", ".3f"),
    "diversity": ("diversity", ".2f"),
}


def network(seed=0, width=512, code=20):
    """The GAN of these sizes, for digits as rows in [0, 1]."""
    half, leaky = width // 2, LeakyReLU(0.2)
    generator = Sequential(
        Dense(code, width), BatchNorm(width), leaky, Dense(width, width), BatchNorm(width), leaky,
        Dense(width, 784, "sigmoid"),
    )  # fmt: skip
    discriminator = Sequential(
        GaussianNoise(0.3), Dense(784, width, leaky), Dense(width, half, leaky), Dense(half, 1)
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
    """Keeps samples of the same 14 latent codes after some of the epochs: `rows` is [(name, images)].

    last: n samples of the last weights. The callback comes before the one that replaces them by their average.
    """

    def __init__(self, epochs, n):
        self.epochs, self.n, self.rows, self.last = {1, 2, epochs // 4, epochs}, n, [], None

    def on_epoch_done(self, trainer, row):
        if row["epoch"] in self.epochs:
            self.rows.append((f"epoch {row['epoch']}", to_device(trainer.model.sample(14), "cpu")))

    def on_stop(self, trainer):
        self.last = to_device(trainer.model.sample(self.n, seed=1), "cpu")


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

    n = min(len(train), 10_000)
    album, rate = SamplesDuringTraining(settings.epochs, n), 1e-3 if settings.own.convolutional else 2e-3
    history = common.train(settings, model, train, validation, batch_size=32 if settings.quick else 64,
                           callbacks=[album, ExponentialMovingAverage(0.99 if settings.quick else 0.999)],
                           optimizer=Adam(rate, beta1=0.5), schedule=Cosine(settings.epochs, end=0.02))  # fmt: skip
    save(settings.out / "gan.npz", model)
    history.to_csv(settings.out / "history.csv")

    table = settings.table("against test digits", COLUMNS)
    fake, accepted = model.sample(n, seed=1), rejection_sample(model, n, seed=2)
    table.add("samples of the generator", measure(fake, test, validation), "225 ± 2 nats (Goodfellow et al.)", "gan")
    table.add("accepted by the discriminator", measure(accepted, test, validation), prefix="accepted")
    table.add("last weights, not averaged", measure(album.last, test, validation), prefix="last")
    table.add("training digits", measure(as_rows(train[:n], "digits"), test, validation), "244 ± 2 nats", "real")
    for name in ("real", "fake"):
        settings.metrics[f"discriminator_{name}_accuracy"] = history[f"val_{name}_accuracy"][-1]
    rows = [*album.rows, ("averaged", model.sample(14)), ("other codes", fake[:14]), ("", fake[14:28]),
            ("accepted", accepted[:14]), ("", accepted[14:28]), ("test digits", test[:14] / 255)]  # fmt: skip
    draw(settings.out, history, rows, fake, train)


def measure(samples, test, validation):
    """Samples against test digits; `validation` chooses the bandwidth of the Parzen windows."""
    parzen, two = parzen_log_likelihood(samples, test, validation), nearest_neighbour_test(samples[: len(test)], test)
    return {
        "parzen_nats": parzen.mean, "parzen_standard_error_nats": parzen.standard_error, "parzen_sigma": parzen.sigma,
        "two_sample_accuracy": two.accuracy, "two_sample_accuracy_of_samples": two.of_samples,
        "two_sample_accuracy_of_data": two.of_data, "diversity": diversity(samples, as_rows(test, "test")),
    }  # fmt: skip


def draw(out, history, rows, fake, train):
    """Samples during and after training, their nearest training digits, and diagnostics over the epochs."""
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
