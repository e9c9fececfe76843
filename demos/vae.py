"""A variational autoencoder: digits drawn from nothing, a map of all digits, and what single numbers of a code mean.

784-400-20 and back, ReLU units, Bernoulli pixels, Adam, batches of 128: the network of PyTorch's example, which keeps
the rate at 10⁻³; here it warms up to 4 · 10⁻³ over half an epoch and falls along a cosine. That was chosen on the last
5,000 training digits (10 epochs on the first 20,000, one seed): 109.8 nats, against 112.2 with 2 · 10⁻³, 113.8 with
that and ELU, 112.2 with a constant 10⁻³. Grey pixels count as probabilities, as they do in the example. The map is of
a network of its own, 784-400-200-2 with tanh units, batches of 50, chosen among three by its picture.

The likelihood is that of black-and-white digits, every pixel drawn from its grey value, anew in every epoch: 784-200-
200-50, tanh units, ln p(x) of test digits by 5000 codes each, as in Burda et al. 2016, who trained for 3280 epochs.
Batches of 20, as there, at 10⁻³: on the last 5,000 training digits 12 epochs of it gave −ELBO = 104.9 nats, batches of
50 at 2 · 10⁻³ the same, batches of 100 at 1 and 3 · 10⁻³ 114.7 and 118.

    python -m demos.vae                   the embedded 10,000 digits
    python -m demos.vae --full            all 60,000: the data of the published numbers
    python -m demos.vae --iwae 5          the bound of 5 codes together instead of the ELBO
    python -m demos.vae --full --likelihood 400     the likelihood too, after so many epochs
"""

import numpy as np

from demos import common, figures
from npae import fit, save, variational_autoencoder
from npae.data.augment import Binarize
from npae.layers import ReLU, Tanh
from npae.models import latent
from npae.optim import Adam, Cosine, WarmUp


def main(argv=None):
    """Train, measure, draw, save. Worker 0 returns what metrics.json holds."""
    flags = {
        "iwae": {"type": int, "default": 0, "metavar": "K", "help": "the bound of K codes"},
        "likelihood": {"type": int, "default": 0, "metavar": "EPOCHS", "help": "ln p(x) of binary digits"},
    }
    settings = common.parse("vae", __doc__.split("\n")[0], epochs=10, quick_epochs=8, argv=argv, own=flags)
    own = settings.own
    if min(own.iwae, own.likelihood) < 0:
        raise SystemExit(f"vae: expected --iwae and --likelihood of 0 or more, got {own.iwae} and {own.likelihood}.")
    train, _, test, test_labels = common.digits(settings)
    bound = {"samples": own.iwae, "objective": "iwae"} if own.iwae else {}

    def run(sizes, activation, epochs, learning_rate, batch_size=128, augment=None):
        model = variational_autoencoder(sizes, activation, seed=settings.seed, **bound).to(settings.device)
        history = fit(model, train, epochs=epochs, batch_size=20 if settings.quick else batch_size, augment=augment,
                      optimizer=Adam(learning_rate), schedule=WarmUp(0.5, Cosine(max(0.5, epochs - 0.5))),
                      seed=settings.seed, progress=settings.progress, workers=settings.workers)  # fmt: skip
        common.require(history)
        return history, model.to("cpu")

    units = 100 if settings.quick else 400
    history, model = run([784, units, 20], ReLU, settings.epochs, 4e-3)
    _, flat = run([784, 100, 2] if settings.quick else [784, 400, 200, 2], Tanh, settings.epochs, 2e-3, 50)
    binary = own.likelihood and run([784, 200, 200, 50], Tanh, own.likelihood, 1e-3, 20, Binarize())[1]
    if settings.workers.rank:
        return None

    terms, active = model.evaluate(test), model.active_units(test)
    metrics = {f"test_{name}_nats": value for name, value in terms.items()}
    metrics |= {"test_nats": sum(terms.values()), "active_units_count": int(active.sum()),
                "test_nats_of_two_numbers": sum(flat.evaluate(test).values())}  # fmt: skip
    theirs = "106.66 after 7 epochs, about 104.9 after 10"
    rows = [
        (f"784-{units}-20, {len(history)} epochs", f"{metrics['test_nats']:.2f}", theirs),
        ("of these, the code", f"{terms['kl']:.2f}", ""),
        ("numbers that say something", f"{active.sum()} of 20", ""),
        ("the same of the map's two numbers", f"{metrics['test_nats_of_two_numbers']:.2f}", ""),
    ]
    if binary:
        metrics |= likelihood(binary, test, settings)
        rows.append((f"784-200-200-50, −ln p(x), {own.likelihood} epochs", f"{metrics['test_minus_ln_p_nats']:.2f}",
                     "86.76 after 3280 (Burda et al.), 87.75 (reproduced)"))  # fmt: skip
        save(settings.out / "binary.npz", binary)
    draw(settings.out, model, flat, test, test_labels)
    save(settings.out / "vae.npz", model)
    common.table(("test digits, nats an image", "npae", "published"), rows)
    return common.finish(settings, metrics, history)


def likelihood(model, test, settings):
    """−ln p(x) of test digits, binarised once by the seed, by 5000 codes each (and 64 digits by 50 in a quick run)."""
    test, samples = (test[:64], 50) if settings.quick else (test, 5000)
    x = (np.random.default_rng(settings.seed).random(test.shape) < test / 255).astype(np.float32)
    estimates = -model.log_likelihood(x, samples, settings.seed)
    return {
        "test_minus_ln_p_nats": float(estimates.mean()),
        "test_minus_ln_p_standard_error_nats": float(estimates.std() / len(x) ** 0.5),
        "test_minus_elbo_binary_nats": float(-model.elbo(x).mean()),
        "binary_active_units_count": int(model.active_units(x).sum()),
    }


def draw(out, model, flat, test, labels):
    """Samples and reconstructions, the map of two numbers, and the five numbers that vary most, one at a time."""
    some = figures.one_of_each(labels, 80)
    panels = [("test digits", test[some] / 255), ("through 20 numbers", model.reconstruct(test[some])),
              ("drawn from nothing", model.sample(80))]  # fmt: skip
    figures.sheets(out / "samples.png", panels, "What a variational autoencoder keeps and imagines", columns=10)
    figures.manifold(out / "map.png", flat.decode(latent.grid(20)), flat.encode(test), labels,
                     "A map of all digits: what two numbers mean, and where test digits lie")  # fmt: skip
    codes = model.encode(test)
    units = codes.var(axis=0).argsort()[::-1][:5]
    rows = [(f"number {k + 1}", model.decode(latent.traversal(codes[some[4]], k, steps=11))) for k in units]
    figures.digit_rows(out / "numbers.png", rows, "One number of a code from −3 to 3, the others held")


if __name__ == "__main__":
    main()
