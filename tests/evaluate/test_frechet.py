"""The Fréchet distance: exact values in one and more dimensions, the formula with matrix roots, optimal transport."""

import itertools

import numpy as np
import pytest

from npae.evaluate import frechet_distance
from npae.evaluate.frechet import between_gaussians
from tests.devices import each_device, on


def rows_with(mean, covariance, n=400, seed=0):
    """n rows whose sample mean and covariance are exactly these."""
    white = np.random.default_rng(seed).standard_normal((n, len(mean)))
    white -= white.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(white.T @ white / (n - 1)), white.T).T
    return mean + white @ np.linalg.cholesky(covariance).T


def a_covariance(d, seed):
    root = np.random.default_rng(seed).standard_normal((d, d))
    return root @ root.T + 0.1 * np.eye(d)


def symmetric_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


def test_one_dimension_by_hand():
    # (2 − −1)² + (3 − 5)² = 13
    assert between_gaussians(np.array([2.0]), np.array([[9.0]]), np.array([-1.0]), np.array([[25.0]])) == 13
    samples = rows_with(np.array([2.0]), np.array([[9.0]]))
    data = rows_with(np.array([-1.0]), np.array([[25.0]]), 70, 1)
    assert frechet_distance(samples, data) == pytest.approx(13, rel=1e-9)


def test_commuting_covariances_differ_by_their_standard_deviations():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))
    s, t = np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 1, 9])
    one, other = ((rotation * v**2) @ rotation.T for v in (s, t))
    mean = np.arange(4.0)
    assert between_gaussians(mean, one, 0 * mean, other) == pytest.approx(14 + ((s - t) ** 2).sum(), rel=1e-12)


def test_it_is_the_formula_with_matrix_roots():
    one, other, mean = a_covariance(5, 0), a_covariance(5, 1), np.linspace(-1, 1, 5)
    half = symmetric_root(one)
    expected = mean @ mean + np.trace(one + other - 2 * symmetric_root(half @ other @ half))
    assert between_gaussians(mean, one, 0 * mean, other) == pytest.approx(expected, rel=1e-10)
    found = frechet_distance(rows_with(mean, one), rows_with(0 * mean, other, seed=3))
    assert found == pytest.approx(expected, rel=1e-9)


def test_no_coupling_is_cheaper_and_the_optimal_one_costs_as_much():
    """Of all C for which the joint covariance is one, the cheapest has the trace that the formula claims."""
    one, other = a_covariance(3, 2), a_covariance(3, 3)
    distance = between_gaussians(np.zeros(3), one, np.zeros(3), other)
    A, B, rng = np.linalg.cholesky(one), np.linalg.cholesky(other), np.random.default_rng(0)
    costs = []
    for _ in range(2000):
        K, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        costs.append(np.trace(one) + np.trace(other) - 2 * np.trace(A @ K @ B.T))
    assert distance < min(costs)
    inverse = np.linalg.inv(symmetric_root(one))  # y = M x with M Σ Mᵀ = T, the optimal map
    M = inverse @ symmetric_root(symmetric_root(one) @ other @ symmetric_root(one)) @ inverse
    np.testing.assert_allclose(M @ one @ M.T, other, atol=1e-9)
    assert distance == pytest.approx(np.trace((np.eye(3) - M) @ one @ (np.eye(3) - M).T), rel=1e-9)


def test_it_is_a_lower_bound_of_moving_one_sample_onto_the_other():
    x, y = np.random.default_rng(0).random((2, 6, 2)) * [[[1], [1], [1], [1], [1], [3]]]
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    cheapest = min(sum(cost[i, j] for i, j in enumerate(p)) for p in itertools.permutations(range(6))) / 6
    means = [a.mean(axis=0) for a in (x, y)]
    covariances = [np.cov(a.T, bias=True) for a in (x, y)]
    assert 0 < between_gaussians(means[0], covariances[0], means[1], covariances[1]) <= cheapest


def test_it_is_symmetric_zero_for_itself_and_copes_with_singular_covariances():
    x, y = np.random.default_rng(0).standard_normal((2, 10, 40))  # rank 9 in 40 dimensions
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9) and frechet_distance(x, y) > 10
    flat = np.zeros((5, 40))
    assert frechet_distance(flat, flat + 2) == pytest.approx(160, rel=1e-12)


@each_device
def test_images_of_uint8_on_both_devices(device):
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 1, 3, 2), np.uint8)
    expected = frechet_distance(images[0] / 255, images[1] / 255)
    with on(device) as place:
        assert frechet_distance(place.put(images[0]), place.put(images[1])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("samples, data, words", [
    (np.zeros((1, 3)), np.zeros((5, 3)), "at least 2 rows of each, got 1 and 5"),
    (np.zeros((5, 3)), np.zeros((5, 4)), "as many numbers per row, got 3 and 4"),
    (np.full((5, 3), np.nan), np.zeros((5, 3)), "samples"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused(samples, data, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(samples, data)
