"""Batch normalisation: every feature gets the mean and the spread that the next layer learns best from.

A feature is a column of x (B, n), or a channel of images (B, C, H, W); its N values in a batch are those of all
samples, N = B, and of all places, N = B·H·W. In training, with sums Σ over these values x_i,

    μ = 1/N Σ x_i        v = 1/N Σ (x_i − μ)²        x̂_i = (x_i − μ) r,   r = 1/√(v + ε)        y_i = γ x̂_i + β

so that y has mean β and standard deviation γ, learned numbers, whatever the layers before do. (A bias before it is of
no use: μ takes it away.)

**Backward.** With dy_i = ∂J/∂y_i, and since every y_i has the same γ and β,

    ∂J/∂β = Σ dy_i        ∂J/∂γ = Σ dy_i x̂_i        g_i := ∂J/∂x̂_i = γ dy_i

x_k acts on every x̂_i, through itself, through μ and through v. First what μ and v do, using Σ (x_i − μ) = 0 twice:

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
(npae.buffers): saved with the model and moved with it, but no part of θ. Several workers normalise each their own share
of a batch, by its μ and v, and average m and s after every step (npae.train.shared). A batch with NaN leaves NaN in
them: a run that diverged goes on from a checkpoint.

v is the mean of squared deviations, in a second pass: E[x²] − μ² would lose all digits where |μ| is much above √v.

Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
section 3, algorithms 1 and 2.
"""

from npae import initializers
from npae.buffers import Buffer
from npae.elementwise import elementwise, sqrt
from npae.layers.base import Layer, check_input
from npae.memory import empty, ones
from npae.parameters import Parameter
from npae.products import matmul


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
        if not (features >= 1 and 0 < momentum <= 1 and epsilon > 0):
            raise ValueError(
                "BatchNorm: expected features of at least 1, 0 < momentum <= 1 and epsilon > 0, got "
                f"features={features}, momentum={momentum}, epsilon={epsilon}."
            )
        self.features, self.momentum, self.epsilon = int(features), float(momentum), float(epsilon)
        self.gamma = Parameter("gamma", (features,), initializers.ones)
        self.beta = Parameter("beta", (features,), initializers.zeros)
        self.mean, self.variance = Buffer("mean", (features,), 0), Buffer("variance", (features,), 1)
        self.parameters, self.buffers = (self.gamma, self.beta), (self.mean, self.variance)

    def forward(self, x, training=False):
        """The cache is (x − μ, r, γ r for every column of x, training), with m and s for μ and v in inference."""
        gamma, beta = self.gamma.value, self.beta.value
        fix = "Images have their channels before height and width."
        check_input(self, x, (self.features, *x.shape[2:]), gamma, fix)
        flat = self._flat(x)
        if not training:
            r, scale = _scales(self.variance.value, gamma, self.epsilon)
            scale = self._columns(scale, flat)
            d, y = _by_running(flat, self._columns(self.mean.value, flat), scale, self._columns(beta, flat))
            return y.reshape(x.shape), (d, r, scale, training)
        n = flat.size // self.features
        if n < 2:
            raise ValueError(
                f"{self!r}: expected at least 2 values a feature in training, got x of shape {x.shape}: one value has "
                "no variance. Take a batch size that leaves no single row over (and 2 rows for every worker)."
            )
        mean = self._sum(flat)
        mean *= 1 / n
        d, squares = _deviations(flat, self._columns(mean, flat))
        variance = self._sum(squares)
        variance *= 1 / n
        m, s = self.mean.value, self.variance.value
        _average(m, s, mean, variance, self.momentum, n / (n - 1), out=(m, s))
        r, scale = _scales(variance, gamma, self.epsilon)
        scale = self._columns(scale, flat)
        y = _affine(d, scale, self._columns(beta, flat), out=squares)
        return y.reshape(x.shape), (d, r, scale, training)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂β += Σ dy,  ∂J/∂γ += Σ dy ⊙ x̂;  returns ∂J/∂x."""
        (d, r, scale, training), flat = cache, self._flat(dy)
        sum_dy, sum_dy_d = self._sum(flat), self._sum(_product(flat, d))
        self.beta.add_grad(_itself, sum_dy)
        self.gamma.add_grad(_product, sum_dy_d, r)
        if not needs_dx:
            return None
        if not training:
            return _product(flat, scale).reshape(dy.shape)
        n = flat.size / self.features
        mean_dy, mean_dy_x = (self._columns(v, flat) for v in _means(sum_dy, sum_dy_d, r, n))  # x̂ · mean(dy x̂) = d · …
        return _backward(flat, d, scale, mean_dy, mean_dy_x).reshape(dy.shape)

    def _flat(self, x):
        """x as (B, features · places), contiguous: a feature's places lie side by side."""
        if not x.flags.c_contiguous:
            x, strided = empty(x.shape, x), x
            x[...] = strided
        return x.reshape(len(x), -1)

    def _sum(self, flat):
        """Σ over the values of each feature: (features,). Products with ones are the fastest sums."""
        total = matmul(ones(len(flat), flat), flat, out=empty(flat.shape[1:], flat))
        if len(total) == self.features:
            return total
        places = len(total) // self.features
        return matmul(ones(places, flat), total.reshape(self.features, places).T, out=empty((self.features,), flat))

    def _columns(self, vector, flat):
        """One number a feature, repeated for each of its columns in `flat`."""
        if flat.shape[1] == self.features:
            return vector
        columns = empty((self.features, flat.shape[1] // self.features), flat)
        columns[...] = vector[:, None]
        return columns.reshape(-1)

    def config(self):
        return {"features": self.features, "momentum": self.momentum, "epsilon": self.epsilon}
