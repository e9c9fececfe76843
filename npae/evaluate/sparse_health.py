"""The health of a sparse code: how many units a sample uses, how often each unit is used, and how good x̂ is.

Over the n samples of the data, with h the codes as at inference:

    L0               1/n Σ_i Σ_j [h_ij ≠ 0]                  the mean number of active units
    frequency        f_j = 1/n Σ_i [h_ij ≠ 0]                of unit j
    dead fraction    the fraction of units with f_j = 0
    FVU              Σ_i ‖x_i − x̂_i‖² / Σ_i ‖x_i − x̄‖²      the fraction of variance unexplained (variance.py)

The frequencies are looked at as a histogram of log₁₀ f_j. Units that are active on nearly all samples, or on nearly
none, have no meaning that a reader could find (Bricken et al. 2023, "Towards monosemanticity", "ultralow density
cluster").

The data pass through once, in batches. The variance is that about a point m near the mean (the mean of the first
batch), with the shift removed: Σ ‖x_i − x̄‖² = Σ ‖x_i − m‖² − n ‖x̄ − m‖².
"""

from typing import Any, NamedTuple

import numpy as np

from npae.backend import Array, array_module, as_batch_size, as_int, as_lazy_source, batches, rows, to_device


class SparseHealth(NamedTuple):
    """What `sparse_health` returns.

    Attributes:
        l0: the mean number of active units per sample.
        dead_fraction: the fraction of units that are 0 on all samples.
        fvu: the fraction of variance unexplained; NaN for data without variance.
        frequency: the fraction of samples on which each unit is active, (n_units,).

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import SparseHealth
        >>> health = SparseHealth(0.11, 0.25, 0.5, np.array([0.0, 0.1, 0.001, 0.009]))
        >>> counts, edges = health.histogram(bins=2)
        >>> counts.tolist(), edges.tolist()
        ([2, 1], [-3.0, -2.0, -1.0])
    """

    l0: float
    dead_fraction: float
    fvu: float
    frequency: Array

    def histogram(self, bins: int = 30) -> tuple[Array, Array]:
        """(counts, edges) of log₁₀ f_j over the units that are active at all.

        Args:
            bins: how many bars.
        """
        active = self.frequency[self.frequency > 0]
        return np.histogram(np.log10(active), as_int(bins, "bins of histogram", least=1))


def sparse_health(model: Any, data: Any, batch_size: int | None = None) -> SparseHealth:
    """L0, dead fraction, FVU and frequencies of an autoencoder's code on `data`, as at inference.

    Args:
        model: a SparseAutoencoder, or any Autoencoder of rows.
        data: samples (n, …).
        batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.

    Raises the errors of `fit` for data that cannot be right.

    Example:
        >>> import numpy as np
        >>> from npae import SparseAutoencoder
        >>> from npae.evaluate import sparse_health
        >>> from npae.layers import TopK
        >>> health = sparse_health(SparseAutoencoder(8, 20, TopK(3)), np.random.default_rng(0).normal(size=(100, 8)))
        >>> health.l0, health.frequency.shape, 0 <= health.dead_fraction < 1
        (3.0, (20,), True)
    """
    source, size = as_lazy_source(data, "data"), as_batch_size(batch_size, model)
    return health_of(model, batches(source, size, model.theta.value, check=model.check_targets, model=model))


def health_of(model: Any, inputs: Any) -> SparseHealth:
    """sparse_health on batches as the model takes them."""
    n, error, square = 0, 0.0, 0.0
    active: Any = 0.0
    total: Any = 0.0
    m: Any = None
    for batch in inputs:
        xp, h = array_module(batch), model.encoder(batch)
        x, x_hat = rows(batch), rows(model.loss.output(model.decoder(h)))
        m = x.mean(axis=0, dtype=xp.float64) if m is None else m
        active = active + (h != 0).sum(axis=0, dtype=xp.float64)
        error += float(((x - x_hat) ** 2).sum(dtype=xp.float64))
        square += float(((x - m) ** 2).sum())
        total, n = total + (x - m).sum(axis=0), n + len(x)
    frequency = to_device(active, "cpu") / n
    variance = square - float((total * total).sum()) / n
    return SparseHealth(float(to_device(active, "cpu").sum()) / n, float((frequency == 0).mean()),
                        error / variance if variance > 0 else float("nan"), frequency)  # fmt: skip
