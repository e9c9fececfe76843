"""Batch top-k codes: keep the B·k largest activations of a batch; set the rest to zero.

TopK gives every sample k units. Batch top-k gives a batch of B samples B·k units, so that a sample that needs more can
have more, and k is the mean:

    t                                        the B·k-th largest number of the batch, or 0 if that is negative
    m_ij = [a_ij ≥ t] [a_ij > 0]             the mask of the units that are kept
    h_ij = a_ij m_ij
    ∂J/∂a_ij = ∂J/∂h_ij m_ij                 since a small change of a does not change m

**Inference** must not depend on the other samples of a batch. There h_ij = a_ij [a_ij ≥ t̄] [a_ij > 0] with a running
average of the thresholds of the batches, which estimates E[t]:

    t̄ ← t̄ + w (t − t̄)                        w = max(α, 1/n) in the n-th batch

With w = 1/n it is the mean of all batches; from n = 1/α on, the mean of about the last 1/α. t̄ and n are buffers: saved
and moved with the model, but not part of θ. A frozen layer does not update them. Before the first batch t̄ = 0, and all
positive numbers are kept.

In data-parallel training each process takes the threshold of its share of the batch, and the processes average t̄.

Bussmann, Leask & Nanda 2024, "BatchTopK sparse autoencoders", arXiv 2412.06410, equations 3 to 6. Their t is the
smallest number that is kept, the same number if at least B·k are positive.
"""

from npae.backend import (
    Array,
    Config,
    Parameter,
    as_float,
    as_int,
    elementwise,
    empty,
    kth_largest_of_all,
    maximum,
    minimum,
)
from npae.layers import initializers
from npae.layers.base import Gradient, Layer
from npae.layers.top_k import masked


@elementwise
def _keep(x, t):
    mask = (x >= t) * (x > 0)
    return maximum(x, 0) * mask, mask


@elementwise(out=("mean", "n"))
def _average(mean, n, t, rate):
    return mean + maximum(rate, 1 / (n + 1)) * (t - mean), minimum(n + 1, 1 / rate)


class BatchTopK(Layer):
    """y = x where x is positive and among the B·k largest of the batch, else 0: (batch, n) -> (batch, n).

    At inference y = x where x is positive and at least the running threshold. Raises ValueError for k below 1, a
    momentum out of range, and for x with fewer than k units.

    Args:
        k: the mean number of units that are kept per sample.
        momentum: α, the weight of a batch in the running threshold.

    Example:
        >>> import numpy as np
        >>> from npae.layers import BatchTopK
        >>> layer, x = BatchTopK(1).initialize(dtype="float64"), np.array([[3.0, 5.0, 4.0], [-1.0, 2.0, 1.0]])
        >>> layer.forward(x, training=True)[0]
        array([[0., 5., 4.],
               [0., 0., 0.]])
        >>> layer.threshold.value, layer(np.array([[2.0, 4.0, 6.0]]))
        (array([4.]), array([[0., 4., 6.]]))
    """

    sparse_gradient = True

    def __init__(self, k: int, momentum: float = 0.1):
        self.k = as_int(k, "k of BatchTopK", least=1)
        self.momentum = as_float(momentum, "momentum of BatchTopK", above=0, most=1)
        self.threshold, self.batches = (Parameter(n, (1,), initializers.zeros) for n in ("threshold", "batches"))
        self.threshold.least = self.batches.least = 0
        self.buffers = (self.threshold, self.batches)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Array]:
        """The cache is the mask, ones and zeros in x's dtype."""
        if x.ndim != 2 or x.shape[1] < self.k:
            fix = "Take a smaller k, or more units."
            if x.ndim != 2:
                fix = "Images are flattened first: layers.Flatten()."
            expected = f"expected x of shape (batch, n), with n at least {self.k}"
            raise ValueError(f"{self!r}: {expected}, got {x.shape}. {fix}")
        t, n = self.threshold.value, self.batches.value
        if training:
            mean, t = t, kth_largest_of_all(x, len(x) * self.k)
            if self.threshold.trainable:
                _average(mean, n, t, self.momentum, out=(mean, n))
        return _keep(x, t.reshape(()), out=(empty(x.shape, x), empty(x.shape, x)))

    def backward(self, dy: Array, mask: Array, needs_dx: bool = True) -> Gradient:
        """∂J/∂x = dy ⊙ mask."""
        return masked(dy, mask) if needs_dx else None

    def config(self) -> Config:
        return {"k": self.k, "momentum": self.momentum}
