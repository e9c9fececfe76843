"""The two-sample test: an accuracy of ½ for equal distributions, 1 for separate ones, and below ½ for copies."""

import math

import numpy as np
import pytest

from npae.evaluate import nearest_neighbour_test
from tests.devices import each_device, on

RNG = np.random.default_rng(0)


def by_hand(samples, data):
    pool, n = np.concatenate([samples, data]), len(samples)
    own = []
    for k, x in enumerate(pool):
        d = ((pool - x) ** 2).sum(axis=1)
        d[k] = np.inf
        own.append((d.argmin() < n) == (k < n))
    return np.mean(own), np.mean(own[:n]), np.mean(own[n:])


@each_device
def test_fractions_are_those_counted_by_hand(device):
    s, x = RNG.random((40, 3)), RNG.random((40, 3)) ** 1.5
    with on(device) as place:
        assert nearest_neighbour_test(place.put(s), place.put(x)) == pytest.approx(by_hand(s, x))


def test_one_distribution_gives_one_half():
    n = 2000
    found = nearest_neighbour_test(*RNG.standard_normal((2, n, 10)))
    assert found.accuracy == pytest.approx(0.5, abs=4 / (2 * math.sqrt(2 * n)))


def test_another_distribution_gives_one_and_collapsed_samples_resemble_each_other():
    x = RNG.standard_normal((500, 10))
    assert nearest_neighbour_test(x + 5, RNG.standard_normal((500, 10))) == (1, 1, 1)
    collapsed = x[:1] + 1e-3 * RNG.standard_normal((500, 10))
    found = nearest_neighbour_test(collapsed, RNG.standard_normal((500, 10)))
    assert found.of_samples == 1 and found.accuracy > 0.7


def test_copies_are_below_one_half():
    x = RNG.standard_normal((500, 10))
    assert nearest_neighbour_test(x + 1e-6, x).accuracy == 0


@pytest.mark.parametrize(
    ("s", "x", "words"),
    [
        (np.zeros((4, 3)), np.zeros((5, 3)), "as many samples as data, at least 2, got 4 and 5"),
        (np.zeros((1, 3)), np.zeros((1, 3)), "at least 2"),
        (np.zeros((4, 3)), np.zeros((4, 2)), "as many numbers per row, got 3 and 2"),
        (np.full((4, 3), np.nan), np.zeros((4, 3)), "samples: row 0 contains NaN or Inf"),
    ],
)
def test_wrong_arguments_raise(s, x, words):
    with pytest.raises(ValueError, match=words):
        nearest_neighbour_test(s, x)
