"""Sums of rows and of all numbers, in the loop that makes their terms: right, and the same bits by NumPy and Numba."""

import numpy as np
import pytest

from npae.backend import elementwise, exp, images, missing
from npae.backend.formulas import on_numba
from npae.backend.formulas.sums import column_sums, tiling
from tests.devices import each_device, on

needs_numba = pytest.mark.skipif(not on_numba.available(), reason=missing("Numba", "fast"))
SHAPES = [(1, 1), (7, 1), (3, 5), (5000, 1), (4097, 3), (700, 32), (128, 512), (9, 700), (1, 5000)]


def deviations(x, mean):
    d = x - mean
    return d * d, d


def with_products(dy, d):
    return dy, dy * d, exp(-d * d)


@pytest.fixture(autouse=True)
def nothing_is_compiled_yet(monkeypatch):
    monkeypatch.setattr(on_numba, "_all_loops", {})


def arrays(*shapes, dtype="float32"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("width", [1, 2, 3, 31, 32, 512, 600])
@pytest.mark.parametrize("rows", [0, 1, 5, 127, 128, 129, 4097])
def test_columns_are_added_up(width, rows):
    (y,) = arrays((rows, width))
    sums = column_sums(y.reshape(-1), width, *tiling(width))
    assert sums.shape == (width,) and sums.dtype == np.float32
    np.testing.assert_allclose(sums, y.sum(axis=0, dtype="f8"), rtol=0, atol=1e-6 * max(rows, 1))


def test_lanes_keep_rounding_errors_small():
    y = np.full(2**22, 0.1, np.float32)  # one sum in order is wrong in the second digit
    np.testing.assert_allclose(column_sums(y, 1, *tiling(1)), y.sum(dtype="f8"), rtol=1e-6)


def test_a_block_has_whole_lanes_of_whole_rows():
    for width in range(1, 700):
        lanes, step = tiling(width)
        assert lanes % width == 0 and step % lanes == 0 and (lanes == width or lanes <= 512)


@each_device
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_beside_other_results(device, shape):
    x, mean = arrays(shape, shape[1:], dtype="float64")
    with on(device) as place:
        squares, d = elementwise(deviations).sum_rows(place.put(x), place.put(mean))
        np.testing.assert_allclose(place.get(squares), ((x - mean) ** 2).sum(axis=0), rtol=1e-12)
        np.testing.assert_array_equal(place.get(d), x - mean)
        one, two, third = elementwise(with_products).sum_rows(place.put(x), place.put(d), sums=2)
        np.testing.assert_allclose(place.get(one), x.sum(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(place.get(two), (x * (x - mean)).sum(axis=0), rtol=1e-12, atol=1e-12)
        assert third.shape == shape


def test_a_matrix_without_numbers():
    x, d = arrays((0, 3), (0, 3))
    one, two, third = elementwise(with_products).sum_rows(x, d, sums=2)
    assert one.tolist() == two.tolist() == [0, 0, 0] and third.shape == (0, 3)


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_numpy_and_numba_have_the_same_bits(dtype, monkeypatch):
    """Of columns, of all numbers, each beside a row, too; −0, infinities and NaN among the numbers."""
    of_columns, of_products = elementwise(deviations), elementwise(with_products)
    for shape in SHAPES:
        x, d, row = arrays(shape, shape, shape[1:], dtype=dtype)
        x.flat[:4], x.flat[-1] = [-0.0, 1e-42, 3.0, -0.0][: x.size], np.nan if shape == (3, 5) else 1.0
        d.flat[0] = np.inf if shape == (4097, 3) else -0.0
        found = []
        for patience in (float("inf"), 0):
            monkeypatch.setattr(on_numba, "PATIENCE", patience)
            with np.errstate(all="ignore"):
                found.append([
                    *of_columns.sum_rows(x, row), *of_products.sum_rows(x, d, sums=2), *of_products.sum_rows(x, d),
                    *of_columns.total(x, row, scale=0.5), *of_columns.total(x, d),
                ])  # fmt: skip
        for by_numpy, by_numba in zip(*found, strict=True):
            np.testing.assert_array_equal(by_numpy, by_numba)
    assert len(of_columns.loops.programs) == 2 and len(of_products.loops.programs) == 2


@needs_numba
def test_images_with_channels_last_are_added_up_where_they_lie(monkeypatch):
    x, y = (images(a) for a in arrays((2, 5, 4, 3), (2, 5, 4, 3)))
    formula = elementwise(deviations)
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    value, d = formula.total(x, y)
    np.testing.assert_allclose(value, ((x - y) ** 2).sum(), rtol=1e-5)
    assert d.strides == x.strides


def test_memory_mapped_arrays_are_arrays_of_the_cpu(tmp_path):
    (values,) = arrays((6, 3))
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(6, 3))
    x[...] = values
    formula = elementwise(deviations)
    np.testing.assert_allclose(formula.total(x, np.zeros_like(values))[0], (values**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(formula.sum_rows(x, np.zeros(3, "f4"))[0], (values**2).sum(axis=0), rtol=1e-5)
