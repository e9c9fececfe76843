"""A generative adversarial network learns to draw digits from noise.

Generator 64-256-512-784 with batch normalisation, discriminator 784-512-256-1 with dropout, leaky ReLUs, Gaussian noise
as code, the non-saturating loss, Adam with β₁ = ½, batches of 64, a cosine. No digit is ever compared with a sample:
all that the generator hears of the data is the derivative of the discriminator's opinion.

Neither objective says how good samples are. What is shown for it: signs of life over the epochs (is the discriminator
still sometimes wrong? do samples differ as digits do?); samples beside the training digits nearest to them (are they
copies?); a two-sample test by nearest neighbours on test digits, ½ if nobody could tell; and the Parzen log-likelihood
of the published tables, beside what *real* training digits get by it (npae.evaluate says why it is no measure of quality).
Of the two-sample test, too, real training digits get more than ½: 0.63, where random halves of one set get 0.50. Rows
near each other in the files are alike (the first 2,000 training digits and the next 2,000 get 0.59), as if by writers.

Tried on the first 9,000 training digits for 15 epochs, one seed, with the last 1,000 as judges (two-sample accuracy):
0.947 as it is, 0.962 with a rate of 2 · 10⁻³ for the generator and more dropout, 0.979 without batch normalisation and
with rates of 5 · 10⁻⁴.

With --convolutional both are of other layers: a generator of 64 numbers, a dense layer, and two convolutions behind
doublings (64, 32 channels), with batch normalisation; a discriminator of two convolutions of stride 2 (32, 64) with
dropout. Convolutions know that neighbours belong together, which the dense ones have to find out.

    python -m demos.gan                     the embedded 10,000 digits
    python -m demos.gan --full              all 60,000: the data of the published number
    python -m demos.gan --convolutional     through convolutions
"""

import itertools
from functools import partial

from demos import common, figures
from demos.baselines import nearest
from demos.conv import as_images
from npae import GAN, fit, save
from npae.backend import to_device
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.evaluate.distances import as_rows
from npae.layers import BatchNorm, Dense, Dropout, LeakyReLU, Sequential, Sigmoid
from npae.models import GaussianPrior, conv_decoder, conv_encoder
from npae.models.adversarial.game import diversity
from npae.optim import Adam, Cosine
from npae.train import Callback


def network(seed=0, width=512, code=64):
    """The GAN of these sizes, for digits as rows in [0, 1]."""
    half = width // 2
    generator = Sequential(
        Dense(code, half), BatchNorm(half), LeakyReLU(0.2), Dense(half, width), BatchNorm(width), LeakyReLU(0.2),
        Dense(width, 784), Sigmoid(),
    )  # fmt: skip
    discriminator = Sequential(
        Dense(784, width), LeakyReLU(0.2), Dropout(0.3), Dense(width, half), LeakyReLU(0.2), Dropout(0.3),
        Dense(half, 1),
    )  # fmt: skip
    return GAN(generator, discriminator, GaussianPrior(code), seed=seed)


def convolutional_network(seed=0, channels=(64, 32), code=64):
    """The GAN for digits as images (1, 28, 28) in [0, 1]; channels: of the generator, the discriminator's turned."""

    leaky = partial(LeakyReLU, 0.2)
    generator = Sequential(*conv_decoder(code, channels, activation=leaky, normalised=True, transposed=False), Sigmoid())
    layers = conv_encoder(channels[::-1], [1], activation=leaky)
    dropped = ((layer, Dropout(0.3)) if isinstance(layer, LeakyReLU) else (layer,) for layer in layers)
    return GAN(generator, Sequential(*itertools.chain(*dropped)), GaussianPrior(code), seed=seed)


class Album(Callback):
    """Keeps what a generator makes of the same 14 codes after some of the epochs: `pages` is [(name, images)]."""

    def __init__(self, epochs):
        self.epochs, self.pages = {1, 2, epochs // 16, epochs // 4, epochs}, []

    def on_epoch_done(self, trainer, row):
        if row["epoch"] in self.epochs:
            self.pages.append((f"epoch {row['epoch']}", to_device(trainer.model.sample(14), "cpu")))


def main(argv=None):
    """Train, judge, draw, save. Worker 0 returns what metrics.json holds."""
    own = {"convolutional": {"action": "store_true", "help": "convolutions in place of dense layers"}}
    settings = common.parse("gan", __doc__.split("\n")[0], epochs=60, quick_epochs=12, argv=argv, own=own)
    digits, _, test, _ = common.digits(settings)
    train, validation = digits[: -len(digits) // 10], digits[-len(digits) // 10 :]
    if settings.own.convolutional:
        train, validation, test = map(as_images, (train, validation, test))
        model = convolutional_network(settings.seed, (8, 4) if settings.quick else (64, 32))
    else:
        model = network(settings.seed, 128 if settings.quick else 512)
    album = Album(settings.epochs)
    history = fit(model.to(settings.device), train, validation, epochs=settings.epochs,
                  batch_size=32 if settings.quick else 64, optimizer=Adam(1e-3, beta1=0.5),
                  schedule=Cosine(settings.epochs, end=0.02), callbacks=album, seed=settings.seed,
                  progress=settings.progress, workers=settings.workers)  # fmt: skip
    common.require(history)
    model.to("cpu")
    if settings.workers.rank:
        return None

    n = min(len(train), 10_000)
    samples, real = model.sample(n, seed=1), as_rows(train[:n], "digits")
    metrics = _judged("gan", samples, test, validation) | _judged("real", real, test, validation)
    for name in ("real", "fake"):
        metrics[f"discriminator_{name}_accuracy"] = history[f"val_{name}_accuracy"][-1]
    _draw(settings, history, album, samples, train, test)
    save(settings.out / "gan.npz", model)
    history.to_csv(settings.out / "history.csv")
    common.table(
        ("against test digits", "npae", "training digits as samples", "published, 60,000 digits"),
        [(what, *(form.format(metrics[f"{name}_{key}"]) for name in ("gan", "real")), theirs)
         for what, key, form, theirs in (
             ("Parzen log-likelihood, nats", "parzen_nats", "{:.0f}", "225 ± 2, Goodfellow et al.; digits 244 ± 2"),
             ("its standard error", "parzen_standard_error_nats", "{:.1f}", ""),
             ("two-sample accuracy (½: as real)", "two_sample_accuracy", "{:.3f}", ""),
             ("of the samples alone", "two_sample_accuracy_of_samples", "{:.3f}", ""),
             ("of the digits alone", "two_sample_accuracy_of_data", "{:.3f}", ""),
             ("diversity", "diversity", "{:.2f}", ""),
         )],
    )  # fmt: skip
    return common.finish(settings, metrics, history)


def _judged(name, samples, test, validation):
    """What metrics.json says of these samples."""
    parzen, two = parzen_log_likelihood(samples, test, validation), nearest_neighbour_test(samples[: len(test)], test)
    return {
        f"{name}_parzen_nats": parzen.mean, f"{name}_parzen_standard_error_nats": parzen.standard_error,
        f"{name}_parzen_sigma": parzen.sigma, f"{name}_two_sample_accuracy": two.accuracy,
        f"{name}_two_sample_accuracy_of_samples": two.of_samples, f"{name}_two_sample_accuracy_of_data": two.of_data,
        f"{name}_diversity": diversity(samples, as_rows(test, "test")),
    }  # fmt: skip


def _draw(settings, history, album, samples, train, test):
    rows = [*album.pages, ("more", samples[:14]), ("and more", samples[14:28]), ("real digits", test[:14] / 255)]
    figures.digit_rows(settings.out / "samples.png", rows, "Digits out of noise: a column is one code, while G learns")
    rows = [("sample", samples[:14]), ("nearest", train[nearest(samples[:14], train)[0]] / 255)]
    figures.digit_rows(settings.out / "nearest.png", rows, "Samples, and the training digits nearest to them")
    curves = [
        ("real digits recognised", history["val_real_accuracy"], "-"),
        ("samples recognised", history["val_fake_accuracy"], "--"),
        ("diversity, that of digits being 1", history["val_diversity"], "-"),
    ]
    guess = [("½: it can only guess", 0.5)]
    figures.learning_curves(settings.out / "signs.png", curves, "fraction", "Signs of life", guess)


if __name__ == "__main__":
    main()
