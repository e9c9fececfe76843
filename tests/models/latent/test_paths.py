"""npae.models.latent.paths: ends, straight lines and arcs, traversals, grids of equal probability."""

import math

import numpy as np
import pytest

from npae import dense_autoencoder, variational_autoencoder
from npae.models import latent

A, B = np.array([3.0, 0, 0]), np.array([0, 4.0, 0])


@pytest.mark.parametrize("path", [latent.lerp, latent.slerp])
def test_a_path_leads_from_a_to_b(path):
    rng = np.random.default_rng(0)
    for a, b in ((A, B), rng.standard_normal((2, 20)), (A, A), (A, 2 * A), (np.zeros(3), B)):
        codes = path(a, b, steps=7)
        assert codes.shape == (7, len(a)) and codes.dtype == np.float32
        np.testing.assert_allclose(codes[[0, -1]], [a, b], rtol=1e-6, atol=1e-7)
        steps = np.linalg.norm(np.diff(codes, axis=0), axis=1)
        assert steps.max() < 1.7 * steps.min() + 1e-6


def test_a_line_is_straight_and_an_arc_keeps_its_distance_from_the_origin():
    np.testing.assert_allclose(latent.lerp(A, B, 3)[1], [1.5, 2, 0])
    np.testing.assert_allclose(latent.slerp(A, B, 3)[1], 3.5 * np.array([1, 1, 0]) / math.sqrt(2), rtol=1e-6)
    a, b = np.random.default_rng(1).standard_normal((2, 50))
    radii = [np.linalg.norm(path(a, b, 9), axis=1) for path in (latent.lerp, latent.slerp)]
    least = min(np.linalg.norm(a), np.linalg.norm(b))
    assert radii[0].min() < 0.85 * least and radii[1].min() > 0.999 * least


def test_an_arc_is_slerp_of_the_directions_times_lerp_of_the_lengths():
    rng = np.random.default_rng(2)
    for a, b in (([1.0, 0], [0, 3.0]), rng.standard_normal((2, 6)) * [[1], [4]]):
        (r, R), t = (np.linalg.norm(v) for v in (a, b)), np.linspace(0, 1, 5)[:, None]
        u, v = np.divide(a, r), np.divide(b, R)
        omega = np.arccos(u @ v)
        expected = ((1 - t) * r + t * R) * (np.sin((1 - t) * omega) * u + np.sin(t * omega) * v) / np.sin(omega)
        np.testing.assert_allclose(latent.slerp(a, b, 5), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(latent.slerp([1, 0], [0, 3], 5)[1], [1.39, 0.57], atol=0.005)


def test_angles_along_an_arc_are_equal_even_if_small():
    for angle in (1e-4, 1.0, 3.0):
        codes = latent.slerp([1, 0], [math.cos(angle), math.sin(angle)], 5).astype(np.float64)
        np.testing.assert_allclose(np.arctan2(codes[:, 1], codes[:, 0]), np.linspace(0, angle, 5), rtol=1e-3, atol=1e-7)


def test_a_traversal_changes_one_number():
    code = np.array([0.5, -1, 2])
    codes = latent.traversal(code, 1, low=-2, high=2, steps=5)
    np.testing.assert_array_equal(codes[:, 1], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(np.delete(codes, 1, axis=1), [[0.5, 2]] * 5)
    np.testing.assert_array_equal(code, [0.5, -1, 2])


def test_a_grid_has_equal_probability_between_neighbours():
    codes = latent.grid(9)
    assert codes.shape == (81, 2) and codes.dtype == np.float32
    right, up = codes.reshape(9, 9, 2)[..., 0], codes.reshape(9, 9, 2)[..., 1]
    probabilities = [0.5 * (1 + math.erf(v / math.sqrt(2))) for v in right[0]]
    np.testing.assert_allclose(probabilities, np.arange(1, 10) / 10, rtol=1e-6)
    assert (right == right[0]).all() and (up.T == right[0][::-1]).all()  # to the right, and to the top


@pytest.mark.parametrize("build", [dense_autoencoder, variational_autoencoder])
def test_any_model_that_decodes(build):
    model, (a, b) = build([8, 5, 2]), np.eye(2)
    for codes in (latent.lerp(a, b), latent.slerp(a, b), latent.traversal(a, 0), latent.grid(4)):
        assert model.decode(codes).shape == (len(codes), 8)


@pytest.mark.parametrize("call, error, words", [
    (lambda: latent.lerp(A, B[:2]), ValueError, r"two codes of one shape \(d,\), got \(3,\) and \(2,\)"),
    (lambda: latent.slerp(A[None], B[None]), ValueError, r"got \(1, 3\) and \(1, 3\): use single rows"),
    (lambda: latent.slerp(A, -2 * A), ValueError, "not opposite"),
    (lambda: latent.lerp(A, B, 1), ValueError, "steps: expected 2 or more, got 1"),
    (lambda: latent.grid(0), ValueError, "n: expected 1 or more, got 0"),
    (lambda: latent.traversal(A, 7), ValueError, "unit of traversal: expected 2 or less, got 7"),
    (lambda: latent.traversal(A[None], 0), ValueError, r"a code of the shape \(d,\), got \(1, 3\): use a single row"),
])  # fmt: skip
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
