"""The Fréchet distance: how far two samples are apart, if both are described by their means and covariances.

The distance between two distributions P and Q is here that of the cheapest way to move P onto Q, where moving x to y
costs ‖x − y‖²; the minimum is over all joint distributions with the marginals P and Q:

    d²(P, Q) = min E‖x − y‖²,   x ~ P, y ~ Q

**Closed form for Gaussians.** Let P = N(μ, Σ) and Q = N(ν, T), and C = Cov(x, y), the only thing that may be chosen:

    E‖x − y‖² = ‖μ − ν‖² + tr Σ + tr T − 2 tr C

The cheapest C has the largest trace among those for which [[Σ, C], [Cᵀ, T]] is a covariance matrix. Take factors
Σ = A Aᵀ and T = B Bᵀ. Then x = μ + A ε and y = ν + B ε′ with standard normal ε, ε′, and C = A K Bᵀ with K = E[ε ε′ᵀ],
which can be any matrix of singular values of at most 1 (a correlation). So

    tr C = tr(A K Bᵀ) = tr(K Bᵀ A) ≤ Σ_i s_i         s_i: the singular values of Bᵀ A

since |tr(K M)| ≤ Σ s_i(M) for such K, and for Bᵀ A = U S Vᵀ the choice K = V Uᵀ reaches it: tr(V Uᵀ U S Vᵀ) = tr S.

    d² = ‖μ − ν‖² + tr Σ + tr T − 2 Σ_i s_i(Bᵀ A)

The s_i are the square roots of the eigenvalues of (Bᵀ A)ᵀ Bᵀ A = Aᵀ T A. With A = Σ^½ that is the usual form,
d² = ‖μ − ν‖² + tr(Σ + T − 2 (Σ^½ T Σ^½)^½). Singular values need no root of a product, and no rounding below 0.
A comes from Σ = V Λ Vᵀ as A = V Λ^½. If Σ and T commute, d² is ‖μ − ν‖² + ‖Σ^½ − T^½‖²: in one dimension,
(μ − ν)² + (σ − τ)².

**For samples.** Means and covariances are estimated from n rows, and d² is that of the Gaussians with these moments: 0
if and only if they agree. For other distributions it is a lower bound of the cheapest cost (Gelbrich 1990). Estimated
moments differ even for samples of one distribution, so d² is then above 0, by about d/n times the variance: compare
numbers of equal n only, and print beside them what real data reach.

The space matters. In that of pixels, or of their leading principal components, d² is in squared pixel values. Heusel et
al. take features of a network trained on photographs ("FID"); any fixed features serve.

Dowson & Landau 1982, "The Fréchet distance between multivariate normal distributions", Journal of Multivariate Analysis
12; Olkin & Pukelsheim 1982, "The distance between two random vectors with given dispersion matrices"; Gelbrich 1990,
"On a formula for the L² Wasserstein metric"; Heusel et al. 2017, "GANs trained by a two time-scale update rule".
"""

import numpy as np

from npae.backend import Array, ArrayLike, array_module
from npae.evaluate.distances import as_rows, check_alike


def frechet_distance(samples: ArrayLike, data: ArrayLike) -> float:
    """d² of the Gaussians with the means and covariances of two sets of rows, in squared units of the rows.

    Args:
        samples: (n, …), images or rows of features, from the model.
        data: (m, …), on the same device, that the model was not trained on.

    Raises ValueError for fewer than two rows, for rows of different length, and for NaN or Inf.

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import frechet_distance
        >>> data = np.random.default_rng(0).normal(size=(1000, 2))
        >>> round(frechet_distance(data + [3, 4], data), 6)  # the same covariance: ‖μ − ν‖²
        25.0
        >>> round(frechet_distance(2 * data, data), 1)  # standard deviations of 2 and 1, twice
        2.0
    """
    s, x = as_rows(samples, "samples"), as_rows(data, "data")
    check_alike(s, x, ("samples", "data"))
    if min(len(s), len(x)) < 2:
        raise ValueError(f"frechet_distance: expected at least 2 rows of each, got {len(s)} and {len(x)}.")
    return between_gaussians(*_moments(s), *_moments(x))


def between_gaussians(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> float:
    """d² of N(μ, Σ) and N(ν, T).

    Args:
        mean: μ, (d,).
        covariance: Σ, (d, d), symmetric, without negative eigenvalues but for rounding.
        other_mean: ν, (d,).
        other_covariance: T, (d, d).
    """
    xp, difference = array_module(mean), mean - other_mean
    shared = xp.linalg.svd(_factor(other_covariance).T @ _factor(covariance), compute_uv=False).sum()
    squared = difference @ difference + xp.trace(covariance) + xp.trace(other_covariance) - 2 * shared
    return max(0.0, float(squared))


def _moments(rows: Array) -> tuple[Array, Array]:
    """(mean, covariance with 1/(n − 1)) in float64."""
    rows = rows.astype(np.float64)
    mean = rows.mean(axis=0)
    centred = rows - mean
    return mean, centred.T @ centred / (len(rows) - 1)


def _factor(covariance: Array) -> Array:
    """A with A Aᵀ = Σ."""
    xp = array_module(covariance)
    values, vectors = xp.linalg.eigh(covariance)
    return vectors * xp.sqrt(xp.maximum(values, 0))
