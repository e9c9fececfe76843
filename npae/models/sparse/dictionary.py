"""Dictionary autoencoders: a sparse code over many directions of unit norm, and which of its units are dead.

    h = f(x)                    n_units numbers, few of them not 0
    x̂ = h Ŵ + c                 a sum of few directions Ŵ_j, from the centre c (layers.UnitDense)

With more units than features, the directions can be those that occur in the data, not only the axes of a subspace
(Olshausen & Field 1996). The common trouble is dead units, which are 0 on all data: no gradient reaches them through h.
So the model counts, for every unit, the samples since it was last active:

    n_j ← 0 if h_ij ≠ 0 for any sample i of the batch, else n_j + B

A unit is dead while n_j ≥ N (`dead_after`). n is a running statistic: saved and moved with the model. In data-parallel
training each process counts its share of the samples, and the processes average n.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from npae.backend import Array, DTypeLike, Parameter, array_module, as_int, column_counts, elementwise
from npae.layers import CenteredDense, Layer, UnitDense, initializers
from npae.layers.base import Cache
from npae.losses import SquaredError
from npae.models.autoencoder import Autoencoder

if TYPE_CHECKING:
    from npae.penalties import Penalty


@elementwise(out=("since_active",))
def _updated(since_active, counts, size):
    return (since_active + size) * (counts <= 0)


class Dictionary(Autoencoder):
    """An Autoencoder whose decoder is UnitDense, under squared error. Subclasses implement backpropagate.

    Args:
        first: the encoder's linear map, whose weights become the decoder's first directions.
        encoder: the encoder, which contains it.
        dead_after: N.
        penalties, seed, dtype: as for Autoencoder.

    Attributes:
        since_active: n, the samples since each unit was last active: a Parameter without a gradient.
    """

    first: Any  # CenteredDense or GatedDense

    def __init__(self, first: CenteredDense, encoder: Layer, dead_after: int, penalties: "Sequence[Penalty]",
                 seed: int | None, dtype: DTypeLike) -> None:  # fmt: skip
        decoder: UnitDense = first.decoder
        name = type(self).__name__
        self.first, self.dead_after = first, as_int(dead_after, f"dead_after of {name}", least=1)
        self.n_in, self.n_units = first.n_in, first.n_out
        self.since_active = Parameter("since_active", (self.n_units,), initializers.zeros)
        self.since_active.least = 0
        self.buffers = (self.since_active,)
        decoder.W.initializer = _As(first.W)
        super().__init__(encoder, decoder, SquaredError(), seed, dtype, penalties)

    @property
    def dead(self) -> Array:
        """Which units were 0 on the last `dead_after` samples of training: (n_units,) of bool."""
        return self.since_active.value >= self.dead_after

    def count(self, decoder_cache: Cache) -> None:
        """Update n by the codes of a training batch.

        Args:
            decoder_cache: what decoder.forward returned beside x̂.
        """
        if self.since_active.trainable:
            h, places, *_ = decoder_cache
            _updated(self.since_active.value, column_counts(h, places), float(len(h)), out=self.since_active.value)

    def center(self, inputs: Iterable[Array]) -> None:
        """c ← the mean of the samples, the best x̂ as long as no unit is active. fit does so before the first step.

        Args:
            inputs: batches as the model takes them.
        """
        total: Any = 0.0
        n = 0
        for x in inputs:
            total, n = total + x.sum(axis=0, dtype=array_module(x).float64), n + len(x)
        c = self.first.c.value
        c[...] = (total / n).astype(c.dtype)


class _As:
    """An initializer: the values that another parameter, initialized before, has."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def __call__(self, rng, shape):
        return self.parameter.value
