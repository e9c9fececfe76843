"""Pieces of a product: their bounds, and what NumPy computes in one piece."""

import numpy as np
import pytest

from npae.backend.pool import pieces
from npae.backend.pool.pieces import AS_IS, FEW, TRANSPOSED, bounds, layout, multiply_in_pieces, split
from tests.backend.several_threads import needs_openblas

RNG = np.random.default_rng(0)


def numbers(m, n, dtype=np.float32):
    return RNG.standard_normal((m, n)).astype(dtype)


def count_of(a, b, out=None, threads=2):
    """How many products NumPy computes."""
    out = np.full((len(a), b.shape[-1]), np.nan, a.dtype) if out is None else out
    return pieces._split(a, b, out, threads)[1]


@pytest.mark.parametrize("end, count, tile", [(784, 2, 16), (97, 3, 16), (65, 4, 16), (50, 2, 24), (7, 1, 16)])
def test_every_row_is_in_one_piece(end, count, tile):
    found = [bounds(i, count, end, tile) for i in range(count)]
    assert [row for start, stop in found for row in range(start, stop)] == list(range(end))
    assert all(start % tile == 0 and stop > start for start, stop in found)


def test_how_blas_reads_a_matrix():
    a = np.zeros((6, 4), np.float32)

    def read(x):
        return layout(*x.shape, *x.strides, 4)

    assert read(a) == (AS_IS, 4) and read(a.T) == (TRANSPOSED, 4) and read(a[:, 1:3]) == (AS_IS, 4)
    assert read(a[:, ::2]) == read(a[::-1]) == (0, 0) and read(a[::2]) == (AS_IS, 8)


@pytest.mark.parametrize("m, k, n, order, expected", [
    (256, 784, 128, AS_IS, (True, 2)),  # rows
    (FEW - 1, 784, 128, AS_IS, (False, 2)),  # few rows
    (128, 1000, 784, TRANSPOSED, (False, 2)), (256, 1000, 784, TRANSPOSED, (True, 2)),
    (256, 2, 2, AS_IS, (True, 1)), (4, 4096, 17, AS_IS, (False, 1)),  # too small, and too narrow
])  # fmt: skip
def test_which_pieces_a_product_has(m, k, n, order, expected):
    assert split(m, k, n, order, 2, 16) == expected


@needs_openblas
@pytest.mark.parametrize("kind", ["vectors", "integers", "bytes swapped", "two dtypes", "strides", "columns of 0 bytes",
                                  "reversed", "not aligned", "subclass", "few", "long and thin"])  # fmt: skip
def test_other_arrays_are_one_piece(kind):
    a, b = numbers(256, 128), numbers(128, 256)
    assert count_of(a, b) == 2
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
    elif kind == "subclass":
        b = np.ma.masked_array(b)
    elif kind == "few":
        a, b = a[:8], b[:, :16]
    elif kind == "long and thin":
        a, b = numbers(1000, 1000), numbers(1000, 1)
    assert count_of(a, b, np.empty(a.shape[:1] + b.shape[1:], a.dtype)) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_make_the_product_up_to_rounding(dtype):
    """|Δ| ≤ 2 k ε Σ |a| |b|, the bound for any two orders of a sum."""
    for m, k, n in ((256, 32, 784), (65, 300, 301), (5, 784, 500), (300, 400, 200)):
        for threads in (2, 3, 5):
            a, b = numbers(m, k, dtype), numbers(n, k, dtype).T
            out = np.full((m, n), np.nan, dtype)
            assert multiply_in_pieces(a, b, out, threads) is out
            bound = 2 * k * np.finfo(dtype).eps * (np.abs(a).astype(float) @ np.abs(b))
            assert (np.abs(out - a.astype(float) @ b) <= bound).all()


def test_large_products_are_handed_to_threads(monkeypatch):
    handed = []
    monkeypatch.setattr(pieces, "parallel_for", lambda work, n: (handed.append(n), work(0, n)))
    a, b = numbers(512, 512), numbers(512, 64)
    np.testing.assert_allclose(multiply_in_pieces(a, b, np.empty((512, 64), np.float32), 3), a @ b, atol=1e-3)
    multiply_in_pieces(a[:, :64], b[:64], np.empty((512, 64), np.float32), 3)
    assert handed == [3]
