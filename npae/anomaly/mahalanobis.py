"""The Mahalanobis distance: how far a vector is from the mean of given rows, in units of their standard deviations.

Let μ and S be the mean and the covariance of n rows, each of p numbers. The squared distance of a vector x is

    M²(x) = (x − μ)ᵀ Σ⁻¹ (x − μ)          Σ = (1 − α) S + α m I,    m = tr S / p

Σ has the eigenvectors of S = V diag(s) Vᵀ, and in them it is diagonal:

    Σ = V diag(σ) Vᵀ                      σ_j = (1 − α) s_j + α m
    M²(x) = Σ_j (v_jᵀ(x − μ))² / σ_j      v_j: column j of V

A direction in which the rows hardly vary has a small s_j. Few rows determine it badly, and with 1/s_j as its weight it
would dominate M². The shrinkage α pulls all σ_j towards their mean m. At α → 0 each direction has a scale of its own;
at α = 1 all have the same, and M² = ‖x − μ‖²/m.

**Whitening.** u = Σ^(−½)(x − μ) with the symmetric root Σ^(−½) = V diag(1/√σ) Vᵀ has the squared length M²(x). Over
the rows its numbers are uncorrelated and have variance 1, if α → 0.

**Few rows.** The centred rows C (n, p) have a rank r below n. If n < p, S has r eigenvalues above 0 only, and neither S
nor the whole V is ever formed: the singular value decomposition C = U diag(c) V₁ᵀ gives V₁ (p, r) and s_j = c_j²/n. All
other directions have s = 0 and σ = α m. With y = x − μ, their share of y has the squared length ‖y‖² − ‖V₁ᵀy‖²:

    M²(x) = Σ_{j ≤ r} (v_jᵀy)²/σ_j + (‖y‖² − ‖V₁ᵀy‖²)/(α m)
    Σ^(−½) y = V₁ diag(1/√σ − 1/√(α m)) V₁ᵀ y + y/√(α m)

**Rows in batches.** A batch of b rows with mean μ_b and scatter matrix C_bᵀC_b is merged with the n rows before it, so
that the rows are never in memory at once. With δ = μ_b − μ,

    C'ᵀC' = CᵀC + C_bᵀC_b + δδᵀ n b/(n + b)             μ' = μ + δ b/(n + b)

Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices"; Chan, Golub & LeVeque
1979, "Updating formulae and a pairwise algorithm for computing sample variances".
"""

from collections.abc import Iterable

import numpy as np

from npae.backend import Array, ArrayLike, as_float


class Moments:
    """n, mean (p,) and scatter matrix CᵀC (p, p), or its diagonal (p,), of rows that are added batch by batch.

    Args:
        p: the numbers per row.
        diagonal: only the diagonal of CᵀC?
    """

    def __init__(self, p: int, diagonal: bool = False) -> None:
        self.n, self.mean, self.diagonal = 0, np.zeros(p), diagonal
        self.scatter = np.zeros(p if diagonal else (p, p))

    def add(self, rows: Array) -> "Moments":
        """Merge a batch of rows (b, p). Returns self."""
        b, mean = len(rows), rows.mean(axis=0)
        centred, delta, w = rows - mean, mean - self.mean, self.n * len(rows) / (self.n + len(rows))
        if self.diagonal:
            self.scatter += (centred**2).sum(axis=0) + w * delta**2
        else:
            self.scatter += centred.T @ centred + w * np.outer(delta, delta)
        self.n += b
        self.mean += delta * (b / self.n)
        return self


class Mahalanobis:
    """The squared Mahalanobis distance M², with μ and S of given rows. If all of them are the same, m is 1.

    Args:
        rows: (n, p), n at least 2.
        shrinkage: α, in (0, 1].

    Raises ValueError for rows of another shape and for α outside of (0, 1].

    Example:
        >>> import numpy as np
        >>> from npae.anomaly import Mahalanobis
        >>> M2 = Mahalanobis(np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -3.0], [0.0, 3.0]]))
        >>> M2(np.array([[1.0, 0.0], [0.0, 1.0]])).round(2).tolist()  # variances ½ and 4½
        [2.0, 0.22]
    """

    mean: Array
    V: Array
    scale: Array
    rest: float

    def __init__(self, rows: ArrayLike, shrinkage: float = 1e-6) -> None:
        rows = np.asarray(rows, np.float64)
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
            raise ValueError(f"Mahalanobis: expected rows of shape (2 or more, p), got {rows.shape}.")
        n, p = rows.shape
        self._fit([rows], n, p, shrinkage)

    @classmethod
    def of_batches(cls, batches: Iterable[Array], n: int, p: int, shrinkage: float = 1e-6) -> "Mahalanobis":
        """The Mahalanobis of rows that come in batches. Raises ValueError as the class does.

        Args:
            batches: of rows (b, p), in float64.
            n: the number of all rows.
            p: the numbers per row.
            shrinkage: α.
        """
        new = cls.__new__(cls)
        new._fit(batches, n, p, shrinkage)
        return new

    def _fit(self, batches: Iterable[Array], n: int, p: int, shrinkage: float) -> None:
        shrinkage = as_float(shrinkage, "shrinkage α of Mahalanobis", above=0, most=1)
        if n < p:
            rows = np.concatenate(list(batches))
            self.mean = rows.mean(axis=0)
            _, c, Vt = np.linalg.svd(rows - self.mean, full_matrices=False)
            s, self.V = c**2 / n, np.ascontiguousarray(Vt.T)
        else:
            moments = Moments(p)
            for rows in batches:
                moments.add(rows)
            self.mean = moments.mean
            s, self.V = np.linalg.eigh(moments.scatter / n)
            s = np.maximum(s, 0)  # rounding can make the eigenvalues of a singular S negative
        m = s.sum() / p or 1.0
        self.scale = 1 / np.sqrt((1 - shrinkage) * s + shrinkage * m)  # 1/√σ_j of the columns of V
        self.rest = float(1 / np.sqrt(shrinkage * m))  # 1/√σ of all other directions

    @classmethod
    def of(cls, mean: Array, V: Array, scale: Array, rest: float) -> "Mahalanobis":
        """The Mahalanobis with the attributes of another one. Raises ValueError if they do not fit together.

        Args:
            mean: μ, (p,).
            V: eigenvectors of S, (p, r).
            scale: 1/√σ_j of each of them, (r,).
            rest: 1/√σ of all other directions.
        """
        p, r = V.shape if V.ndim == 2 else (0, 0)
        if mean.shape != (p,) or scale.shape != (r,) or not 0 < r <= p:
            raise ValueError(f"Mahalanobis: expected (p,), (p, r), (r,), got {mean.shape}, {V.shape}, {scale.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(V).all() and (scale > 0).all() and rest > 0):
            raise ValueError("Mahalanobis: expected finite numbers, and scales above 0")
        new = cls.__new__(cls)
        new.mean, new.V, new.scale, new.rest = mean, V, scale, float(rest)
        return new

    def root(self, y: Array, power: int = 1) -> Array:
        """Σ^(−½) y of every row, (n, p).

        Args:
            y: the rows, (n, p).
            power: 2 for Σ⁻¹ y.
        """
        a, b = self.scale**power, self.rest**power
        if len(self.scale) == len(self.mean):
            return (y @ self.V * a) @ self.V.T
        return (y @ self.V * (a - b)) @ self.V.T + b * y

    def whiten(self, rows: ArrayLike) -> Array:
        """The whitened vector u = Σ^(−½)(x − μ) of every row, (n, p)."""
        return self.root(np.asarray(rows, np.float64) - self.mean)

    def gradient(self, rows: ArrayLike) -> Array:
        """∂M²/∂x = 2 Σ⁻¹(x − μ) of every row, (n, p)."""
        return 2 * self.root(np.asarray(rows, np.float64) - self.mean, power=2)

    def __call__(self, rows: ArrayLike) -> Array:
        """The squared distance M² of every row, (n,)."""
        y = np.asarray(rows, np.float64) - self.mean
        along = y @ self.V
        squared = ((along * self.scale) ** 2).sum(axis=1)
        if len(self.scale) < len(self.mean):
            squared += self.rest**2 * np.maximum((y**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return squared
