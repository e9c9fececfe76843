"""Adversarial autoencoders with three priors.

The codes of digits follow a Gaussian, a ring of ten Gaussians, or a swiss roll.

    encoder, decoder    784-300-300-2 and back, ReLU, a linear code; J = binary cross-entropy of x̂ and x
    discriminator       separates samples of the prior from codes; the encoder also minimises the generator's loss
    labels              ring and swiss roll: the discriminator also sees the digit, so that each class has its own part

The two-sample accuracy of a nearest-neighbour classifier measures whether codes of test digits follow the prior: ½ if
they do. With --full also 784-1000-1000-8, the network of table 1 of Makhzani et al. 2015.

    python -m demos.aae                          the embedded 10,000 digits
    python -m demos.aae --full --epochs 20       all 60,000

Expected with --full --epochs 20: two-sample accuracies 0.556 (Gaussian), 0.533 (ring), 0.534 (swiss roll); the network
of the paper: 0.644 against test digits and a Parzen log-likelihood of 318 nats (published: 340). 41 minutes.
Pictures: maps.png, styles.png; with --full samples.png.
"""

import numpy as np

from demos import common, figures, results
from demos.baselines import neighbour_error
from npae import AdversarialAutoencoder, dense_autoencoder, save
from npae.backend import Stream
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.layers import Dense, LeakyReLU, Sequential
from npae.models import GaussianPrior, RingPrior, SwissRollPrior
from npae.optim import Adam, Cosine

PRIORS = {"Gaussian": GaussianPrior(2), "ring": RingPrior(10), "swiss roll": SwissRollPrior(10)}
COLUMNS = {
    "cross_entropy_nats_per_pixel": ("nats per pixel", ".4f"),
    "codes_two_sample_accuracy": ("two-sample accuracy, codes and prior", ".3f"),
    "5_nearest_neighbours_error_percent": ("5-NN error of the codes, %", ".1f"),
}


def network(prior, width=300, critic=200, seed=0):
    """The adversarial autoencoder 784-width-width-code; with labels if the prior has parts."""
    labelled, leaky = prior.modes > 1, LeakyReLU(0.2)
    autoencoder = dense_autoencoder([784, width, width, prior.size], "relu", "linear", seed=seed)
    inputs = prior.size + labelled * prior.modes
    discriminator = Sequential(Dense(inputs, critic, leaky), Dense(critic, critic, leaky), Dense(critic, 1))
    return AdversarialAutoencoder(autoencoder, discriminator, prior, labelled, seed)


def train(settings, model, x, y, batch_size, name):
    """Fit the model, with labels if it uses them."""
    game = Adam(1e-3, beta1=0.5)
    common.train(settings, model, (x, y) if model.labelled else x, name=name, batch_size=batch_size,
                 optimizer={"reconstruction": Adam(1e-3), "discriminator": game, "generator": game},
                 schedule=Cosine(settings.epochs, end=0.05))  # fmt: skip


@common.demo("aae", __doc__, epochs=40, quick_epochs=5, compared_epochs=20)
def main(settings):
    """Train one network per prior, compare codes with samples of the prior."""
    x, y, test, test_y = common.digits(settings)
    table, panels = settings.table("test digits", COLUMNS, published=None), []
    for name, prior in PRIORS.items():
        if settings.stopped:
            break
        model = network(prior, 100 if settings.quick else 300, seed=settings.seed)
        train(settings, model, x, y, 25 if settings.quick else 64, name)
        save(settings.out / f"{results.key(name)}.npz", model)
        label, known = (f"{name}, with labels", test_y) if model.labelled else (name, None)
        autoencoder, codes = model.autoencoder, model.autoencoder.encode(test)
        samples = prior.codes(Stream(0), codes, known)
        table.add(label, {
            "cross_entropy_nats_per_pixel": autoencoder.evaluate(test)["reconstruction"] / 784,
            "codes_two_sample_accuracy": nearest_neighbour_test(codes, samples).accuracy,
            "5_nearest_neighbours_error_percent": 100 * neighbour_error(autoencoder.encode(x), y, codes, test_y),
        }, prefix=results.key(name))  # fmt: skip
        panels.append((label, samples, known, codes))
        if name == "ring":
            draw_styles(settings.out / "styles.png", model)
    title = "Samples of the prior (top) and codes of test digits (bottom)"
    figures.codes_below_priors(settings.out / "maps.png", panels, test_y, title)
    if settings.full:
        published_network(settings, x, y, test)


def draw_styles(path, model):
    """Decode codes along each Gaussian of the ring, outwards: one row per class, one column per style."""
    prior = model.prior
    along = prior.radius + prior.length * np.linspace(-2, 2, 12)
    angles = 2 * np.pi * np.arange(prior.modes) / prior.modes
    codes = np.stack([np.outer(np.cos(angles), along), np.outer(np.sin(angles), along)], axis=-1)
    rows = [(str(k), model.autoencoder.decode(line.astype(np.float32))) for k, line in enumerate(codes)]
    figures.digit_rows(path, rows, "Codes along each Gaussian of the ring, decoded: one class per row")


def published_network(settings, x, y, test):
    """784-1000-1000-8 with a Gaussian of standard deviation 5: its samples against test digits.

    From 10,000 samples; the bandwidth of the Parzen windows is chosen on the last 5,000 training digits.
    """
    name, model = "784-1000-1000-8", network(GaussianPrior(8, std=5.0), 1000, 1000, settings.seed)
    train(settings, model, x[:-5000], y[:-5000], 100, name)
    save(settings.out / "eight.npz", model)
    parzen = parzen_log_likelihood(model.sample(10_000, seed=1), test, x[-5000:])
    two = nearest_neighbour_test(model.sample(len(test), seed=2), test)
    fake = model.sample(42)
    rows = [("samples", fake[:14]), ("", fake[14:28]), ("", fake[28:]), ("test digits", test[:14] / 255)]
    figures.digit_rows(settings.out / "samples.png", rows, "Samples: decoded codes of an 8-dimensional Gaussian")
    table = settings.table("samples against test digits", {
        "parzen_nats": ("Parzen log-likelihood, nats", ".0f"),
        "parzen_standard_error_nats": ("standard error", ".0f"),
        "two_sample_accuracy": ("two-sample accuracy", ".3f"),
    })  # fmt: skip
    table.add(name, {
        "parzen_nats": parzen.mean, "parzen_standard_error_nats": parzen.standard_error,
        "parzen_sigma": parzen.sigma, "two_sample_accuracy": two.accuracy,
    }, "340 ± 2 nats; real training digits 244 ± 2", prefix="eight")  # fmt: skip


if __name__ == "__main__":
    main()
