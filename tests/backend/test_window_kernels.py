"""npae.backend.window_kernels: the numbers of the CPU's formulas, on all small windows, by one launch each."""

import itertools

import numpy as np
import pytest

from npae import layers
from npae.backend import (
    im2col,
    pixels,
    window_kernels,
    window_maxima,
    window_maxima_backward,
    window_sums,
    window_sums_adjoint,
)
from npae.layers.patches import Axis, patches
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu.fake_cupy import fake_cupy

WINDOWS = [  # of the height, of the width
    (Axis.of(5, 3, 2, "same"), Axis.of(6, 2, 1, "valid")),  # overlapping
    (Axis.of(6, 2, 2, "valid"), Axis.of(7, 2, 2, "same")),  # side by side
    (Axis.of(7, 2, 3, "valid"), Axis.of(5, 1, 2, "same")),  # pixels that no window reads
    (Axis.of(4, 4, 1, "same"), Axis.of(3, 3, 3, "valid")),
    (Axis.of(2, 5, 1, "same"), Axis.of(1, 3, 2, "same")),  # windows larger than the image
    (Axis(5, 2, 1, -1, 3), Axis(6, 3, 1, 2, 6)),  # residues: some begin behind the first input
]
each_window = pytest.mark.parametrize(("rows", "columns"), WINDOWS)
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
LAYERS = [layers.MaxPool2D, layers.AveragePool2D]
POOLS = list(itertools.product((1, 2, 3, (1, 3), (4, 2)), (1, 2, 3, (2, 1)), ("valid", "same")))


def numbers(shape, dtype, seed=0):
    """Random numbers, so few different ones that many are equal."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype) / 7


def places(rows, columns):
    """(output pixel, tap, input pixel) for everything that windows read inside of the image: the definition."""
    for p, q, t, u in np.ndindex(rows.out_size, columns.out_size, rows.kernel, columns.kernel):
        r, s = rows.stride * p - rows.pad + t, columns.stride * q - columns.pad + u
        if 0 <= r < rows.size and 0 <= s < columns.size:
            yield (p, q), t * columns.kernel + u, (r, s)


@each_gpu
@each_dtype
@each_window
def test_im2col_is_that_of_the_cpu(rows, columns, dtype, device):
    x = numbers((3, rows.size, columns.size, 2), dtype)
    (((_, matrix),),) = patches(x, rows, columns)
    with on(device) as place:
        X = im2col(place.put(x), rows, columns)
        assert X.dtype == dtype and X.shape == matrix.shape
        np.testing.assert_array_equal(place.get(X), matrix)


@each_gpu
@each_window
def test_sums_by_tap_are_the_definition(rows, columns, device):
    taps = rows.kernel * columns.kernel
    x = np.random.default_rng(0).random((2, rows.size, columns.size, taps, 3))
    z = np.random.default_rng(1).random((2, rows.out_size, columns.out_size, taps, 3))
    y, back = np.zeros_like(z[:, :, :, 0]), np.zeros_like(x[:, :, :, 0])
    for (p, q), tap, (r, s) in places(rows, columns):
        y[:, p, q] += x[:, r, s, tap]
        back[:, r, s] += z[:, p, q, tap]
    with on(device) as place:
        out = place.put(np.full(y.shape, np.nan))
        assert window_sums(place.put(x), rows, columns, by_tap=True, out=out) is out
        np.testing.assert_allclose(place.get(out), y, rtol=1e-14)
        dx = window_sums_adjoint(place.put(z), rows, columns, by_tap=True)
        np.testing.assert_allclose(place.get(dx), back, rtol=1e-14)


@each_gpu
@each_dtype
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_pooling_is_that_of_the_cpu(layer, dtype, channels_last, device):
    """To the bit on the fake GPU, ties included. A real GPU rounds a product and a sum at once."""
    x = numbers((2, 3, 7, 6), dtype)
    x = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if channels_last else x
    for size, stride, padding in POOLS[:: 3 if channels_last else 7]:
        pool = layer(size, stride, padding)
        y, cache = pool.forward(x)
        dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
        dx = pool.backward(dy, cache)
        with on(device) as place:
            y_gpu, cache_gpu = pool.forward(place.put(x))
            dx_gpu = pool.backward(place.put(dy), cache_gpu)
            assert y_gpu.dtype == dx_gpu.dtype == dtype
            if place.is_fake:
                np.testing.assert_array_equal(place.get(y_gpu), y, err_msg=repr(pool))
                np.testing.assert_array_equal(place.get(dx_gpu), dx, err_msg=repr(pool))
            else:
                rtol = 1e-5 if dtype == "float32" else 1e-13
                np.testing.assert_allclose(place.get(y_gpu), y, rtol, rtol, err_msg=repr(pool))
                np.testing.assert_allclose(place.get(dx_gpu), dx, rtol, rtol, err_msg=repr(pool))


@each_gpu
@pytest.mark.parametrize("factor", [1, 2, (3, 2)])
def test_upsampling_is_that_of_the_cpu(factor, device):
    layer, x = layers.Upsample2D(factor), numbers((2, 3, 4, 5), "float32")
    y, axes = layer.forward(x)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    with on(device) as place:
        y_gpu, cache = layer.forward(place.put(x))
        np.testing.assert_array_equal(place.get(y_gpu), y)
        np.testing.assert_array_equal(place.get(layer.backward(place.put(dy), cache)), layer.backward(dy, axes))
        assert layer.backward(place.put(dy), cache, needs_dx=False) is None


@each_gpu
@pytest.mark.parametrize("layer", LAYERS)
def test_an_empty_batch_and_nan(layer, device):
    with on(device) as place:
        y, cache = layer(2).forward(place.put(np.zeros((0, 3, 4, 4), np.float32)))
        assert y.shape == (0, 3, 2, 2) and layer(2).backward(y, cache).shape == (0, 3, 4, 4)
        x = np.ones((1, 1, 4, 4), np.float32)
        x[0, 0, 0, 1] = x[0, 0, 3, 0] = np.nan  # the maximum of a window with NaN is NaN, wherever it stands
        np.testing.assert_array_equal(place.get(layer(2)(place.put(x))), layer(2)(x))


@each_gpu
@each_window
def test_indices_of_64_bits_give_the_same(rows, columns, device, monkeypatch):
    x = pixels(numbers((2, 3, rows.size, columns.size), "float32"))
    with on(device) as place:
        x = place.put(x)

        def results():
            y = window_sums(x, rows, columns, mean=True)
            most, (_, *cache) = window_maxima(x, rows, columns)
            found = [im2col(x, rows, columns), y, window_sums_adjoint(y, rows, columns)]
            found += [most, window_maxima_backward(y, *cache)]
            return [place.get(a) for a in found]

        short = results()
        monkeypatch.setattr(window_kernels, "LARGE", 0)
        for a, b in zip(short, results(), strict=True):
            np.testing.assert_array_equal(a, b)


@with_fake
@pytest.mark.parametrize("layer", [*LAYERS, layers.Upsample2D])
def test_each_way_is_one_launch(layer):
    with on("fake") as place:
        x = place.put(numbers((2, 6, 6, 3), "float32")).transpose(0, 3, 1, 2)
        for function in (layer(2).forward, lambda y: layer(2).backward(y[0], y[1])):
            with fake_cupy.count() as counted:
                x = function(x)
            assert (counted.kernels, counted.allocations, counted.syncs, counted.uploads) == (1, 1, 0, 0)
