"""JumpReLU: a rectifier with a learned threshold for each unit.

    h_ij = a_ij H(a_ij − θ_j)                     H(u) = [u > 0], Heaviside's step function;  θ_j > 0

A ReLU that suppresses small activations also lowers large ones, if the threshold is a negative bias. JumpReLU leaves
what is above the threshold as it is. To keep θ positive, the layer learns log θ, with ∂J/∂(log θ_j) = θ_j ∂J/∂θ_j.

**Its gradient.** For a fixed θ, ∂h_ij/∂a_ij = H(a_ij − θ_j) except at the jump. But h is piecewise constant in θ_j: the
derivative is 0 almost everywhere, and θ would never move. So ∂J/∂θ is *defined*, not measured, by a pseudo-derivative
(straight-through estimator) with a kernel K of width ε:

    ð/ðθ H(a − θ) := −1/ε K((a − θ)/ε)            K(u) = [|u| < ½]                          (their equation 12)
    ð/ðθ (a H(a − θ)) := −θ/ε K((a − θ)/ε)                                                  (their equation 11)
    ∂J/∂(log θ_j) := −Σ_i ∂J/∂h_ij θ_j²/ε K((a_ij − θ_j)/ε)

It estimates the derivative of the *expected* J. Let p be the density of a. The mean of a H(a − θ) is the integral of
a p(a) over a > θ, whose derivative is −θ p(θ). And the mean of 1/ε K((a − θ)/ε) over samples is a kernel estimate of
p(θ), by Parzen's window. Finite differences see none of this: gradcheck cannot check ∂J/∂θ of a sample. (The first line
alone can be measured: it is the derivative of the ramp of width ε that goes from 0 to 1 around θ.)

The number of active units is penalised by penalties.L0, which uses the same kernel.

Rajamanoharan et al. 2024, "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse autoencoders", arXiv
2407.14435, sections 3 and 4. Erichson et al. 2019 introduced the function, arXiv 1904.03750.
"""

import math

import numpy as np

from npae.backend import (
    Array,
    Config,
    Parameter,
    absolute,
    as_float,
    as_int,
    check_input,
    check_shape,
    elementwise,
    exp,
    maximum,
    sum_rows,
)
from npae.layers.base import Cache, Gradient, Layer


@elementwise
def _exp(log_theta):
    return exp(log_theta)


@elementwise
def _jump(x, theta):
    return maximum(x, 0) * (x > theta)


@elementwise(out=("dx",))
def _backward(dy, x, theta, width):
    return dy * (x > theta), dy * (absolute(x - theta) < 0.5 * width)


@elementwise
def _inside(x, theta, width):
    return absolute(x - theta) < 0.5 * width


@elementwise
def _squared_times(sums, theta, scale):
    return sums * theta * theta * scale


class JumpReLU(Layer):
    """y = x where x is above its unit's threshold θ, else 0: (batch, n) -> (batch, n).

    Raises ValueError for n below 1, a threshold or a bandwidth that is not positive, and for x of another shape.

    Args:
        n: the number of units.
        threshold: the first θ of every unit. With x of norm 1, the paper takes 0.001.
        bandwidth: ε, the width of the kernel, in units of x; the paper takes 0.001.

    Example:
        >>> import numpy as np
        >>> from npae.layers import JumpReLU
        >>> layer = JumpReLU(3, threshold=0.5).initialize()
        >>> layer(np.array([[0.4, 0.6, -2.0]], np.float32)).round(3)
        array([[0. , 0.6, 0. ]], dtype=float32)
    """

    def __init__(self, n: int, threshold: float = 0.001, bandwidth: float = 0.001):
        self.n = as_int(n, "n of JumpReLU", least=1)
        self.threshold = as_float(threshold, "threshold of JumpReLU", above=0)
        self.bandwidth = as_float(bandwidth, "bandwidth of JumpReLU", above=0)
        self.log_theta = Parameter("log_theta", (self.n,), self._first)
        self.parameters, self.in_shape = (self.log_theta,), (self.n,)

    def _first(self, rng, shape):  # an initializer
        return np.full(shape, math.log(self.threshold))

    @property
    def thresholds(self) -> Array:
        """θ = e^(log θ), of each unit: (n,)."""
        return _exp(self.log_theta.value)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """y = x H(x − θ). The cache is (x, θ)."""
        check_input(self, x, (self.n,), self.log_theta.value)
        theta = self.thresholds
        return _jump(x, theta), (x, theta)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂(log θ) as defined above;  returns ∂J/∂x = dy ⊙ H(x − θ)."""
        x, theta = cache
        dx, near = _backward(dy, x, theta, self.bandwidth)  # near: dy K((x − θ)/ε)
        self.log_theta.add(_squared_times(sum_rows(near), theta, -1 / self.bandwidth))  # −Σ_i dy θ²/ε K
        return dx if needs_dx else None

    def near_threshold(self, cache: Cache) -> Array:
        """1/ε Σ_i K((x_ij − θ_j)/ε), an estimate of B times the density of x_j at θ_j: (n,).

        Args:
            cache: what forward returned beside y.
        """
        x, theta = cache
        sums = sum_rows(_inside(x, theta, self.bandwidth))
        sums *= 1 / self.bandwidth
        return sums

    def config(self) -> Config:
        return {"n": self.n, "threshold": self.threshold, "bandwidth": self.bandwidth}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.n,))
        return shape

    def __repr__(self):
        return f"JumpReLU({self.n}, threshold={self.threshold:g}, bandwidth={self.bandwidth:g})"
