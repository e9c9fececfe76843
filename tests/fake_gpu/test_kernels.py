"""Kernels on the fake GPU: against their NumPy formulas, in place, broadcast, and with errors in their text.

Skipped where there is no g++.
"""

import numpy as np
import pytest

from tests.fake_gpu.fake_cupy import fake_cupy as cp
from tests.fake_gpu.kernels import NO_COMPILER, available

pytestmark = pytest.mark.skipif(not available(), reason=NO_COMPILER)

ADAM = cp.ElementwiseKernel(
    "T g, float64 lr, float64 b1, float64 b2, float64 eps",
    "T theta, T m, T v",
    """
    m = T(b1) * m + T(1 - b1) * g;
    v = T(b2) * v + T(1 - b2) * g * g;
    theta -= T(lr) * m / (sqrt(v) + T(eps));
    """,
    "adam",
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_kernel_of_adam_agrees_with_its_formula(dtype):
    """Three outputs are views of one vector, read and written in place."""
    rng = np.random.default_rng(0)
    g, start = rng.standard_normal(1001).astype(dtype), rng.random((3, 1001)).astype(dtype)
    theta, m, v = start.copy()
    device = cp.asarray(start.ravel())
    outs = tuple(device[k * 1001 : (k + 1) * 1001] for k in range(3))
    with cp.count() as c:
        assert ADAM(cp.asarray(g), 1e-2, 0.9, 0.999, 1e-8, *outs) == outs
    assert (c.kernels, c.allocations, c.syncs) == (1, 1, 0)
    b1, b2, one = dtype(0.9), dtype(0.999), dtype
    m = b1 * m + one(1 - 0.9) * g
    v = b2 * v + one(1 - 0.999) * g * g
    theta = theta - dtype(1e-2) * m / (np.sqrt(v) + dtype(1e-8))
    np.testing.assert_allclose(device.get().reshape(3, -1), [theta, m, v], rtol=10 * np.finfo(dtype).eps)


def test_functions_are_numpys():
    """CUDA's functions exist for both precisions and agree with NumPy's."""
    body = "y = exp(x) + log1p(x) + expm1(x) + tanh(x) + sqrt(x) + fabs(x) + max(x, T(0.5)) + pow(x, T(2)) + floor(x)"
    for dtype in (np.float32, np.float64):
        x = np.linspace(0.1, 2, 7, dtype=dtype)
        y = cp.ElementwiseKernel("T x", "T y", body + " + rsqrt(x)", "functions")(cp.asarray(x))
        expected = np.exp(x) + np.log1p(x) + np.expm1(x) + np.tanh(x) + np.sqrt(x) + np.abs(x) + np.maximum(x, 0.5)
        expected += x**2 + np.floor(x) + 1 / np.sqrt(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.get(), expected, rtol=20 * np.finfo(dtype).eps)


def test_overwriting_an_input_shows():
    """An input is a reference: reading it after writing the output that aliases it gives the new value, as in CUDA."""
    x = cp.ones(3, "f")
    cp.ElementwiseKernel("T x", "T y, T z", "y = 5; z = x;", "alias")(x, x, out := cp.empty(3, "f"))
    np.testing.assert_array_equal(out.get(), [5, 5, 5])


def test_raw_arguments_and_size():
    """A raw argument is indexed by the body, with any strides; `size` is needed if nothing else gives the loop."""
    x = cp.asarray(np.arange(6.0).reshape(2, 3))
    flip = cp.ElementwiseKernel("raw T x", "T y", "y = x[_ind.size() - 1 - i]", "flip")
    np.testing.assert_array_equal(flip(x.T, size=6).get(), x.get().T.ravel()[::-1])
    with pytest.raises(ValueError, match="undecided"):
        flip(x)


def test_scalars_and_tuples():
    """int and bool parameters, several placeholders, return_tuple, no_return, preamble, empty arrays."""
    k = cp.ElementwiseKernel(
        "T x, int32 n, bool b", "T y, U z", "y = twice(x); z = b ? n : 0", "many", return_tuple=True,
        preamble="template <typename V> __device__ V twice(V v) { return 2 * v; }",
    )  # fmt: skip
    y, z = cp.empty(2, "f"), cp.empty(2, "i8")
    assert k(cp.ones(2, "f"), 7, True, y, z) == (y, z)
    assert (y.tolist(), z.tolist()) == ([2, 2], [7, 7])
    with pytest.raises(KeyError):
        k(cp.ones(2, "f"), 7, True)  # no array determines U
    with pytest.raises(OverflowError):
        k(cp.ones(2, "f"), 2**40, True, y, z)
    with cp.count() as c:
        assert cp.ElementwiseKernel("T x", "T y", "y = x", no_return=True)(cp.ones((0, 3))) is None
    assert c.kernels == 1  # that of ones alone


def test_errors_in_the_text():
    """The error has the compiler's message with the unknown name. A name `n` does not exist in CuPy either."""
    with pytest.raises(RuntimeError, match="sqrtt"):
        cp.ElementwiseKernel("T x", "T y", "y = sqrtt(x)", "typo")(cp.ones(2))
    with pytest.raises(RuntimeError, match="n. was not declared"):
        cp.ElementwiseKernel("T x", "T y", "y = x / n", "no_n")(cp.ones(2))
    with pytest.raises(Exception, match="Unknown keyword"):
        cp.ElementwiseKernel("const T x", "T y", "y = x")
    with pytest.raises(NotImplementedError):
        cp.ElementwiseKernel("T x", "T y", "if (x > 0) return; y = x")


def test_bits_and_pairs_of_functions():
    """CUDA's functions for high bits of a product, the bits of a float, and sine with cosine."""
    high = cp.ElementwiseKernel("uint32 a, uint32 b", "uint32 y", "y = __umulhi(a, b)", "high")
    a, b = np.array([2**31, 2**32 - 1, 3], "u4"), np.array([2, 2**32 - 1, 5], "u4")
    np.testing.assert_array_equal(high(cp.asarray(a), cp.asarray(b)).get(), [1, 2**32 - 2, 0])
    bits = cp.ElementwiseKernel("float32 x", "uint32 y, float32 z", "y = __float_as_uint(x); z = __uint_as_float(y)")
    y, z = bits(cp.asarray(np.array([1, -2], "f")))
    assert (y.tolist(), z.tolist()) == ([0x3F800000, 0xC0000000], [1, -2])
    pair = cp.ElementwiseKernel("T x", "T s, T c", "sincospi(x, &s, &c)", "pair")
    s, c = pair(cp.asarray(np.array([0.0, 0.5, 1.0])))
    np.testing.assert_allclose([s.get(), c.get()], [[0, 1, 0], [1, 0, -1]], atol=1e-15)
