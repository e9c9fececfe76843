"""Resampling of dead units: they begin anew, in the direction of samples that are reconstructed badly.

For each dead unit j, draw a sample i with a probability in proportion to its squared loss, and point the unit at it:

    P(i) = ℓ_i² / Σ_k ℓ_k²                       ℓ_i the loss of sample i
    v = (x_i − c)/‖x_i − c‖
    W_d,j ← v                                    the direction of the decoder
    W_j ← s v,   b_j ← 0                         s: 0.2 times the mean norm of the rows W_k of units that are not dead
    n_j ← 0                                      it counts as active again
    the optimizer's moments of W_d,j, W_j and b_j ← 0

The factor 0.2 lets the new unit be active on few samples at first, so that the others keep theirs. The moments belong
to the old weights; what is left of them would carry the new unit away.

Bricken et al. 2023, "Towards monosemanticity: decomposing language models with dictionary learning", appendix "Neuron
resampling". They do so four times in a run.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from npae.backend import Array, as_batch_size, as_int, as_lazy_source, batches, device_of, to_device
from npae.models.sparse.dictionary import Dictionary
from npae.optim import Optimizer

FRACTION = 0.2  # of the mean norm of the encoder's rows


def resample(model: Dictionary, data: Any, seed: int = 0, optimizer: Optimizer | None = None) -> int:
    """Let the dead units of `model` begin anew, in place. Returns how many they were.

    Args:
        model: a SparseAutoencoder or GatedSparseAutoencoder.
        data: samples (n, n_in), some thousand of them.
        seed: draws the samples.
        optimizer: the one that trains the model, whose moments are set to 0; None: no moments.

    Raises TypeError for other models, and the errors of `fit` for data that cannot be right.

    Example:
        >>> import numpy as np
        >>> from npae import SparseAutoencoder
        >>> from npae.models import resample
        >>> model = SparseAutoencoder(8, 20, "relu")
        >>> model.since_active.value[:5] = model.dead_after
        >>> x = np.random.default_rng(0).normal(size=(100, 8))
        >>> resample(model, x), int(model.dead.sum())
        (5, 0)
    """
    if not isinstance(model, Dictionary):
        raise TypeError(f"resample: expected a SparseAutoencoder or GatedSparseAutoencoder, got {model!r}.")
    seed, rows = as_int(seed, "seed of resample", least=0, most=None), as_lazy_source(data, "data")
    inputs = batches(rows, as_batch_size(None, model), model.theta.value, "data", model=model)
    return resample_from(model, inputs, seed, optimizer)


def resample_from(model: Dictionary, inputs: Iterable[Array], seed: Any, optimizer: Optimizer | None) -> int:
    """resample on batches as the model takes them; `seed` may be a list of integers."""
    dead = np.flatnonzero(to_device(model.dead, "cpu"))
    if not len(dead):
        return 0
    first, decoder = model.first, model.decoder
    device, dtype = device_of(first.W.value), first.W.value.dtype
    inputs = list(inputs)
    losses = [to_device(model.loss.per_sample(model(x), x), "cpu") for x in inputs]
    x = np.concatenate([to_device(x, "cpu") for x in inputs]).astype(np.float64)
    squares = np.concatenate(losses).astype(np.float64) ** 2
    P = squares / squares.sum() if squares.sum() > 0 else None
    chosen = np.random.default_rng(seed).choice(len(x), len(dead), p=P)
    v = x[chosen] - to_device(first.c.value, "cpu")
    v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
    norms = np.linalg.norm(to_device(first.W.value, "cpu"), axis=1)
    alive = np.delete(norms, dead)
    scale = FRACTION * (alive.mean() if len(alive) else norms.mean())
    new = [(decoder.W, v), (first.W, scale * v), (first.b, np.zeros(len(dead)))]
    for p, values in new:
        p.value[to_device(dead, device)] = to_device(values.astype(dtype), device)
    model.since_active.value[to_device(dead, device)] = 0
    for vector in optimizer.state.values() if optimizer is not None else ():
        for p, _ in new:
            start = p.start - model.theta.start
            vector[start : start + p.size].reshape(p.shape)[to_device(dead, device)] = 0
    return len(dead)
