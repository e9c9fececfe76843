"""Totals: sums of arrays, of products and of a formula's first result, to rounding, with the same bits every time."""

import numpy as np
import pytest

from npae.backend import Arena, dot, elementwise, gpu_module, images, total
from npae.backend.formulas import totals
from tests.devices import each_device, each_gpu, on, with_fake
from tests.fake_gpu.fake_cupy import fake_cupy

SIZES = [1, 2, 127, 128, 129, 511, 512, 513, 100_352, 600_000]  # of the last one, threads add up several numbers
RNG = np.random.default_rng(0)


@elementwise
def squares_and_difference(a, b, scale):
    return (a - b) * (a - b), (a - b) * scale


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_sums(device, size, dtype):
    x, y = RNG.random(size).astype(dtype), RNG.random(size).astype(dtype)
    tolerance = {"float32": 1e-5, "float64": 1e-13}[dtype]
    with on(device) as place:
        for value, expected in [
            (total(place.put(x)), x.sum(dtype="f8")),
            (total(place.put(x), -0.25), x.sum(dtype="f8") * -0.25),
            (dot(place.put(x), place.put(y)), x.astype("f8") @ y),
        ]:
            assert value.shape == () and value.dtype == dtype
            np.testing.assert_allclose(place.get(value), expected, rtol=tolerance)


@each_device
@pytest.mark.parametrize("given", [False, True], ids=["new", "given"])
def test_a_term_and_its_gradient(device, given):
    a, b = RNG.random((2, 40, 30))
    with on(device) as place:
        out = (place.put(np.zeros((40, 30))),) if given else ()
        value, d = squares_and_difference.total(place.put(a), place.put(b), 0.5, scale=0.1, out=out)
        assert (d is out[0]) if given else d.shape == (40, 30)
        np.testing.assert_allclose(place.get(value), 0.1 * ((a - b) ** 2).sum(), rtol=1e-13)
        np.testing.assert_array_equal(place.get(d), (a - b) * 0.5)


@each_device
def test_arrays_that_one_kernel_cannot_take(device):
    """Rows, images whose channels are last, every second column: the same sums by two operations."""
    a, b = RNG.random((2, 6, 4, 5, 3))  # (B, H, W, C)
    with on(device) as place:
        cases = {
            "rows": (place.put(a[..., 0]), place.put(b[0, ..., 0])),
            "images": (images(place.put(a)), images(place.put(b))),
            "strided": (place.put(a)[..., ::2], place.put(b)[..., ::2]),
        }
        for name, (x, y) in cases.items():
            value, d = squares_and_difference.total(x, y, 1.0)
            expected = place.get(x) - place.get(y)
            np.testing.assert_allclose(place.get(value), (expected**2).sum(), rtol=1e-13, err_msg=name)
            np.testing.assert_array_equal(place.get(d), expected, err_msg=name)
        np.testing.assert_allclose(place.get(total(cases["strided"][0])), a[..., ::2].sum(), rtol=1e-13)
        np.testing.assert_allclose(place.get(dot(place.put(a)[0, 0, 0], place.put(a)[0, 0, :3, 1])),
                                   a[0, 0, 0] @ a[0, 0, :3, 1], rtol=1e-13)  # fmt: skip


@each_device
def test_nan_and_infinity_are_not_lost(device):
    for bad in (np.nan, np.inf):
        x = np.ones(5000)
        x[4321] = bad
        with on(device) as place:
            np.testing.assert_equal(place.get(total(place.put(x))), bad)


@each_device
@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_the_sum_of_nothing_is_0(device, shape):
    with on(device) as place:
        x = place.put(np.zeros(shape, "f4"))
        assert float(total(x)) == float(total(x, 2.0)) == float(dot(x.reshape(-1), x.reshape(-1))) == 0


def test_numbers_of_a_formula_may_have_any_name():
    @elementwise
    def scaled(x, k, sum, size):
        return x * k, x * sum + size

    x = RNG.random(300)
    with on("fake") as place:
        value, rest = scaled.total(place.put(x), 2.0, 3.0, 4.0)
        np.testing.assert_allclose(place.get(value), 2 * x.sum(), rtol=1e-13)
        np.testing.assert_array_equal(place.get(rest), x * 3 + 4)


@each_gpu
def test_the_same_numbers_have_the_same_bits(device):
    x = RNG.standard_normal(300_000).astype("float32")
    with on(device) as place:
        array = place.put(x)
        assert len({float(total(array)) for _ in range(5)}) == 1


@with_fake
def test_one_launch_and_no_array_of_the_size_of_the_batch():
    with on("fake") as place:
        a, b, arena = place.put(RNG.random((128, 784), "f4")), place.put(RNG.random((128, 784), "f4")), Arena()
        for _ in range(2):
            pool = fake_cupy.cuda.MemoryPool()
            with arena.frame(128), fake_cupy.cuda.using_allocator(pool.malloc), fake_cupy.count() as counted:
                squares_and_difference.total(a, b, 1.0, scale=1 / 128)
        assert counted.kernels == 1 and pool.total_bytes() <= 512  # J alone


@with_fake
def test_the_counter_of_arrived_blocks_is_zero_again():
    with on("fake") as place, Arena().frame(1) as frame:
        for size in (100_000, 5, 2000):
            total(place.put(np.ones(size, "f4")))
            assert int(frame.constants["counter"][0]) == 0
        assert gpu_module() is fake_cupy


def test_names_of_a_formula_do_not_clash_with_those_of_the_kernel():
    @elementwise
    def awkward(k, size, sum, total, scale, partial, i_, half):
        return k * size + sum * total + i_ * half, scale - partial

    arrays = RNG.random((6, 50))
    with on("fake") as place:
        for numbers in ((2.0, 3.0), (place.put(np.full(50, 2.0)), 3.0)):
            value, difference = awkward.total(*map(place.put, arrays), *numbers)
        k, size, s, t, scale, partial = arrays
        np.testing.assert_allclose(place.get(value), (k * size + s * t + 6).sum(), rtol=1e-13)
        np.testing.assert_array_equal(place.get(difference), scale - partial)
    assert totals.THREADS == 128  # CuPy's block size, which the kernel's text relies on
