"""Products in pieces: NumPy's and compiled ones have the same bits; what BLAS cannot read is left to np.matmul."""

import numpy as np
import pytest

from npae.backend import shared_product
from npae.backend.blas_calls import AS_IS, TRANSPOSED
from npae.backend.openblas import openblas
from npae.backend.shared_product import FEW, SharedProducts, layout
from tests.backend.several_threads import needs_a_pool

RNG = np.random.default_rng(0)
SHAPES = [(256, 32, 784), (256, 784, 32), (65, 300, 301), (64, 130, 97), (63, 257, 300), (5, 784, 500), (784, 2, 500),
          (500, 2000, 2), (1111, 111, 17), (33, 4096, 32)]  # fmt: skip
LAYOUTS = {
    "rows": lambda m, n, dtype: numbers(m, n, dtype),
    "columns": lambda m, n, dtype: numbers(n, m, dtype).T,
    "part of rows": lambda m, n, dtype: numbers(m, n + 5, dtype)[:, 2 : n + 2],
    "part of columns": lambda m, n, dtype: numbers(n, m + 3, dtype)[:, :m].T,
}


def numbers(m, n, dtype=np.float32):
    return RNG.standard_normal((m, n)).astype(dtype)


@pytest.fixture
def products():
    if openblas() is None:
        pytest.skip("NumPy has another BLAS.")
    return SharedProducts(openblas())


def shared(products, a, b, out=None, threads=2):
    """(was it shared?, out), which begins as NaN."""
    out = np.full((len(a), b.shape[1]), np.nan, a.dtype) if out is None else out
    return products.share(a, b, out, threads), out


def assert_rounded(out, a, b):
    """Is |Δ| ≤ 2 k ε Σ |a| |b|, the bound for any two orders of a sum?"""
    bound = 2 * a.shape[1] * np.finfo(a.dtype).eps * (np.abs(a).astype(float) @ np.abs(b))
    assert (np.abs(out - a.astype(float) @ b) <= bound).all()


@needs_a_pool
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a_layout", LAYOUTS)
@pytest.mark.parametrize("b_layout", LAYOUTS)
def test_compiled_pieces_have_the_bits_of_numpys(products, dtype, a_layout, b_layout, monkeypatch):
    for m, k, n in SHAPES:
        a, b = LAYOUTS[a_layout](m, k, dtype), LAYOUTS[b_layout](k, n, dtype)
        for threads in (2, 3):
            monkeypatch.setattr(shared_product, "PATIENCE", float("inf"))
            was_shared, by_numpy = shared(products, a, b, threads=threads)
            monkeypatch.setattr(shared_product, "PATIENCE", 0)
            assert was_shared == shared(products, a, b, threads=threads)[0]
            if not was_shared:
                assert n < 2 * products._of[a.dtype].tile and m < FEW
                continue
            np.testing.assert_array_equal(shared(products, a, b, threads=threads)[1], by_numpy)
            assert_rounded(by_numpy, a, b)


@pytest.mark.parametrize("m, k, n", [(300, 400, 200), (1000, 1000, 50), (40, 1000, 1000)])
def test_large_float32_products_have_the_bits_of_one_call(products, m, k, n):
    blas, (a, b) = openblas(), (numbers(m, k), numbers(k, n))
    before = blas.get_threads()
    blas.set_threads(1)
    try:
        was_shared, out = shared(products, a, b)
        expected = a @ b
    finally:
        blas.set_threads(before)
    assert was_shared
    assert_rounded(out, a, b)
    assert np.mean(out == expected) > 0.01  # all of them, on processors whose kernels round alike


@pytest.mark.parametrize("kind", ["vectors", "integers", "bytes swapped", "two dtypes", "strides", "columns of 0 bytes",
                                  "reversed", "not aligned", "subclass", "few", "long and thin"])  # fmt: skip
@pytest.mark.parametrize("patience", [0, float("inf")])
def test_other_arrays_are_left_to_numpy(products, kind, patience, monkeypatch):
    monkeypatch.setattr(shared_product, "PATIENCE", patience)
    a, b = numbers(256, 128), numbers(128, 256)
    if kind == "vectors":
        b = numbers(1, 128)[0]
    elif kind == "integers":
        a, b = a.astype(int), b.astype(int)
    elif kind == "bytes swapped":
        a, b = (x.astype(x.dtype.newbyteorder()) for x in (a, b))
    elif kind == "two dtypes":
        b = b.astype(float)
    elif kind == "strides":
        a = numbers(256, 256)[:, ::2]
    elif kind == "columns of 0 bytes":
        a = np.broadcast_to(numbers(1, 128), (256, 128))
    elif kind == "reversed":
        b = b[::-1]
    elif kind == "not aligned":
        a = np.empty(4 * 256 * 128 + 1, np.uint8)[1:].view(np.float32).reshape(256, 128)
        a[...] = 1
    elif kind == "subclass":
        b = np.ma.masked_array(b)
    elif kind == "few":
        a, b = a[:16], b[:, :16]
    elif kind == "long and thin":
        a, b = numbers(1000, 1000), numbers(1000, 1)
    shape = a.shape[:1] + b.shape[1:]
    out = np.full(shape, 7, a.dtype)
    assert not products.share(a, b, out, 2)
    assert (out == 7).all()


@pytest.mark.parametrize("m, k, n", [(0, 500, 500), (500, 0, 500), (500, 500, 0), (1, 1000, 1000), (1000, 1, 1000)])
def test_empty_and_thin_products_are_left_to_numpy(products, m, k, n):
    assert not shared(products, numbers(m, k), numbers(k, n))[0]


def test_results_in_a_place_that_does_not_fit_are_left_to_numpy(products):
    a, b = numbers(256, 256), numbers(256, 256)
    read_only = np.zeros((256, 256), np.float32)
    read_only.flags.writeable = False
    both, backwards = numbers(257, 256), np.empty((256, 256), np.float32).T[:, ::-1]
    for x, y, out in (
        (a, b, read_only), (a, b, np.empty((256, 255), np.float32)), (a, b, backwards),
        (a, b[:100], np.empty((256, 256), np.float32)), (a, b, a), (a, b, b), (both[1:], b, both[:-1]),
        (a, a.T, np.empty((256, 256), np.float32)),
    ):  # fmt: skip
        before = out.copy()
        assert not products.share(x, y, out, 2)
        np.testing.assert_array_equal(out, before)


@needs_a_pool
def test_factors_may_be_read_only_and_the_result_a_part_of_rows(products, monkeypatch):
    a, b, around = numbers(256, 128), numbers(128, 256), np.full((256, 300), 7, np.float32)
    a.flags.writeable = b.flags.writeable = False
    monkeypatch.setattr(shared_product, "PATIENCE", 0)
    assert products.share(a, b, around[:, 10:266], 2)
    assert_rounded(around[:, 10:266], a, b)
    assert (around[:, :10] == 7).all() and (around[:, 266:] == 7).all()


def test_numpy_computes_products_until_compiling_pays(products, monkeypatch):
    a, b, calls = numbers(256, 128), numbers(128, 256), []
    monkeypatch.setattr(shared_product, "PATIENCE", a.size * 256 + 1)
    monkeypatch.setattr(shared_product, "compiled_product", lambda dtype: lambda *given: calls.append(given))
    for expected in (0, 0, 1):
        assert shared(products, a, b)[0] and len(calls) == expected


def test_large_products_of_numpy_are_handed_to_threads(products, monkeypatch):
    pieces = []
    monkeypatch.setattr(shared_product, "parallel_for", lambda work, n: (pieces.append(n), work(0, n)))
    a, b = numbers(512, 512), numbers(512, 64)
    assert_rounded(shared(products, a, b, threads=3)[1], a, b)
    assert_rounded(shared(products, a[:, :64], b[:64], threads=3)[1], a[:, :64], b[:64])
    assert pieces == [3]


def test_how_blas_reads_a_matrix():
    a = np.zeros((6, 4), np.float32)
    assert layout(a) == (AS_IS, 4) and layout(a.T) == (TRANSPOSED, 4) and layout(a[:, 1:3]) == (AS_IS, 4)
    assert layout(a[:, ::2]) is None and layout(a[::-1]) is None and layout(a[::2]) == (AS_IS, 8)
