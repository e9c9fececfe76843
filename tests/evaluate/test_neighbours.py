"""Neighbours kept and trustworthiness: exact values, bounds, scikit-learn's, new rows among known ones, errors."""

import numpy as np
import pytest

from npae.evaluate import neighbours_kept
from tests.devices import each_device, on

RNG = np.random.default_rng(0)


def by_hand(x, h, k, known=None):
    """Both measures by sorting, row by row."""
    x_known, h_known = (x, h) if known is None else known
    kept, beyond = 0, 0
    for i in range(len(x)):
        others = [j for j in range(len(x_known)) if known is not None or j != i]
        near_x = sorted(others, key=lambda j, i=i: ((x[i] - x_known[j]) ** 2).sum())
        near_h = sorted(others, key=lambda j, i=i: ((h[i] - h_known[j]) ** 2).sum())[:k]
        ranks = [near_x.index(j) + 1 for j in near_h]
        kept += sum(r <= k for r in ranks)
        beyond += sum(r - k for r in ranks if r > k)
    n, m = len(x), len(others)
    return kept / (n * k), 1 - 2 * beyond / (n * k * (2 * m - 3 * k + 1))


def test_four_points_on_a_line():
    x, h = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[0.0], [5.0], [6.0], [1.0]])
    # nearest in h: 0 -> 3 (rank 3 in x), 1 -> 2 (rank 2), 2 -> 1 (rank 1), 3 -> 0 (rank 3); m = 3, so 2m − 3k + 1 = 4
    assert neighbours_kept(x, h, k=1) == pytest.approx((1 / 4, 1 - 2 * (2 + 1 + 0 + 2) / (4 * 4)))


@each_device
@pytest.mark.parametrize("k", [1, 7, 19])
def test_values_are_those_of_sorting(k, device):
    x, h = RNG.standard_normal((40, 6)), RNG.standard_normal((40, 2))
    h += x[:, :2]
    with on(device) as place:
        assert neighbours_kept(place.put(x), place.put(h), k) == pytest.approx(by_hand(x, h, k))


@each_device
def test_new_rows_among_known_ones(device):
    x, h = RNG.standard_normal((60, 6)), RNG.standard_normal((60, 2))
    with on(device) as place:
        new, codes, *known = (place.put(a) for a in (x[:20], h[:20], x[20:], h[20:]))
        found = neighbours_kept(new, codes, 5, known=tuple(known))
    assert found == pytest.approx(by_hand(x[:20], h[:20], 5, (x[20:], h[20:])))


def test_several_blocks_of_rows_and_images():
    x = RNG.integers(0, 256, (700, 3, 4), np.uint8)
    h = x.reshape(700, -1)[:, :5] / 255 + 0.3 * RNG.random((700, 5))
    assert neighbours_kept(x, h, 4) == pytest.approx(by_hand(x.reshape(700, -1) / 255, h, 4), rel=1e-3)


def test_the_worst_code_has_a_trustworthiness_of_0():
    """Two far clusters of k rows; every row's code is among those of the other cluster, which are farthest in x."""
    k, m = 5, 10
    known = np.concatenate([np.arange(k), 100 + np.arange(k)])[:, None].astype(float)
    new = np.array([[-1.0], [110.0]])
    assert neighbours_kept(new, new[::-1], k, (known, known)) == pytest.approx((0, 0), abs=1e-12)
    assert m == len(known)
    assert neighbours_kept(new, new, k, (known, known)) == (1, 1)


def test_random_codes_keep_k_of_m_and_have_one_half():
    found = neighbours_kept(RNG.standard_normal((1500, 4)), RNG.standard_normal((1500, 2)), 15)
    assert found.kept == pytest.approx(15 / 1499, abs=0.003)
    assert found.trustworthiness == pytest.approx(0.5, abs=0.02)


def test_equal_distances_have_the_smallest_rank():
    x = np.zeros((9, 2))
    assert neighbours_kept(x, RNG.random((9, 2)), 3) == (1, 1)


def test_trustworthiness_is_scikit_learns():
    manifold = pytest.importorskip("sklearn.manifold")
    x, h = RNG.standard_normal((100, 8)), RNG.standard_normal((100, 2))
    h[:, 0] += x[:, 0]
    for a, b in ((x, h), (h, x)):
        expected = manifold.trustworthiness(a, b, n_neighbors=12)
        assert neighbours_kept(a, b, 12).trustworthiness == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "h", "options", "words"),
    [
        (np.zeros((9, 3)), np.zeros((8, 2)), {"k": 2}, "a code for every row, got 9 rows of x and 8 of h"),
        (np.zeros((9, 3)), np.zeros((9, 2)), {"k": 5}, "at most half of the 8 others, got 5"),
        (np.zeros((9, 3)), np.zeros((9, 2)), {}, "at most half of the 8 others, got 15"),
        (np.zeros((9, 3)), np.full((9, 2), np.inf), {"k": 2}, "h: row 0 contains NaN or Inf"),
        (np.zeros((9, 3)), np.zeros((9, 2)), {"k": 2, "known": (np.zeros((9, 4)), np.zeros((9, 2)))},
         "x and the known data with as many numbers per row, got 3 and 4"),
        (np.zeros((9, 3)), np.zeros((9, 2)), {"k": 2, "known": (np.zeros((9, 3)), np.zeros((9, 1)))},
         "h and the known codes with as many numbers per row, got 2 and 1"),
        (np.zeros((9, 3)), np.zeros((9, 2)), {"k": 0}, "k of neighbours_kept: expected 1 or more, got 0"),
    ],
)  # fmt: skip
def test_wrong_arguments_raise(x, h, options, words):
    with pytest.raises(ValueError, match=words):
        neighbours_kept(x, h, **options)


def test_two_devices():
    with on("fake") as place, pytest.raises(TypeError, match="x and h on one device"):
        neighbours_kept(np.zeros((9, 3)), place.put(np.zeros((9, 2))), 2)
