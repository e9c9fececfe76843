"""Formulas on images: one number per channel, and arrays whose channels are last in memory."""

import numpy as np
import pytest

from npae.backend import (
    contiguous,
    elementwise,
    empty_like,
    flat,
    images,
    is_channels_last,
    maximum,
    missing,
    pixels,
    tanh,
)
from npae.backend.formulas import on_numba
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5, 6)


def channels_last(x):
    return images(np.ascontiguousarray(x.transpose(0, 2, 3, 1)))


@elementwise(out=("x",))
def biased(x, b):
    return maximum(tanh(x + b), 0) * x


@elementwise
def two(x, y, c):
    return x * y, x + c


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.skipif(
    not on_numba.available(), reason=missing("Numba", "fast")))])  # fmt: skip
def loops(request, monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0 if request.param else float("inf"))


@each_device
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_one_number_per_channel(last, device, loops):
    x, b = RNG.standard_normal(SHAPE), RNG.standard_normal((4, 1, 1))
    expected = biased.plain(x, b)
    with on(device) as place:
        xd = images(place.put(pixels(x))) if last else place.put(x)
        y = biased(xd, place.put(b))
        assert is_channels_last(y) == is_channels_last(xd) == last
        np.testing.assert_allclose(place.get(contiguous(y)), expected, rtol=1e-14)
        assert biased(xd, place.put(b), out=xd) is xd, "an output that is an input's array"
        np.testing.assert_allclose(place.get(contiguous(xd)), expected, rtol=1e-14)


@pytest.mark.parametrize("mixed", [False, True])
def test_two_results_and_mixed_orders(mixed, loops):
    x, y = RNG.standard_normal(SHAPE), RNG.standard_normal(SHAPE)
    xc, yc = channels_last(x), y if mixed else channels_last(y)
    outs = empty_like(xc), empty_like(yc)
    for given in (two(xc, yc, 2.0), two(xc, yc, 2.0, out=outs)):
        for a, b in zip(given, two.plain(x, y, 2.0), strict=True):
            np.testing.assert_array_equal(a, b)
    assert given[0] is outs[0] and given[1] is outs[1]


def test_a_row_of_the_last_axis_is_not_taken_for_channels():
    """(6,) is added along the width of images (…, 6), whatever their order in memory."""
    x, c = RNG.standard_normal(SHAPE), RNG.standard_normal(6)
    np.testing.assert_array_equal(biased(channels_last(x), c), biased(x, c))
    with pytest.raises(ValueError, match=r"or its last axes, got \(4,\)"):
        biased(x, np.ones(4))


def test_views_and_copies():
    x = RNG.standard_normal(SHAPE)
    y = channels_last(x)
    assert is_channels_last(y) and not is_channels_last(x) and y.shape == SHAPE
    assert np.shares_memory(pixels(y), y) and not np.shares_memory(pixels(x), x)
    np.testing.assert_array_equal(pixels(x), pixels(y))
    assert contiguous(x) is x and contiguous(y).flags.c_contiguous
    for a in (x, y):
        assert np.shares_memory(flat(a), a) and sorted(flat(a)) == sorted(x.ravel())
    np.testing.assert_array_equal(flat(x.T), x.T.ravel())
    one = x[:, :1].copy()
    assert np.shares_memory(pixels(one), one), "images of one channel are in both orders"
