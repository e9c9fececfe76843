"""Baselines and measures of the demos, compared with SciPy and scikit-learn."""

import importlib.util

import numpy as np
import pytest

from demos.baselines import PCA, KMeans, neighbour_error, principal_angles


def installed(module):
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"could not import '{module}'")


def test_pca_codes_are_the_coordinates_of_its_reconstruction():
    x = np.random.default_rng(0).standard_normal((50, 6)) + 3
    pca = PCA(x, 2)
    codes = pca.encode(x)
    assert codes.shape == (50, 2)
    np.testing.assert_allclose(pca.reconstruct(x), x.mean(axis=0) + codes @ pca.V.T)
    np.testing.assert_allclose(codes.T @ codes, np.diag((codes**2).sum(axis=0)), atol=1e-8)


def test_k_means_finds_separate_groups_and_its_centres_are_means_of_their_rows():
    rng = np.random.default_rng(0)
    x = np.repeat(np.array([[0.0, 0], [9, 0], [0, 9]]), 30, axis=0) + rng.standard_normal((90, 2))
    k_means = KMeans(x, 3, seed=1)
    certainty = k_means.certainty(x)
    np.testing.assert_allclose(certainty, -((x[:, None] - k_means.centres) ** 2).sum(axis=2), atol=1e-4)
    members = certainty.argmax(axis=1).reshape(3, 30)
    assert (members == members[:, :1]).all() and len(set(members[:, 0])) == 3
    means = np.array([x.reshape(3, 30, 2)[members[:, 0] == i].mean(axis=(0, 1)) for i in range(3)])
    np.testing.assert_allclose(k_means.centres, means, rtol=1e-5)


def test_k_means_keeps_the_centre_of_an_empty_cluster_and_scales_bytes():
    same = np.full((5, 2), 255, np.uint8)
    np.testing.assert_array_equal(KMeans(same, 3).centres, np.ones((3, 2)))


@pytest.mark.parametrize("degrees", [0, 1e-6, 0.01, 30, 89.99, 90])
def test_principal_angles_of_planes_turned_by_a_known_angle(degrees):
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.standard_normal((7, 7)))
    t = np.radians(degrees)
    A = axes[:, :2]
    B = np.stack([axes[:, 0], np.cos(t) * axes[:, 1] + np.sin(t) * axes[:, 2]], axis=1)
    angles = principal_angles(A @ rng.standard_normal((2, 2)), B @ rng.standard_normal((2, 2)))
    np.testing.assert_allclose(angles, [0, degrees], atol=1e-12 * 180, rtol=1e-8)


def test_principal_angles_of_spans_of_different_size():
    I = np.eye(5)  # noqa: E741
    np.testing.assert_allclose(principal_angles(I[:, :3], I[:, 2:4]), [0, 90], atol=1e-12)
    np.testing.assert_allclose(principal_angles(I[:, 2:3], I[:, :3]), [0], atol=1e-12)


@installed("scipy")
def test_principal_angles_are_scipys():
    from scipy.linalg import subspace_angles

    rng = np.random.default_rng(1)
    for k, m in ((1, 1), (4, 4), (6, 2), (2, 6)):
        A, B = rng.standard_normal((9, k)), rng.standard_normal((9, m))
        np.testing.assert_allclose(principal_angles(A, B), np.degrees(subspace_angles(A, B))[::-1], rtol=1e-9)
    near = A + 1e-7 * rng.standard_normal(A.shape)
    np.testing.assert_allclose(principal_angles(A, near), np.degrees(subspace_angles(A, near))[::-1], rtol=1e-6)


def test_neighbour_error_by_hand():
    codes, labels = np.array([[0.0], [1], [2], [10], [11]]), np.array([0, 0, 1, 1, 1])
    test = np.array([[0.4], [10.4], [9.0]])
    assert neighbour_error(codes, labels, test, np.array([0, 1, 1]), k=1) == 0
    assert neighbour_error(codes, labels, test, np.array([1, 1, 0]), k=1) == pytest.approx(2 / 3)
    assert neighbour_error(codes, labels, test, np.array([0, 1, 1]), k=5) == pytest.approx(1 / 3)  # all say 1
    assert neighbour_error(codes[1:3], labels[1:3], np.array([[1.9]]), np.array([0]), k=2) == 0  # 1 : 1, so 0


@installed("sklearn")
@pytest.mark.parametrize("k", [1, 5])
def test_neighbour_error_is_scikit_learns(k):
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(2)
    labels, test_labels = rng.integers(0, 4, 900), rng.integers(0, 4, 1100)  # more than one block
    codes, test = (rng.standard_normal((len(y), 2)) + y[:, None] for y in (labels, test_labels))
    theirs = KNeighborsClassifier(k, algorithm="brute").fit(codes, labels).score(test, test_labels)
    assert neighbour_error(codes, labels, test, test_labels, k) == pytest.approx(1 - theirs, abs=1e-12)
