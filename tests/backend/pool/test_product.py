"""Compiled products: the bits of NumPy's pieces; what BLAS cannot read is refused, and left as it was."""

import pytest

from tests.backend.several_threads import needs_a_pool, run


@needs_a_pool
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_pieces_have_the_bits_of_numpys(dtype):
    """For all layouts that BLAS reads, by the workers, with OpenBLAS's one thread in both."""
    assert run("""
from npae.backend.pool.pieces import multiply_in_pieces
dtype = np.dtype(sys.argv[1] if len(sys.argv) > 1 else DTYPE)
numbers = lambda m, n: rng.standard_normal((m, n)).astype(dtype)
layouts = [numbers, lambda m, n: numbers(n, m).T, lambda m, n: numbers(m, n + 5)[:, 2 : n + 2],
           lambda m, n: numbers(n, m + 3)[:, :m].T]
shapes = [(256, 32, 784), (256, 784, 32), (65, 300, 301), (64, 130, 97), (63, 257, 300), (5, 784, 500), (784, 2, 500),
          (500, 2000, 2), (1111, 111, 17), (33, 4096, 32), (4, 4, 4)]
for threads in (2, 3):
    turn.thread_count = lambda: threads
    blas.set_threads(threads)
    turn._of_process.pool = None
    shared = one_pool(like)
    for shape in shapes:
        for first in layouts:
            for second in layouts:
                (m, k, n), around = shape, np.full((shape[0], shape[2] + 9), 7, dtype)
                a, b, out = first(m, k), second(k, n), around[:, 4 : n + 4]
                a.flags.writeable = b.flags.writeable = False
                with shared:
                    assert current.turn.threads == threads and current.turn.pool
                    assert matmul(a, b, out=out) is out
                    assert current.turn.pool.products[dtype](current.turn.pool.task, a, b, out, threads)
                    expected = multiply_in_pieces(a, b, np.empty((m, n), dtype), threads)
                np.testing.assert_array_equal(out, expected)
                assert (around[:, :4] == 7).all() and (around[:, n + 4 :] == 7).all()
print("ok")
""".replace("DTYPE", repr(dtype))) == "ok\n"  # fmt: skip


@needs_a_pool
def test_errors_and_results_of_other_products_are_those_of_numpy():
    assert run("""
def result(a, b, out):
    try:
        return matmul(a, b, out=out)
    except ValueError as error:
        return str(error)
zeros = lambda m, n: np.full((m, n), np.nan, np.float32)
read_only = zeros(256, 256)
read_only.flags.writeable = False
a, b = pair(256, 256, 256)
both = zeros(257, 256)
both[...] = 1
swapped = [x.astype(x.dtype.newbyteorder()) for x in (a, b)]
unaligned = np.empty(4 * 256 * 256 + 1, np.uint8)[1:].view(np.float32).reshape(256, 256)
unaligned[...] = a
cases = [(a, b[:100], zeros(256, 256)), (a, b, zeros(256, 255)), (a, b, read_only), (a[0], b, zeros(1, 256)[0]),
         (a[:, :0], b[:0], zeros(256, 256)), (a[:0], b, zeros(0, 256)), (a, b[:, :0], zeros(256, 0)), (a, b, None),
         (a[:, ::-1], b, zeros(256, 256)), (a, a.T, zeros(256, 256)), (a[None], b[None], zeros(256, 256)[None]),
         (a[:, :1], b[:1], zeros(256, 256)), (a, b[:, 0], zeros(1, 256)[0]), (*swapped, zeros(256, 256)),
         (a, b.astype(float), zeros(256, 256).astype(float)), (unaligned, b, zeros(256, 256)),
         (a, np.broadcast_to(b[:1], (256, 256)), zeros(256, 256)), (a[:, ::2], b[:128], zeros(256, 256)),
         (a, b, zeros(256, 256).T), (a.astype(int), b.astype(int), np.zeros((256, 256), int))]
for case in cases:
    expected = result(*case)
    expected = expected if isinstance(expected, str) else expected.copy()
    with one_pool(like):
        assert workers() == 1
        found = result(*case)
    assert isinstance(found, type(expected)), (found, expected)
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
with one_pool(like):
    expected = a @ b
    matmul(a, b, out=a)  # a product into one of its factors
    np.testing.assert_allclose(a, expected, rtol=1e-3, atol=1e-3)
    expected = both[1:] @ b
    np.testing.assert_allclose(matmul(both[1:], b, out=both[:-1]), expected, rtol=1e-3, atol=1e-3)
print("ok")
""") == "ok\n"  # fmt: skip
