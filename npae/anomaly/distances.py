"""The four distances of a row from normal data, by the code and the residual that a network gives it.

The network maps a standardised row x to the code h = f(x), and reconstructs it up to the residual r = x − g(h). An
anomaly can show in either. If the network cannot reconstruct it, the residual is unusual. If the network can, the code
may still be far from those of the normal rows. So there are four distances D:

    "reconstruction"    ‖r‖²                what is not reconstructed
    "residual"          M²(r)               the same, in comparison with the usual residuals
    "latent"            M²(h)               how unusual the code is
    "joint"             M²([u, r/ρ])        both; u is the whitened h, ρ² the mean variance of the residuals

M² is the squared Mahalanobis distance (npae.anomaly.mahalanobis), with mean and covariance of the training rows.

‖r‖² alone has a weakness. A feature that cannot be predicted has large residuals on normal rows. A small residual of
another feature goes unnoticed beside it, even if it is ten times its usual size.

In the joint distance both parts have a mean variance of 1, and the shrinkage α of M² leads from

    α = 1    ‖u‖² + ‖r − mean r‖²/ρ²      as in probabilistic PCA (with σ² = ρ² d/(d − k) in place of ρ²), to
    α → 0    M² of code and residual with all their correlations.

For a *linear* autoencoder the second limit is M²(x), the classical detector without a network. Proof: h = Fx and
r = (I − GF)x are linear in x, so [h, r] = Ax with a matrix A. A is injective, since x = Gh + r. Let S be the covariance
of x, with an inverse, and write x = S^½ w. Then Ax has the covariance A S Aᵀ = B Bᵀ with B = A S^½. The pseudo-inverse
of B is B⁺ = Bᵀ(B Bᵀ)⁺, and B⁺B = I since the columns of B are independent. So

    M²(Ax) = xᵀAᵀ (A S Aᵀ)⁺ A x = wᵀ Bᵀ(B Bᵀ)⁺B w = ‖w‖² = xᵀ S⁻¹ x = M²(x)

M² does not change under invertible linear maps, so [u, r/ρ] serves as well as [h, r]. Any gain over this baseline, six
lines of linear algebra, is due to the network's non-linearity.

Which distance to take: "joint". It was chosen on synthetic tables with five kinds of anomalies, where it is the best of
the four on average, with anomalies in training and without (demos/synthetic_tables.py). If anomalies are hidden among
the training rows, a network of high capacity learns to reconstruct these too, and their residuals vanish. Their codes
still lie far out, and "latent" can be better, as it is on some of the tables of ADBench.

Each distance also returns its derivatives ∂D/∂h and ∂D/∂r, from which npae.anomaly.contributions needs the chain rule
only:

    ‖r‖²                    ∂D/∂r = 2r
    M²(y)                   ∂D/∂y = 2 Σ⁻¹(y − μ)
    M²(w), w = [u, r/ρ]     ∂D/∂h = Σ_h^(−½) (∂D/∂w)₁,   ∂D/∂r = (∂D/∂w)₂/ρ         as u = Σ_h^(−½)(h − μ_h)

Tipping & Bishop 1999, "Probabilistic principal component analysis".
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from npae.anomaly.mahalanobis import Mahalanobis, Moments
from npae.backend import Array

Parts: TypeAlias = Callable[[], Iterator[tuple[Array, Any]]]
"""A function that yields the (h, r) of all rows, in batches (b, k) and (b, d) of float64, anew in each call."""


class Reconstruction:
    """D = ‖r‖². There is nothing to fit."""

    needs_residual: bool = True
    pieces: tuple[str, ...] = ()  # the attributes that are Mahalanobis distances
    rho: float = 1.0  # ρ, which "joint" learns

    def __init__(self, shrinkage: float = 0.0) -> None:
        pass

    def fit(self, parts: Parts, n: int) -> "Reconstruction":
        """Learn what D needs. Returns self.

        Args:
            parts: a function that yields the (h, r) of all rows, in batches.
            n: the number of rows.
        """
        return self

    def __call__(self, h: Array, r: Any) -> Array:
        """D of every row, (b,)."""
        return (r**2).sum(axis=1)

    def derivatives(self, h: Array, r: Any) -> tuple[Array | None, Array | None]:
        """(∂D/∂h, ∂D/∂r) of every row; None for a part that D does not depend on.

        Args:
            h: codes, (b, k).
            r: residuals, (b, d); None if D does not need them.
        """
        return None, 2 * r


class Residual(Reconstruction):
    """D = M²(r). shrinkage: α."""

    pieces = ("residual",)

    def __init__(self, shrinkage: float) -> None:
        self.shrinkage = shrinkage

    def fit(self, parts: Parts, n: int) -> "Residual":
        d = next(parts())[1].shape[1]
        self.residual = Mahalanobis.of_batches((r for _, r in parts()), n, d, self.shrinkage)
        return self

    def __call__(self, h: Array, r: Any) -> Array:
        return self.residual(r)

    def derivatives(self, h: Array, r: Any) -> tuple[Array | None, Array | None]:
        return None, self.residual.gradient(r)


class Latent(Reconstruction):
    """D = M²(h), with hardly any shrinkage."""

    needs_residual, pieces = False, ("code",)

    def fit(self, parts: Parts, n: int) -> "Latent":
        k = next(parts())[0].shape[1]
        self.code = Mahalanobis.of_batches((h for h, _ in parts()), n, k)
        return self

    def __call__(self, h: Array, r: Any) -> Array:
        return self.code(h)

    def derivatives(self, h: Array, r: Any) -> tuple[Array | None, Array | None]:
        return self.code.gradient(h), None


class Joint(Latent):
    """D = M²([u, r/ρ]). shrinkage: α."""

    needs_residual, pieces = True, ("code", "joint")

    def __init__(self, shrinkage: float) -> None:
        self.shrinkage = shrinkage

    def fit(self, parts: Parts, n: int) -> "Joint":
        h, r = next(parts())
        k, d = h.shape[1], r.shape[1]
        moments = Moments(d, diagonal=True)
        self.code = Mahalanobis.of_batches(_codes(parts(), moments), n, k)
        self.rho = float(np.sqrt(moments.scatter.mean() / n)) or 1.0
        self.joint = Mahalanobis.of_batches((self._together(h, r) for h, r in parts()), n, k + d, self.shrinkage)
        return self

    def _together(self, h: Array, r: Array) -> Array:
        return np.hstack([self.code.whiten(h), r / self.rho])

    def __call__(self, h: Array, r: Any) -> Array:
        return self.joint(self._together(h, r))

    def derivatives(self, h: Array, r: Any) -> tuple[Array | None, Array | None]:
        dw = self.joint.gradient(self._together(h, r))
        du, dr = np.split(dw, [h.shape[1]], axis=1)
        return self.code.root(du), dr / self.rho


def _codes(parts: Iterator[tuple[Array, Any]], moments: Moments) -> Iterator[Array]:
    """The codes in `parts`; the residuals are added to `moments` on the way."""
    for h, r in parts:
        moments.add(r)
        yield h


DISTANCES: dict[str, type[Reconstruction]] = {
    "reconstruction": Reconstruction, "residual": Residual, "latent": Latent, "joint": Joint,
}  # fmt: skip
