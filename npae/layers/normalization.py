"""Batch normalization: standardise each feature over the batch, then give it a learned mean and standard deviation.

A feature is a column of x (B, n), or a channel of images (B, C, H, W). Its N values in a batch are those of all
samples, N = B, or those of all pixels of all samples, N = B·H·W. In training, with sums Σ over these values x_i,

    μ = 1/N Σ x_i        v = 1/N Σ (x_i − μ)²        x̂_i = (x_i − μ) r,   r = 1/√(v + ε)        y_i = γ x̂_i + β

so y has mean β and standard deviation γ (for small ε), whatever the scale of x. x̂ is the standardised x here, not a
reconstruction. γ and β are learned. A bias in the layer before has no effect, since μ removes it.

**Backward.** Let dy_i = ∂J/∂y_i. All y_i share γ and β, so

    ∂J/∂β = Σ dy_i        ∂J/∂γ = Σ dy_i x̂_i        g_i := ∂J/∂x̂_i = γ dy_i

x_k acts on every x̂_i: directly, through μ and through v. First μ and v, using Σ (x_i − μ) = 0:

    ∂μ/∂x_k = 1/N
    ∂v/∂x_k = 2/N Σ_i (x_i − μ)([i = k] − 1/N) = 2/N (x_k − μ)
    ∂r/∂v   = −½ (v + ε)^(−3/2) = −½ r³

Then x̂_i = (x_i − μ) r by the product rule:

    ∂x̂_i/∂x_k = ([i = k] − 1/N) r + (x_i − μ)(−½ r³) 2/N (x_k − μ)
               = r ([i = k] − 1/N − x̂_i x̂_k/N)                               since (x_i − μ) r = x̂_i

The chain rule, ∂J/∂x_k = Σ_i g_i ∂x̂_i/∂x_k, gives

    ∂J/∂x_k = γ r [ dy_k − 1/N (Σ_i dy_i) − x̂_k/N (Σ_i dy_i x̂_i) ]

For ε = 0, where ‖x̂‖² = N, the two subtracted terms are the components of dy along (1, …, 1) and along x̂. y does not
change when x is shifted or scaled, so ∂J/∂x has no component along these two directions.

**Inference** must not depend on the other samples of a batch. It uses running averages, in which a batch has weight α:

    m ← m + α (μ − m)        s ← s + α (N/(N − 1) v − s)        y = γ (x − m)/√(s + ε) + β

Now y is affine in x, with ∂J/∂x = γ/√(s + ε) dy. v divides by N, but s averages the unbiased estimate, which divides by
N − 1: its expectation does not depend on the batch size. (PyTorch does the same; Keras averages v.) m and s are
buffers: they are saved and moved with the model, but they are not part of θ. A frozen layer does not update its running
statistics (npae.models.phases.frozen). In data-parallel training each process normalises its share of the batch by its
own μ and v, and the processes average m and s after every step (npae.train.parallel.data_parallel). A batch with NaN
makes m and s NaN, so resume a run that diverged from a checkpoint.

v is the mean of the squared deviations, computed in a second pass: E[x²] − μ² would lose all digits for |μ| ≫ √v.

Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
section 3, algorithms 1 and 2.
"""

import numpy as np

from npae.backend import (
    Array,
    Config,
    Parameter,
    array_module,
    as_float,
    as_int,
    check_input,
    elementwise,
    images,
    pixels,
    sqrt,
    sum_rows,
)
from npae.layers import initializers
from npae.layers.base import Cache, Gradient, Layer


@elementwise
def _deviations(x, mean):
    d = x - mean
    return d * d, d


@elementwise
def _scales(variance, gamma, epsilon):
    r = 1 / sqrt(variance + epsilon)
    return r, gamma * r


@elementwise
def _affine(d, scale, beta):
    return d * scale + beta


@elementwise
def _normalized(x, mean, scale, beta):
    d = x - mean
    return d, d * scale + beta


@elementwise(out=("m", "s"))
def _average(m, s, mean, variance, rate, unbiased):
    return m + rate * (mean - m), s + rate * (unbiased * variance - s)


@elementwise
def _product(a, b):
    return a * b


@elementwise
def _with_products(dy, d):
    return dy, dy * d


@elementwise
def _means(sum_dy, sum_dy_d, r, n):
    return sum_dy / n, sum_dy_d * r * r / n


@elementwise
def _backward(dy, d, scale, mean_dy, mean_dy_x):
    return scale * (dy - mean_dy - d * mean_dy_x)


def _ones(rng, shape):  # an initializer
    return np.ones(shape)


class BatchNorm(Layer):
    """y = γ (x − μ)/√(v + ε) + β per feature, for x (batch, features) or (batch, features, height, width).

    γ starts at 1, β at 0, m at 0, s at 1. Raises ValueError for settings out of range, for x of another shape, and in
    training for a batch with one value per feature, which has no variance.

    Args:
        features: the number of columns of x, or of its channels.
        momentum: α, the weight of a batch in the running averages (as in PyTorch; Keras' momentum is 1 − α).
        epsilon: ε, in units of x².

    Example:
        >>> import numpy as np
        >>> from npae.layers import BatchNorm
        >>> layer = BatchNorm(2, epsilon=1e-9).initialize(seed=0, dtype="float64")
        >>> x = np.array([[0.0, 5.0], [2.0, 9.0]])
        >>> y, cache = layer.forward(x, training=True)
        >>> y.round(3)
        array([[-1., -1.],
               [ 1.,  1.]])
        >>> layer.mean.value.round(3)
        array([0.1, 0.7])
    """

    def __init__(self, features: int, momentum: float = 0.1, epsilon: float = 1e-5):
        self.features = n = as_int(features, "features of BatchNorm", least=1)
        self.momentum = as_float(momentum, "momentum of BatchNorm", above=0, most=1)
        self.epsilon = as_float(epsilon, "epsilon of BatchNorm", above=0)
        self.gamma, self.beta = Parameter("gamma", (n,), _ones), Parameter("beta", (n,), initializers.zeros)
        self.mean, self.variance = Parameter("mean", (n,), initializers.zeros), Parameter("variance", (n,), _ones)
        self.variance.least = 0
        self.parameters, self.buffers = (self.gamma, self.beta), (self.mean, self.variance)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """The cache is (x − μ, r, γ r, training); at inference μ is m, and v in r is s."""
        gamma, beta = self.gamma.value, self.beta.value
        array_module(x)  # raises for a list
        space = x.shape[2:] if x.ndim == 4 else ()
        fix = "Images have their channels before height and width."
        check_input(self, x, (self.features, *space), gamma, fix)
        rows = _rows(x)
        if not training:
            r, scale = _scales(self.variance.value, gamma, self.epsilon)
            d, y = _normalized(rows, self.mean.value, scale, beta)
            return _of_shape(y, x), (d, r, scale, training)
        n = len(rows)
        if n < 2:
            raise ValueError(
                f"{self!r}: expected at least 2 values per feature in training, got x of shape {x.shape}: one value "
                "has no variance. Take a batch size that leaves no single row over (and 2 rows for every process)."
            )
        mean = sum_rows(rows)  # Σ x_i
        mean *= 1 / n
        variance, d = _deviations.sum_rows(rows, mean)  # Σ (x_i − μ)²
        variance *= 1 / n
        m, s = self.mean.value, self.variance.value
        if self.mean.trainable:
            _average(m, s, mean, variance, self.momentum, n / (n - 1), out=(m, s))
        r, scale = _scales(variance, gamma, self.epsilon)
        return _of_shape(_affine(d, scale, beta), x), (d, r, scale, training)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂β += Σ dy,  ∂J/∂γ += Σ dy ⊙ x̂;  returns ∂J/∂x."""
        (d, r, scale, training), rows = cache, _rows(dy)
        sum_dy, sum_dy_d = _with_products.sum_rows(rows, d, sums=2)
        self.beta.add(sum_dy)  # ∂J/∂β += Σ dy
        self.gamma.add(_product(sum_dy_d, r))  # ∂J/∂γ += Σ dy ⊙ x̂
        if not needs_dx:
            return None
        if not training:
            return _of_shape(_product(rows, scale), dy)
        mean_dy, mean_dy_x = _means(sum_dy, sum_dy_d, r, len(rows))  # x̂ · mean(dy x̂) = d · mean_dy_x
        return _of_shape(_backward(rows, d, scale, mean_dy, mean_dy_x), dy)

    def config(self) -> Config:
        return {"features": self.features, "momentum": self.momentum, "epsilon": self.epsilon}


def _rows(x):
    """x as a matrix (N, features); images have one row per pixel, which is their layout between convolutions."""
    return x if x.ndim == 2 else pixels(x).reshape(-1, x.shape[1])


def _of_shape(rows, x):
    """The inverse of _rows: a matrix (N, features) in the shape of x."""
    return rows if x.ndim == 2 else images(rows.reshape(len(x), *x.shape[2:], x.shape[1]))
