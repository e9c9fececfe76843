"""The squared Mahalanobis distance: against its definition, and for covariances without an inverse."""

import numpy as np
import pytest

from npae.anomaly import Mahalanobis

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((200, 5)) @ RNG.standard_normal((5, 5)) + 3
OTHERS = RNG.standard_normal((20, 5)) * 4


@pytest.mark.parametrize("alpha", [1e-9, 0.3, 1.0])
def test_the_squared_distance_is_the_quadratic_form(alpha):
    S, d = np.cov(ROWS.T, bias=True), OTHERS - ROWS.mean(axis=0)
    sigma = (1 - alpha) * S + alpha * np.trace(S) / 5 * np.eye(5)
    expected = np.einsum("ij,jk,ik->i", d, np.linalg.inv(sigma), d)
    np.testing.assert_allclose(Mahalanobis(ROWS, alpha)(OTHERS), expected, rtol=1e-6)


def test_whitened_rows_have_mean_0_covariance_1_and_the_squared_distance_as_length():
    M = Mahalanobis(ROWS, 1e-12)
    u = M.whiten(ROWS)
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(u.T @ u / len(u), np.eye(5), atol=1e-9)
    np.testing.assert_allclose((u**2).sum(axis=1), M(ROWS), rtol=1e-12)
    assert M(ROWS).mean() == pytest.approx(5, rel=1e-9)  # tr S⁻¹S


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


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.zeros(4), np.zeros((3, 0)), np.zeros((2, 2, 2))])
def test_rows_without_a_covariance_raise(rows):
    with pytest.raises(ValueError, match=r"rows of shape \(2 or more, p\), got"):
        Mahalanobis(rows)


@pytest.mark.parametrize("alpha", [0, -0.1, 1.1])
def test_other_shrinkages_raise(alpha):
    with pytest.raises(ValueError, match=f"shrinkage 0 < α ≤ 1, got {alpha}"):
        Mahalanobis(ROWS, alpha)
