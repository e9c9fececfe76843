"""Batch normalisation: every feature gets the mean and the spread that the next layer learns best from.

A feature is a column of x (B, n), or a channel of images (B, C, H, W), whose pixels are rows: its N values in a batch
are those of all samples, N = B, or of all pixels, N = B·H·W. In training, with sums Σ over these values x_i,

    μ = 1/N Σ x_i        v = 1/N Σ (x_i − μ)²        x̂_i = (x_i − μ) r,   r = 1/√(v + ε)        y_i = γ x̂_i + β

so that y has mean β and standard deviation γ, learned numbers, whatever the layers before do. (A bias before it is of
no use: μ takes it away.)

**Backward.** With dy_i = ∂J/∂y_i, and since every y_i has the same γ and β,

    ∂J/∂β = Σ dy_i        ∂J/∂γ = Σ dy_i x̂_i        g_i := ∂J/∂x̂_i = γ dy_i

x_k acts on every x̂_i, through itself, through μ and through v. First what μ and v do, using Σ (x_i − μ) = 0:

    ∂μ/∂x_k = 1/N
    ∂v/∂x_k = 2/N Σ_i (x_i − μ)([i = k] − 1/N) = 2/N (x_k − μ)
    ∂r/∂v   = −½ (v + ε)^(−3/2) = −½ r³

then x̂_i = (x_i − μ) r by the product rule:

    ∂x̂_i/∂x_k = ([i = k] − 1/N) r + (x_i − μ)(−½ r³) 2/N (x_k − μ)
               = r ([i = k] − 1/N − x̂_i x̂_k/N)                               since (x_i − μ) r = x̂_i

and the chain rule, ∂J/∂x_k = Σ_i g_i ∂x̂_i/∂x_k, gives

    ∂J/∂x_k = γ r (dy_k − 1/N Σ dy_i − x̂_k · 1/N Σ dy_i x̂_i)

Of dy nothing is left that would move the mean of x or stretch it about its mean: y would not notice.

**Inference** must not depend on who else is in a batch. It takes running averages over the batches of training,

    m ← m + λ (μ − m)        s ← s + λ (N/(N − 1) v − s)        y = γ (x − m)/√(s + ε) + β

and there y is linear in x: ∂J/∂x = γ/√(s + ε) dy. v divides by N; s averages the estimate that divides by N − 1, which
has the same mean for batches of every size (as in PyTorch; Keras averages v itself). m and s are buffers
(npae.layers.buffers): saved with the model and moved with it, but no part of θ. Several workers normalise each their own share
of a batch, by its μ and v, and average m and s after every step (npae.train.parallel.data_parallel). A batch with NaN leaves NaN in
them: a run that diverged goes on from a checkpoint. While a layer is held fast (npae.models.phases.frozen) they stay as
they are: a discriminator's are those of what it was trained on.

v is the mean of squared deviations, in a second pass: E[x²] − μ² would lose all digits where |μ| is much above √v.

Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
section 3, algorithms 1 and 2.
"""

from npae.backend import array_module, as_int, elementwise, empty, images, matmul, ones, pixels, sqrt
from npae.layers import initializers
from npae.layers.base import Layer, check_input
from npae.layers.buffers import Buffer
from npae.layers.parameters import Parameter


@elementwise
def _deviations(x, mean):
    d = x - mean
    return d, d * d


@elementwise
def _scales(variance, gamma, epsilon):
    r = 1 / sqrt(variance + epsilon)
    return r, gamma * r


@elementwise
def _affine(d, scale, beta):
    return d * scale + beta


@elementwise
def _by_running(x, mean, scale, beta):
    d = x - mean
    return d, d * scale + beta


@elementwise(out=("m", "s"))
def _average(m, s, mean, variance, rate, unbiased):
    return m + rate * (mean - m), s + rate * (unbiased * variance - s)


@elementwise
def _product(a, b):
    return a * b


@elementwise
def _itself(a):
    return a


@elementwise
def _means(sum_dy, sum_dy_d, r, n):
    return sum_dy / n, sum_dy_d * r * r / n


@elementwise
def _backward(dy, d, scale, mean_dy, mean_dy_x):
    return scale * (dy - mean_dy - d * mean_dy_x)


class BatchNorm(Layer):
    """y = γ (x − μ)/√(v + ε) + β, of x (batch, features) or (batch, features, height, width), feature by feature.

    momentum: λ, the weight of a batch in the running averages (PyTorch's convention; Keras's momentum is 1 − λ).
    epsilon: ε, in units of x². γ begins at 1, β at 0, m at 0, s at 1.
    Raises ValueError for settings that cannot be, for another shape of x, and in training for a batch with one value a
    feature, which has no variance.
    """

    def __init__(self, features, momentum=0.1, epsilon=1e-5):
        self.features = as_int(features, "features of BatchNorm")
        if not (features >= 1 and 0 < momentum <= 1 and epsilon > 0):
            raise ValueError(
                "BatchNorm: expected features of at least 1, 0 < momentum <= 1 and epsilon > 0, got "
                f"features={features}, momentum={momentum}, epsilon={epsilon}."
            )
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self.gamma = Parameter("gamma", (features,), initializers.ones)
        self.beta = Parameter("beta", (features,), initializers.zeros)
        self.mean, self.variance = Buffer("mean", (features,), 0), Buffer("variance", (features,), 1)
        self.parameters, self.buffers = (self.gamma, self.beta), (self.mean, self.variance)

    def forward(self, x, training=False):
        """The cache is (x − μ, r, γ r, training), with m and s for μ and v in inference."""
        gamma, beta = self.gamma.value, self.beta.value
        array_module(x)  # raises for a list
        space = x.shape[2:] if x.ndim == 4 else ()
        fix = "Images have their channels before height and width."
        check_input(self, x, (self.features, *space), gamma, fix)
        rows = _rows(x)
        if not training:
            r, scale = _scales(self.variance.value, gamma, self.epsilon)
            d, y = _by_running(rows, self.mean.value, scale, beta)
            return _of_shape(y, x), (d, r, scale, training)
        n = len(rows)
        if n < 2:
            raise ValueError(
                f"{self!r}: expected at least 2 values a feature in training, got x of shape {x.shape}: one value has "
                "no variance. Take a batch size that leaves no single row over (and 2 rows for every worker)."
            )
        mean = _sum(rows)
        mean *= 1 / n
        d, squares = _deviations(rows, mean)
        variance = _sum(squares)
        variance *= 1 / n
        m, s = self.mean.value, self.variance.value
        if self.gamma.learns:
            _average(m, s, mean, variance, self.momentum, n / (n - 1), out=(m, s))
        r, scale = _scales(variance, gamma, self.epsilon)
        return _of_shape(_affine(d, scale, beta, out=squares), x), (d, r, scale, training)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂β += Σ dy,  ∂J/∂γ += Σ dy ⊙ x̂;  returns ∂J/∂x."""
        (d, r, scale, training), rows = cache, _rows(dy)
        sum_dy, sum_dy_d = _sum(rows), _sum(_product(rows, d))
        self.beta.add_grad(_itself, sum_dy)
        self.gamma.add_grad(_product, sum_dy_d, r)
        if not needs_dx:
            return None
        if not training:
            return _of_shape(_product(rows, scale), dy)
        mean_dy, mean_dy_x = _means(sum_dy, sum_dy_d, r, len(rows))  # x̂ · mean(dy x̂) = d · mean_dy_x
        return _of_shape(_backward(rows, d, scale, mean_dy, mean_dy_x), dy)

    def config(self):
        return {"features": self.features, "momentum": self.momentum, "epsilon": self.epsilon}


def _rows(x):
    """x as (N, features): as it is, or the pixels of images (which lie like that in memory between convolutions)."""
    return x if x.ndim == 2 else pixels(x).reshape(-1, x.shape[1])


def _of_shape(rows, x):
    """What _rows made rows, as samples like x again."""
    if x.ndim == 2:
        return rows
    batch, channels, height, width = x.shape
    return images(rows.reshape(batch, height, width, channels))


def _sum(rows):
    """Σ over the values of each feature: (features,). A product with ones is the fastest sum."""
    return matmul(ones(len(rows), rows), rows, out=empty(rows.shape[1:], rows))
