"""The Mahalanobis length: how far a vector lies from the mean of others, counted in their standard deviations.

With μ and S the mean and the covariance of the rows that it is made from, p of them numbers wide,

    M²(v) = (v − μ)ᵀ Σ⁻¹ (v − μ)          Σ = (1 − α) S + α m I,    m = tr S / p

In the eigenvectors of S = V diag(s) Vᵀ, Σ is diagonal too, so M is the plain length of the *whitened* vector:

    u_j = v_jᵀ(v − μ) / √σ_j              σ_j = (1 − α) s_j + α m,      M² = ‖u‖²

A direction in which the rows hardly vary has a small s_j, badly known from few rows, and 1/s_j would make it decide
everything. The shrinkage α pulls all σ_j towards their mean m: from α → 0, each direction on its own scale, to α = 1,
‖v − μ‖² on one scale for all. Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance
matrices".
"""

import numpy as np


class Mahalanobis:
    """M² with μ and S of `rows` (n, p), at least two of them. shrinkage: α, above 0 and at most 1.

    Raises ValueError for another shape or another α. Rows that are all the same have the scale 1.
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
        s = np.maximum(s, 0)  # a singular S has eigenvalues of either sign, by rounding
        m = s.mean() or 1.0
        self.scaling = V / np.sqrt((1 - shrinkage) * s + shrinkage * m)

    @classmethod
    def of(cls, mean, scaling):
        """The one with this mean (p,) and scaling (p, p), as another had them."""
        if mean.ndim != 1 or scaling.shape != 2 * mean.shape:
            raise ValueError(f"Mahalanobis: expected a mean (p,) and scaling (p, p), got {mean.shape}, {scaling.shape}")
        made = cls.__new__(cls)
        made.mean, made.scaling = mean, scaling
        return made

    def whiten(self, rows):
        """u of every row, (n, p)."""
        return (np.asarray(rows, np.float64) - self.mean) @ self.scaling

    def __call__(self, rows):
        """M² of every row, (n,)."""
        return (self.whiten(rows) ** 2).sum(axis=1)
