"""k-sparse codes: keep each sample's k largest activations; set the rest to zero.

    t_i                                               the k-th largest of the a_ij of sample i
    m_ij = [a_ij ≥ t_i]                               the mask of the units that are kept
    h_ij = a_ij m_ij
    ∂J/∂a_ij = ∂J/∂h_ij m_ij                          since a small change of a does not change m

The layer follows a linear one, Sequential(Dense(784, 1000), TopK(25)): the selection is the only non-linearity.
Sparsity is exact and needs no penalty. At inference α k units may be kept: Makhzani & Frey found the features better
with α above 1.

Units that tie with the k-th largest are all kept, so that the result does not depend on their order. Ties are rare in
floating-point activations. If k is small, some units are never kept and never trained: begin with a larger k.

Makhzani & Frey 2013, "k-sparse autoencoders", arXiv 1312.5663.
"""

from npae.backend import Array, Config, as_float, as_int, elementwise, empty, kth_largest
from npae.layers.base import Gradient, Layer


@elementwise(out=("y", "t"))
def _keep(x, t):
    mask = x >= t
    return x * mask, mask


@elementwise
def masked(dy, mask):
    """dy where the mask is 1, and 0 where it is 0."""
    return dy * mask


class TopK(Layer):
    """y = x where x is among the k largest of its sample, else 0: (batch, n) -> (batch, n).

    Raises ValueError for k below 1, alpha below 1, and for x with fewer than alpha · k units.

    Args:
        k: the number of units that are kept in training.
        alpha: at inference alpha · k are kept, rounded down.

    Example:
        >>> import numpy as np
        >>> from npae.layers import TopK
        >>> TopK(2)(np.array([[3.0, 1.0, 5.0, 4.0]]))
        array([[0., 0., 5., 4.]])
    """

    sparse_gradient = True

    def __init__(self, k: int, alpha: float = 1.0):
        self.k, self.alpha = as_int(k, "k of TopK", least=1), as_float(alpha, "alpha of TopK", least=1)
        as_float(self.alpha * self.k, "alpha · k of TopK")

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Array]:
        """The cache is the mask, ones and zeros in x's dtype."""
        most = int(self.alpha * self.k)
        if x.ndim != 2 or x.shape[1] < most:
            fix = "Take a smaller k (or alpha), or more units."
            if x.ndim != 2:
                fix = "Images are flattened first: layers.Flatten()."
            raise ValueError(f"{self!r}: expected x of shape (batch, n), with n at least {most}, got {x.shape}. {fix}")
        t = empty(x.shape, x)
        t[...] = kth_largest(x, self.k if training else most)
        return _keep(x, t, out=(empty(x.shape, x), t))

    def backward(self, dy: Array, mask: Array, needs_dx: bool = True) -> Gradient:
        """∂J/∂x = dy ⊙ mask."""
        return masked(dy, mask) if needs_dx else None

    def config(self) -> Config:
        return {"k": self.k, "alpha": self.alpha}
