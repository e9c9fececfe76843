"""Sparse autoencoders of hidden states.

384-3072-384: a language model's hidden state of each token, as a sum of few out of 3,072 directions. Many of these
have a meaning that can be read off the tokens on which they are active.

    a = (x − c) Wᵀ + b        h = φ(a)        x̂ = h Ŵ + c        J = ½‖x − x̂‖² + J_aux

    top-k          φ keeps the k largest a_j of each token                          Gao et al. 2024
    batch top-k    the B k largest of a batch; at inference, those above a number   Bussmann et al. 2024
    JumpReLU       a_j above a learned threshold θ_j; J has also λ Σ_j [a_j > θ_j]  Rajamanoharan et al. 2024
    PCA            the k leading principal components, the same for every token

The rows Ŵ_j have norm 1. J_aux lets units that are dead reconstruct the residual x − x̂, so that they can become active
again. Unexplained variance is Σ‖x − x̂‖²/Σ‖x − x̄‖², on passages of which no token was trained on.

    python -m demos.activations               $NPAE_DATA/minilm_activations, else image patches
    python -m demos.activations --pytorch     also the same recipe in PyTorch
    python -m demos.activations --file F      an .npz file with x, token, vocab, passage (demos/hidden_states.py)
    python -m demos.activations --patches     natural image patches, as Olshausen & Field 1996

Expected: with 32 of 3,072 units top-k leaves 20.4 % unexplained, PCA 53.9 %. 10 minutes on one core.
features.html shows the features with the contexts in which they are active, and can be searched. Of patches there is
filters.png in its place. Pictures: frontier.png, frequencies.png.
"""

import importlib.util

import numpy as np

from demos import common, figures
from demos.baselines import PCA
from demos.feature_page import save_features
from demos.sparse_data import source
from npae import SparseAutoencoder, save
from npae.backend import as_path, fit_text, missing
from npae.evaluate import fraction_of_variance_unexplained, sparse_health
from npae.layers import BatchTopK, JumpReLU, TopK
from npae.optim import Adam, Cosine, WarmUp
from npae.penalties import L0

OPTIONS = {
    "file": {"type": as_path, "metavar": "FILE", "help": "hidden states of your own, an .npz file"},
    "patches": {"action": "store_true", "help": "image patches, even where there are hidden states"},
    "pytorch": {"action": "store_true", "help": "train the same recipe in PyTorch, too"},
}
COLUMNS = {
    "active_units": ("active units", ".1f"),
    "unexplained_percent": ("unexplained variance, %", ".2f"),
    "dead_percent": ("dead units, %", ".2f"),
}
PAGE_TOKENS = 40_000  # at most, in features.html
RATE, BATCH = 4e-3, 256


@common.demo("activations", __doc__, epochs=10, quick_epochs=3, own=OPTIONS)
def main(settings):
    """Train every kind at several sparsities, and show the features of one."""
    if settings.own.pytorch and importlib.util.find_spec("torch") is None:
        raise SystemExit(fit_text(f"--pytorch: {missing('PyTorch', 'bench')}"))
    data = source(settings)
    table = settings.table(f"held-out {data.rows}", COLUMNS, published=None)
    lines, frequencies = {"PCA": []}, {}
    for k in data.ks:
        error = unexplained(data.held, PCA(data.train, k).reconstruct(data.held))
        lines["PCA"].append((k, error))
        table.add(f"PCA, {k} components", {"active_units": float(k), "unexplained_percent": 100 * error})
    for name, number, model in models(settings, data):
        label = f"{name}, {'θ' if name == 'JumpReLU' else 'k'} = {number:g}"
        common.train(settings, model, data.train, name=label, **recipe(settings.epochs))
        health = sparse_health(model, data.held)
        lines.setdefault(name, []).append((health.l0, health.fvu))
        table.add(label, measures(health.l0, health.fvu, health.dead_fraction))
        if number in (data.k, data.thresholds[len(data.thresholds) // 2]):
            frequencies[name] = health.frequency
        if (name, number) == ("top-k", data.k):
            save(settings.out / "top_k.npz", model)
            show(settings, data, model, health)
        if settings.stopped:
            break
    if settings.own.pytorch and not settings.stopped:
        pytorch(settings, data, table, lines)
    figures.frontier(settings.out / "frontier.png", lines, f"Unexplained variance of held-out {data.rows}")
    if frequencies:
        figures.frequencies(settings.out / "frequencies.png", frequencies, f"How often units are active ({data.rows})")


def models(settings, data):
    """(kind, its number, the model) of every point of the frontier."""
    options = {"dead_after": min(10_000, len(data.train) // 2), "seed": settings.seed}
    size = data.train.shape[1], data.units
    for k in data.ks:
        yield "top-k", k, SparseAutoencoder(*size, TopK(k), **options)
    for k in data.ks:
        yield "batch top-k", k, SparseAutoencoder(*size, BatchTopK(k), **options)
    for threshold in data.thresholds:
        activation = JumpReLU(data.units, threshold, bandwidth=0.8 * threshold)
        yield "JumpReLU", threshold, SparseAutoencoder(*size, activation, penalties=[L0(0.1)], **options)


def recipe(epochs, rate=RATE):
    """Adam; its rate rises for an epoch and falls along a cosine."""
    rise = min(1, epochs / 4)
    return {"batch_size": BATCH, "optimizer": Adam(rate), "schedule": WarmUp(rise, Cosine(epochs - rise))}


def measures(active, error, dead):
    """The COLUMNS of a model."""
    return {"active_units": float(active), "unexplained_percent": 100 * float(error), "dead_percent": 100 * float(dead)}


def unexplained(x, x_hat):
    """Σ‖x − x̂‖²/Σ‖x − x̄‖²."""
    return fraction_of_variance_unexplained(x, x_hat.astype(x.dtype))


def pytorch(settings, data, table, lines):
    """The top-k networks once more, from the same weights, on the same batches, in PyTorch."""
    from benchmarks.opponents.sparse_pytorch import TorchSparse

    schedule = recipe(settings.epochs)["schedule"]
    for name, k, model in models(settings, data):
        if name != "top-k":
            continue
        print(f"PyTorch, k = {k}")
        twin = TorchSparse(k, 0, model=model)
        twin.train(data.train, settings.epochs, BATCH, lambda t: RATE * schedule.factor(t), settings.seed)
        x_hat, h = twin.reconstruct(data.held)
        error, active = unexplained(data.held, x_hat), (h != 0).sum(axis=1).mean()
        lines.setdefault("PyTorch, top-k", []).append((float(active), error))
        table.add(f"PyTorch, top-k, k = {k}", measures(active, error, (h == 0).all(axis=0).mean()))


def show(settings, data, model, health):
    """features.html, or filters.png of patches."""
    if data.states is None:
        order = np.argsort(-health.frequency, kind="stable")[:144]
        directions = model.decoder.directions[order].reshape(-1, data.side, data.side)
        figures.basis(settings.out / "filters.png", directions, f"Directions of units, k = {data.k}", data.credit)
        return
    held, x = data.states.held_out(), np.empty_like(data.states.x)
    x[~held], x[held] = data.train, data.held
    states = data.states.first(PAGE_TOKENS)
    held, x = held[: len(states.x)], x[: len(states.x)]
    summary = (
        f"{data.units:,} features of the hidden states of {len(x):,} tokens, {health.l0:.0f} of them active per token. "
        f"Unexplained variance of held-out passages: {100 * health.fvu:.1f} %."
    )
    codes = (model.encode(x[start : start + 1024]) for start in range(0, len(x), 1024))
    path = save_features(settings.out / "features.html", codes, states, held, "Features of a language model", summary)
    settings.metrics["page_kilobytes"] = path.stat().st_size / 1000


if __name__ == "__main__":
    main()
