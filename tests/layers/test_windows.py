"""Windows: maxima with their ties by loops, sums and their adjoint, means at the border."""

import numpy as np
import pytest

from npae.layers.patches import Axis
from npae.layers.windows import maxima, maxima_backward, sums, sums_adjoint
from tests.devices import each_device, on

WINDOWS = [
    (Axis.of(5, 3, 2, "same"), Axis.of(6, 2, 1, "valid")),
    (Axis.of(6, 2, 2, "valid"), Axis.of(7, 2, 2, "same")),
    (Axis.of(7, 2, 3, "valid"), Axis.of(5, 4, 2, "same")),
]
each_window = pytest.mark.parametrize(("rows", "columns"), WINDOWS)


def inside(axis, p):
    """The pixels that window p reads along an axis."""
    first = axis.stride * p - axis.pad
    return range(max(first, 0), min(first + axis.kernel, axis.size))


def numbers(rows, columns, seed=0):
    """Images of small integers: exact in every order of summation, and many are equal."""
    return np.random.default_rng(seed).integers(0, 3, (2, rows.size, columns.size, 3)).astype(float)


@each_device
@each_window
def test_the_first_maximum_receives_the_gradient(rows, columns, device):
    """The first in the leftmost column, then in the topmost row, also where windows overlap."""
    x = numbers(rows, columns)
    y, dx = np.zeros((2, rows.out_size, columns.out_size, 3)), np.zeros_like(x)
    dy = numbers(rows, columns, 1)[:, : rows.out_size, : columns.out_size] + 1
    for b, p, q, c in np.ndindex(y.shape):
        places = [(r, s) for s in inside(columns, q) for r in inside(rows, p)]
        values = [x[b, r, s, c] for r, s in places]
        r, s = places[values.index(max(values))]  # the first of equals
        y[b, p, q, c] = x[b, r, s, c]
        dx[b, r, s, c] += dy[b, p, q, c]
    with on(device) as place:
        found, cache = maxima(place.put(x), rows, columns)
        np.testing.assert_array_equal(place.get(found), y)
        np.testing.assert_array_equal(place.get(maxima_backward(place.put(dy), cache)), dx)


@each_device
@each_window
@pytest.mark.parametrize("mean", [False, True])
def test_sums_and_means_by_loops_and_their_adjoint(mean, rows, columns, device):
    x = numbers(rows, columns)
    y = np.zeros((2, rows.out_size, columns.out_size, 3))
    for p, q in np.ndindex(rows.out_size, columns.out_size):
        window = x[:, list(inside(rows, p))][:, :, list(inside(columns, q))]
        y[:, p, q] = window.mean((1, 2)) if mean else window.sum((1, 2))
    u = np.random.default_rng(1).random(y.shape)
    with on(device) as place:
        np.testing.assert_allclose(place.get(sums(place.put(x), rows, columns, mean)), y, rtol=1e-14)
        back = place.get(sums_adjoint(place.put(u), rows, columns, mean))
    assert np.sum(x * back) == pytest.approx(np.sum(y * u), rel=1e-13)
