"""Adversarial autoencoders put the digits where they are asked to: on a Gaussian, on petals, on a swiss roll.

784-300-300-2 and back, ReLU units, a linear code, sigmoid output with cross-entropy; a discriminator of codes, 200-200,
leaky ReLUs; batches of 64, Adam in each of the three phases, a cosine. The Gaussian is learned without labels; on the
ring and on the roll the discriminator sees labels, so that every class gets its own part, and what is left to vary
within it is style. Whether codes are distributed as the prior: can they be told from its draws, by their nearest
neighbours (½: no)? Test digits, whose labels nobody has seen.

Nothing was searched: 10⁻³ for all three phases, with β₁ = ½ for the game, is what was tried first.

With --full, too: the network of the published likelihood, 784-1000-1000-8, and its Parzen figure (npae.evaluate says what
it is worth).

    python -m demos.aae                 the embedded 10,000 digits
    python -m demos.aae --full          all 60,000
"""

import numpy as np

from demos import common, figures
from demos.baselines import neighbour_error
from npae import AdversarialAutoencoder, dense_autoencoder, fit, save
from npae.backend import Stream
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.layers import Dense, Identity, LeakyReLU, ReLU, Sequential
from npae.models import GaussianPrior, RingPrior, SwissRollPrior
from npae.optim import Adam, Cosine

PRIORS = {"Gaussian": GaussianPrior(2), "ring": RingPrior(10), "swiss roll": SwissRollPrior(10)}


def network(prior, width=300, critic=200, seed=0):
    """The adversarial autoencoder 784-width-width-code for digits as rows; with labels where the prior has parts."""
    labelled = prior.modes > 1
    autoencoder = dense_autoencoder([784, width, width, prior.size], ReLU, Identity, seed=seed)
    discriminator = Sequential(
        Dense(prior.size + labelled * prior.modes, critic), LeakyReLU(0.2), Dense(critic, critic), LeakyReLU(0.2),
        Dense(critic, 1),
    )  # fmt: skip
    return AdversarialAutoencoder(autoencoder, discriminator, prior, labelled, seed)


def train(model, settings, x, y, batch_size=64):
    """Fit the model, with labels if it wants them. Returns its history."""
    game = Adam(1e-3, beta1=0.5)
    return fit(model, (x, y) if model.labelled else x, epochs=settings.epochs, batch_size=batch_size,
               optimizer={"reconstruction": Adam(1e-3), "discriminator": game, "generator": game},
               schedule=Cosine(settings.epochs, end=0.05), seed=settings.seed, progress=settings.progress,
               workers=settings.workers)  # fmt: skip


def main(argv=None):
    """Train one network a prior, compare, draw, save. Worker 0 returns what metrics.json holds."""
    settings = common.parse("aae", __doc__.split("\n")[0], epochs=40, quick_epochs=5, argv=argv)
    x, y, test, test_y = common.digits(settings)
    models = {}
    for name, prior in PRIORS.items():
        print(name)
        models[name] = network(prior, 100 if settings.quick else 300, seed=settings.seed).to(settings.device)
        history = train(models[name], settings, x, y, 25 if settings.quick else 64)
        common.require(history)
        models[name].to("cpu")
    eight = settings.full and published_network(settings, x, y)
    if settings.workers.rank:
        return None

    metrics, rows, maps = {}, [], []
    for name, model in models.items():
        codes = model.autoencoder.encode(test)
        parts = test_y if model.labelled else None
        draws = model.prior.codes(Stream(0), codes, parts)
        found = {
            "cross_entropy_nats_per_pixel": model.autoencoder.evaluate(test)["reconstruction"] / 784,
            "codes_two_sample_accuracy": nearest_neighbour_test(codes, draws).accuracy,
            "5_nearest_neighbours_error_percent":
                100 * neighbour_error(model.autoencoder.encode(x), y, codes, test_y),
        }  # fmt: skip
        key = name.lower().replace(" ", "_")
        metrics |= {f"{key}_{what}": value for what, value in found.items()}
        rows.append((name, "labels" if model.labelled else "", *(f"{v:.{d}f}" for v, d in
                     zip(found.values(), (4, 3, 1), strict=True))))  # fmt: skip
        maps.append((f"{name}, with labels" if model.labelled else name, draws, parts, codes))
        save(settings.out / f"{key}.npz", model)
    figures.codes_below_priors(settings.out / "maps.png", maps, test_y, "What was asked for, and where test digits lie")
    _draw_styles(settings, models["ring"])
    common.table(("prior", "", "nats a pixel", "codes against draws (½: alike)", "5-NN error, %"), rows)
    if eight:
        metrics |= published(settings, eight, x, test)
    return common.finish(settings, metrics, history)


def _draw_styles(settings, model):
    """Along each petal of the ring, from the middle out: one class a row, one style a column."""
    prior, columns = model.prior, 12
    along = prior.radius + prior.length * np.linspace(-2, 2, columns)
    angles = 2 * np.pi * np.arange(prior.modes) / prior.modes
    codes = np.stack([np.outer(np.cos(angles), along), np.outer(np.sin(angles), along)], axis=-1)
    rows = [(str(k), model.autoencoder.decode(petal.astype(np.float32))) for k, petal in enumerate(codes)]
    figures.digit_rows(settings.out / "styles.png", rows, "One class a row, one style a column: along each petal")


def published_network(settings, x, y):
    """Makhzani et al. 2015, table 1: 784-1000-1000-8 with a Gaussian of deviation 5."""
    model = network(GaussianPrior(8, std=5.0), 1000, 1000, settings.seed).to(settings.device)
    train(model, settings, x[:-5000], y[:-5000], 100)
    return model.to("cpu")


def published(settings, model, x, test):
    """The figures of their table, by 10,000 samples; the width of the windows by the last 5,000 training digits."""
    parzen = parzen_log_likelihood(model.sample(10_000, seed=1), test, x[-5000:])
    two = nearest_neighbour_test(model.sample(len(test), seed=2), test)
    made = model.sample(42)
    rows = [("samples", made[:14]), ("", made[14:28]), ("", made[28:]), ("real digits", test[:14] / 255)]
    figures.digit_rows(settings.out / "samples.png", rows, "Digits decoded from draws of an eight-dimensional Gaussian")
    save(settings.out / "eight.npz", model)
    common.table(
        ("784-1000-1000-8, test digits", "npae", "published"),
        [("Parzen, nats", f"{parzen.mean:.0f} ± {parzen.standard_error:.0f}", "340 ± 2; real training digits: 244 ± 2"),
         ("two-sample (½: as real)", f"{two.accuracy:.3f}", "")],
    )  # fmt: skip
    return {"eight_parzen_nats": parzen.mean, "eight_parzen_standard_error_nats": parzen.standard_error,
            "eight_parzen_sigma": parzen.sigma, "eight_two_sample_accuracy": two.accuracy}  # fmt: skip


if __name__ == "__main__":
    main()
