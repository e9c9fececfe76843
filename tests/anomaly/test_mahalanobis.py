"""The squared Mahalanobis distance: against its definition, for covariances without an inverse, and in batches."""

import tracemalloc

import numpy as np
import pytest

from npae.anomaly import Mahalanobis
from npae.anomaly.mahalanobis import Moments

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((200, 5)) @ RNG.standard_normal((5, 5)) + 3
OTHERS = RNG.standard_normal((20, 5)) * 4
FEW = RNG.standard_normal((6, 15)) @ RNG.standard_normal((15, 15)) + 3  # fewer rows than features
FAR = RNG.standard_normal((20, 15)) * 4


def covariance(rows, alpha):
    S, p = np.cov(rows.T, bias=True), rows.shape[1]
    return (1 - alpha) * S + alpha * np.trace(S) / p * np.eye(p)


@pytest.mark.parametrize("alpha", [1e-9, 0.3, 1.0])
def test_the_squared_distance_is_the_quadratic_form(alpha):
    d = OTHERS - ROWS.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", d, np.linalg.inv(covariance(ROWS, alpha)), d)
    np.testing.assert_allclose(Mahalanobis(ROWS, alpha)(OTHERS), expected, rtol=1e-6)


@pytest.mark.parametrize("alpha", [1e-3, 0.3, 1.0])
@pytest.mark.parametrize(("rows", "others"), [(ROWS, OTHERS), (FEW, FAR)], ids=["n > p", "n < p"])
def test_distance_whitening_and_gradient_are_those_of_the_dense_covariance(alpha, rows, others):
    M, y = Mahalanobis(rows, alpha), others - rows.mean(axis=0)
    precision = np.linalg.inv(covariance(rows, alpha))
    squared = np.einsum("ij,jk,ik->i", y, precision, y)
    np.testing.assert_allclose(M(others), squared, rtol=1e-8)
    np.testing.assert_allclose((M.whiten(others) ** 2).sum(axis=1), squared, rtol=1e-8)
    np.testing.assert_allclose(M.gradient(others), 2 * y @ precision, rtol=1e-7, atol=1e-9)
    s, V = np.linalg.eigh(precision)
    np.testing.assert_allclose(M.whiten(others), y @ (V * np.sqrt(s)) @ V.T, rtol=1e-7, atol=1e-9)


def test_whitened_rows_have_mean_0_covariance_1_and_the_squared_distance_as_length():
    M = Mahalanobis(ROWS, 1e-12)
    u = M.whiten(ROWS)
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(u.T @ u / len(u), np.eye(5), atol=1e-9)
    np.testing.assert_allclose((u**2).sum(axis=1), M(ROWS), rtol=1e-12)
    assert M(ROWS).mean() == pytest.approx(5, rel=1e-9)  # tr S⁻¹S


def test_training_rows_are_nearer_than_new_ones():
    """The means of M² in npae.anomaly.threshold: d, and d (n + 1)/(n − d − 2)."""
    n, d, old, new = 100, 29, [], []
    for seed in range(40):
        x = np.random.default_rng(seed).standard_normal((n + 200, d))
        M = Mahalanobis(x[:n], 1e-12)
        old.append(M(x[:n]).mean())
        new.append(M(x[n:]).mean())
    assert np.mean(old) == pytest.approx(d, rel=1e-9)
    assert np.mean(new) == pytest.approx(d * (n + 1) / (n - d - 2), rel=0.02)


def test_invertible_maps_change_nothing():
    A = RNG.standard_normal((5, 5))
    a, b = Mahalanobis(ROWS, 1e-12)(OTHERS), Mahalanobis(ROWS @ A + 7, 1e-12)(OTHERS @ A + 7)
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_singular_covariance_gives_finite_distances():
    flat = ROWS.copy()
    flat[:, 4] = flat[:, 3]  # in a hyperplane
    squared = Mahalanobis(flat)
    assert np.isfinite(squared(OTHERS)).all()
    assert squared(OTHERS).min() > 100 * squared(flat).max()  # outside of the hyperplane is far
    np.testing.assert_allclose(Mahalanobis(np.ones((3, 2)), 0.5)(np.array([[1, 1], [4, 5]])), [0, 50])
    np.testing.assert_allclose(Mahalanobis(np.ones((2, 3)), 0.5)(np.array([[1, 1, 1], [4, 5, 1]])), [0, 50])


@pytest.mark.parametrize("size", [1, 7, 64, 200])
def test_moments_of_batches_are_those_of_all_rows(size):
    rows = ROWS + 1e6  # far from 0, where Σ x² − n μ² would lose ten digits
    full, diagonal = Moments(5), Moments(5, diagonal=True)
    for start in range(0, 200, size):
        full.add(rows[start : start + size])
        diagonal.add(rows[start : start + size])
    np.testing.assert_allclose(full.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(full.scatter / 200, np.cov(rows.T, bias=True), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(diagonal.scatter, np.diag(full.scatter), rtol=1e-9)


@pytest.mark.parametrize("rows", [ROWS, FEW], ids=["n > p", "n < p"])
def test_batches_give_the_distance_of_all_rows(rows):
    n, p = rows.shape
    M = Mahalanobis.of_batches((rows[k : k + 4] for k in range(0, n, 4)), n, p, 0.1)
    np.testing.assert_allclose(M(rows * 2), Mahalanobis(rows, 0.1)(rows * 2), rtol=1e-9)


def test_few_rows_of_many_features_need_no_square_matrix():
    rows = RNG.standard_normal((20, 20_000))
    tracemalloc.start()
    M = Mahalanobis(rows, 0.01)
    M(rows)
    M.whiten(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * rows.nbytes < 20_000**2  # 38 MB, not 3.2 GB
    assert M.V.shape == (20_000, 20)


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.zeros(4), np.zeros((3, 0)), np.zeros((2, 2, 2))])
def test_rows_without_a_covariance_raise(rows):
    with pytest.raises(ValueError, match=r"rows of shape \(2 or more, p\), got"):
        Mahalanobis(rows)


@pytest.mark.parametrize("alpha", [0, -0.1, 1.1, float("nan")])
def test_other_shrinkages_raise(alpha):
    with pytest.raises(ValueError, match=f"α of Mahalanobis: expected a number above 0 and at most 1, got {alpha}"):
        Mahalanobis(ROWS, alpha)


@pytest.mark.parametrize(("name", "value"), [
    ("mean", np.zeros(4)), ("mean", np.full(5, np.nan)), ("V", np.eye(7)), ("V", np.full((5, 5), np.inf)),
    ("scale", np.zeros(5)), ("scale", -np.ones(5)), ("scale", np.full(5, np.nan)), ("rest", 0.0), ("V", np.ones(5)),
])  # fmt: skip
def test_parts_of_another_one_are_checked(name, value):
    M = Mahalanobis(ROWS)
    parts = {"mean": M.mean, "V": M.V, "scale": M.scale, "rest": M.rest}
    np.testing.assert_array_equal(Mahalanobis.of(**parts)(OTHERS), M(OTHERS))
    with pytest.raises(ValueError, match="Mahalanobis: expected"):
        Mahalanobis.of(**parts | {name: value})
