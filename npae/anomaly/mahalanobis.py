"""The Mahalanobis distance: how far a vector is from the mean of given rows, in units of their standard deviations.

Let μ and S be the mean and the covariance of the rows, each of p numbers. The squared distance of a vector x is

    M²(x) = (x − μ)ᵀ Σ⁻¹ (x − μ)          Σ = (1 − α) S + α m I,    m = tr S / p

Σ has the eigenvectors of S = V diag(s) Vᵀ, and in them it is diagonal. So M² is the ordinary squared length of the
*whitened* vector u, where v_j is column j of V:

    u_j = v_jᵀ(x − μ) / √σ_j              σ_j = (1 − α) s_j + α m,      M² = ‖u‖²

A direction in which the rows hardly vary has a small s_j. Few rows determine it badly, and with 1/s_j as its weight it
would dominate M². The shrinkage α pulls all σ_j towards their mean m. At α → 0 each direction has a scale of its own;
at α = 1 all have the same, and M² = ‖x − μ‖²/m. Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional
covariance matrices".
"""

import numpy as np


class Mahalanobis:
    """The squared Mahalanobis distance M², with μ and S of `rows` (n, p), n at least 2. shrinkage: α, in (0, 1].

    Raises ValueError for rows of another shape and for α outside of (0, 1]. If all rows are the same, m is 1.
    """

    def __init__(self, rows, shrinkage=1e-6):
        rows = np.asarray(rows, np.float64)
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
            raise ValueError(f"Mahalanobis: expected rows of shape (2 or more, p), got {rows.shape}.")
        if not 0 < shrinkage <= 1:
            raise ValueError(f"Mahalanobis: expected a shrinkage 0 < α ≤ 1, got {shrinkage}.")
        self.mean = rows.mean(axis=0)
        centred = rows - self.mean
        s, V = np.linalg.eigh(centred.T @ centred / len(rows))
        s = np.maximum(s, 0)  # rounding can make the eigenvalues of a singular S negative
        m = s.mean() or 1.0
        self.scaling = V / np.sqrt((1 - shrinkage) * s + shrinkage * m)

    @classmethod
    def of(cls, mean, scaling):
        """The Mahalanobis with this mean (p,) and scaling (p, p), the attributes of another one."""
        if mean.ndim != 1 or scaling.shape != 2 * mean.shape:
            raise ValueError(f"Mahalanobis: expected a mean (p,) and scaling (p, p), got {mean.shape}, {scaling.shape}")
        new = cls.__new__(cls)
        new.mean, new.scaling = mean, scaling
        return new

    def whiten(self, rows):
        """The whitened vector u of every row, (n, p)."""
        return (np.asarray(rows, np.float64) - self.mean) @ self.scaling

    def __call__(self, rows):
        """The squared distance M² of every row, (n,)."""
        return (self.whiten(rows) ** 2).sum(axis=1)
