"""The k-th largest number: against sorting, on each device, by partition and by compiled loops, with ties and NaN."""

import numpy as np
import pytest

from npae.backend import kth_largest, kth_largest_of_all, selection
from tests.devices import each_device, on

compiled = pytest.mark.skipif(not selection.available() or selection.compiler() is None, reason="without Numba")


@pytest.fixture
def loops(monkeypatch):
    """Compiled loops for small matrices too."""
    monkeypatch.setattr(selection, "LARGE", 1)


def numbers(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@each_device
@pytest.mark.parametrize("k", [1, 3, 12])
@pytest.mark.parametrize("shape", [(5, 12), (1, 40), (30, 17)], ids=str)
def test_of_rows_and_of_all(shape, k, device):
    x = numbers(shape)
    with on(device) as place:
        rows, of_all = kth_largest(place.put(x), k), kth_largest_of_all(place.put(x), k)
        np.testing.assert_array_equal(place.get(rows), np.sort(x, axis=1)[:, [-k]])
        np.testing.assert_array_equal(place.get(of_all), np.maximum(np.sort(x, axis=None)[[-k]], 0))


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 64), (3, 96), (2, 1000), (5, 129), (1, 2)], ids=str)
def test_compiled_loops_find_the_same_number_in_rows(shape, dtype, loops):
    x = numbers(shape, dtype)
    for k in {1, 2, shape[1] // 2, shape[1] - 1}:
        np.testing.assert_array_equal(kth_largest(x, max(k, 1)), np.sort(x, axis=1)[:, [-max(k, 1)]])


@compiled
@pytest.mark.parametrize("scale", [1e-38, 1e-3, 1.0, 1e30])
@pytest.mark.parametrize("shape", [(7, 64), (3, 1000)], ids=str)
def test_compiled_loops_find_the_same_number_in_a_matrix(shape, scale, loops):
    x = numbers(shape) * np.float32(scale)
    in_order = np.sort(x, axis=None)[::-1]
    for k in (1, 2, x.size // 10, x.size // 3, x.size // 2, x.size):
        np.testing.assert_array_equal(kth_largest_of_all(x, k), np.maximum(in_order[[k - 1]], 0))


@compiled
def test_ties_zeros_and_what_is_not_positive(loops):
    x = np.float32([[2, 2, 2, 0], [-1, -0.0, 0, 1e-45]])
    in_order = np.sort(x, axis=None)[::-1]
    for k in range(1, 9):
        assert kth_largest_of_all(x, k)[0] == max(in_order[k - 1], 0)
    for k in range(1, 5):
        np.testing.assert_array_equal(kth_largest(x, k), np.sort(x, axis=1)[:, [-k]])


@pytest.mark.parametrize("with_loops", [False, pytest.param(True, marks=compiled)])
def test_nan_counts_as_the_smallest_number_of_its_row(with_loops, monkeypatch):
    monkeypatch.setattr(selection, "LARGE", 1 if with_loops else 10**9)
    x = numbers((4, 64))
    x[1, ::3] = np.nan
    expected = [np.sort(row[~np.isnan(row)])[-5] for row in x]
    np.testing.assert_array_equal(kth_largest(x, 5)[:, 0], expected)


@compiled
def test_x_is_not_modified(loops):
    x = numbers((6, 64))
    before = x.copy()
    kth_largest(x, 4), kth_largest_of_all(x, 9)
    np.testing.assert_array_equal(x, before)
