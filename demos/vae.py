"""Variational autoencoders of digits.

The first one is 784-400-20.

    z ~ q(z | x) = N(μ(x), σ(x)²)        J = −ELBO = E[−ln p(x | z)] + KL(q(z | x) ‖ N(0, 1))        Bernoulli pixels

The network of PyTorch's example. A second one, 784-400-200-2, draws a map of its latent space. --likelihood EPOCHS
trains a third, 784-200-200-50, on binary digits, drawn anew in every epoch, and estimates ln p(x) of test digits from
5000 codes each, as in Burda et al. 2016. --iwae K trains with the importance-weighted bound of K codes.

    python -m demos.vae                             the embedded 10,000 digits
    python -m demos.vae --full                      all 60,000
    python -m demos.vae --full --likelihood 400     the likelihood, too
    python -m demos.vae --iwae 5                    the bound of 5 codes in place of the ELBO

Expected with --full: −ELBO = 104.02 nats per test image (published: 106.66 after 7 epochs, about 104.9 after 10), 4
minutes; −ln p(x) = 88.26 ± 0.24 nats (published: 86.76 after 3280 epochs), 44 minutes. With the bound of 5 codes 88.21
± 0.23 after 120 epochs (published: 85.54).
Pictures: samples.png, map.png, traversals.png.
"""

import numpy as np

from demos import common, figures
from npae import save, variational_autoencoder
from npae.data.augment import Binarize
from npae.models import latent
from npae.optim import Adam, Cosine, WarmUp

OPTIONS = {
    "iwae": {"type": int, "default": 0, "metavar": "K", "help": "the bound of K codes"},
    "likelihood": {"type": int, "default": 0, "metavar": "EPOCHS", "help": "estimate ln p(x) of binary digits"},
}
COLUMNS = {
    "test_nats": ("−ELBO, nats per image", ".2f"),
    "test_reconstruction_nats": ("reconstruction", ".2f"),
    "test_kl_nats": ("KL divergence", ".2f"),
    "active_units_count": ("active latents", "d"),
}


@common.demo("vae", __doc__, epochs=10, quick_epochs=4, own=OPTIONS)
def main(settings):
    """Train, measure the bound, draw the latent space."""
    own = settings.own
    if min(own.iwae, own.likelihood) < 0:
        raise SystemExit(f"vae: expected --iwae and --likelihood of 0 or more, got {own.iwae} and {own.likelihood}.")
    train, _, test, test_labels = common.digits(settings)
    bound = {"samples": own.iwae, "objective": "iwae"} if own.iwae else {}

    def fit(name, sizes, activation, epochs, learning_rate, batch_size=128, augment=None):
        model = variational_autoencoder(sizes, activation, seed=settings.seed, **bound)
        history = common.train(
            settings, model, train, name=name, epochs=epochs, batch_size=20 if settings.quick else batch_size,
            augment=augment, optimizer=Adam(learning_rate), schedule=WarmUp(0.5, Cosine(max(0.5, epochs - 0.5))),
        )  # fmt: skip
        return model, history

    units, hidden = (100, [100]) if settings.quick else (400, [400, 200])
    model, history = fit(f"784-{units}-20", [784, units, 20], "relu", settings.epochs, 4e-3)
    save(settings.out / "vae.npz", model)
    terms, table = model.evaluate(test), settings.table("test digits", COLUMNS)
    table.add(f"784-{units}-20, {len(history)} epochs", {
        "test_nats": sum(terms.values()), **{f"test_{name}_nats": value for name, value in terms.items()},
        "active_units_count": int(model.active_units(test).sum()),
    }, "106.66 after 7 epochs, about 104.9 after 10", prefix="")  # fmt: skip
    draw(settings.out, model, test, test_labels)

    name = "-".join(map(str, [784, *hidden, 2]))
    planar, _ = fit(name, [784, *hidden, 2], "tanh", settings.epochs, 2e-3, 50)
    settings.metrics["test_nats_of_two_numbers"] = sum(planar.evaluate(test).values())
    table.row(name, f"{settings.metrics['test_nats_of_two_numbers']:.2f}")
    figures.manifold(settings.out / "map.png", planar.decode(latent.grid(20)), planar.encode(test), test_labels,
                     "Left: decoded grid of the latent space. Right: codes of test digits")  # fmt: skip
    if own.likelihood:
        name = "784-200-200-50, binary digits"
        binary, _ = fit(name, [784, 200, 200, 50], "tanh", own.likelihood, 1e-3, 20, Binarize())
        save(settings.out / "binary.npz", binary)
        settings.metrics |= likelihood(binary, test, settings)
        table.row(f"{name}: −ln p(x)", f"{settings.metrics['test_minus_ln_p_nats']:.2f}",
                  published="86.76 after 3280 epochs (Burda et al.), 87.75 (a reproduction)")  # fmt: skip


def likelihood(model, test, settings):
    """−ln p(x) of test digits made binary by the seed, from 5000 codes each (64 digits, 50 codes in a quick run)."""
    test, samples = (test[:64], 50) if settings.quick else (test, 5000)
    x = (np.random.default_rng(settings.seed).random(test.shape) < test / 255).astype(np.float32)
    estimates = -model.log_likelihood(x, samples, settings.seed)
    return {
        "test_minus_ln_p_nats": float(estimates.mean()),
        "test_minus_ln_p_standard_error_nats": float(estimates.std() / len(x) ** 0.5),
        "test_minus_elbo_binary_nats": float(-model.elbo(x).mean()),
        "binary_active_units_count": int(model.active_units(x).sum()),
    }


def draw(out, model, test, labels):
    """Reconstructions and samples, and traversals of the five latents that vary most."""
    some = figures.one_of_each(labels, 80)
    panels = [("test digits", test[some] / 255), ("reconstructions", model.reconstruct(test[some])),
              ("samples from the prior", model.sample(80))]  # fmt: skip
    figures.sheets(out / "samples.png", panels, "Variational autoencoder: reconstructions and samples", columns=10)
    codes = model.encode(test)
    units = codes.var(axis=0).argsort()[::-1][:5]
    rows = [(f"$z_{{{k + 1}}}$", model.decode(latent.traversal(codes[some[4]], k, steps=11))) for k in units]
    figures.digit_rows(out / "traversals.png", rows, "Latent traversals: one latent from −3 to 3, the others fixed")


if __name__ == "__main__":
    main()
