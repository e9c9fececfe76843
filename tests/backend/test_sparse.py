"""Sparse products: equal to the dense ones, with and without compiled loops; when dense ones are taken."""

import numpy as np
import pytest

from npae.backend import column_counts, matmul_at, nonzeros, sparse, sparse_matmul, sparse_matmul_transposed
from tests.devices import each_device, on

compiled = pytest.mark.skipif(not sparse.available() or sparse.compiler() is None, reason="without Numba")


@pytest.fixture
def loops(monkeypatch):
    """Compiled loops for small matrices too."""
    monkeypatch.setattr(sparse, "LARGE", 1)


def code(B, n, most, dtype=np.float64, seed=0):
    """A code whose rows have from 0 to `most` numbers that are not 0."""
    rng, h = np.random.default_rng(seed), np.zeros((B, n), dtype)
    for i, row in enumerate(h):
        row[rng.choice(n, i % (most + 1), replace=False)] = rng.standard_normal(i % (most + 1))
    h[h == 0] = -0.0 if seed else 0.0
    return h


def check(h, places, d=40):
    """All products with h against NumPy's."""
    rng = np.random.default_rng(5)
    W, x = (rng.standard_normal((n, d)).astype(h.dtype) for n in h.shape[::-1])
    close = {"rtol": 1e-12, "atol": 1e-12} if h.dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    nan = np.full
    np.testing.assert_allclose(sparse_matmul(h, places, W, nan(x.shape, np.nan, h.dtype)), h @ W, **close)
    np.testing.assert_allclose(sparse_matmul_transposed(h, places, x, nan(W.shape, np.nan, h.dtype)), h.T @ x, **close)
    at = matmul_at(x, W, places, nan(h.shape, np.nan, h.dtype))
    np.testing.assert_allclose(at * (h != 0), (x @ W.T) * (h != 0), **close)
    assert places is None or not at[h == 0].any()
    counts = column_counts(h, places)
    np.testing.assert_array_equal(counts, (h != 0).sum(axis=0))
    assert counts.dtype == h.dtype


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", [0, 1])
def test_products_by_compiled_loops(dtype, seed, loops):
    h = code(23, 80, 10, dtype, seed)
    places = nonzeros(h, 40)
    assert places is not None
    first, last, columns = places.by_row
    np.testing.assert_array_equal(last - first, (h != 0).sum(axis=1))
    for i, row in enumerate(h):
        np.testing.assert_array_equal(columns[first[i] : last[i]], np.flatnonzero(row))
    check(h, places)


@compiled
def test_a_code_of_zeros(loops):
    check(np.zeros((5, 64)), nonzeros(np.zeros((5, 64)), 40))


def test_products_without_places():
    check(code(23, 80, 10), None)


@compiled
def test_dense_products_are_taken_where_they_are_better(loops, monkeypatch):
    h = code(23, 80, 10)
    assert nonzeros(h, 40) is not None
    assert nonzeros(h, 8) is None, "few features"
    assert nonzeros(h[:, ::2], 40) is None, "strided"
    full = h.copy()
    full[3, :11] = 1
    assert nonzeros(full, 40) is None, "a row with more than an eighth"
    monkeypatch.setattr(sparse, "LARGE", h.size + 1)
    assert nonzeros(h, 40) is None, "small"
    monkeypatch.setattr(sparse, "LARGE", 1)
    monkeypatch.setattr(sparse, "available", lambda: False)
    assert nonzeros(h, 40) is None, "no compiler"


@each_device
def test_on_each_device(device, monkeypatch):
    monkeypatch.setattr(sparse, "LARGE", 1)
    h, W = code(23, 80, 10), np.random.default_rng(1).standard_normal((80, 40))
    with on(device) as place:
        hd = place.put(h)
        places = nonzeros(hd, 40)
        assert device == "cpu" or places is None
        y = sparse_matmul(hd, places, place.put(W), place.put(np.empty((23, 40))))
        np.testing.assert_allclose(place.get(y), h @ W, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(place.get(column_counts(hd, places)), (h != 0).sum(axis=0))


@compiled
def test_threads_do_not_change_a_bit(loops, monkeypatch):
    h, W = code(64, 160, 20, np.float32), np.random.default_rng(1).standard_normal((160, 40)).astype(np.float32)
    results = []
    for pieces in (1, 3):

        def in_pieces(work, n, pieces=pieces):
            for k in range(pieces):
                work(n * k // pieces, n * (k + 1) // pieces)

        monkeypatch.setattr(sparse, "parallel_for", in_pieces)
        places = nonzeros(h, 40)
        results.append([
            sparse_matmul(h, places, W, np.empty((64, 40), np.float32)),
            sparse_matmul_transposed(h, places, W[:64], np.empty((160, 40), np.float32)),
            matmul_at(W[:64], W, places, np.empty(h.shape, np.float32)),
        ])  # fmt: skip
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)
