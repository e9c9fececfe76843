"""Stream capture: the rules of the double, and the same cases on the real CuPy where a GPU is usable.

A captured operation is executed at every launch and not before. The double refuses in a capture what CuPy refuses.
"""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.fake_gpu import api, capture
from tests.fake_gpu.conformance import generator
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.fake_gpu.kernels import NO_COMPILER, available

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@contextmanager
def captured(cp):
    """Capture the block on a stream and in a pool of its own. Yields a list, to which [Graph, pool] is added."""
    stream, pool, graph = cp.cuda.Stream(non_blocking=True), cp.cuda.MemoryPool(), []
    with stream, cp.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            yield graph
        finally:
            graph += [stream.end_capture(), pool]


def kernel(cp):
    """y = a x for an array x and a number a."""
    return cp.ElementwiseKernel("T x, float64 a", "T y", "y = T(a) * x", "ax")


WRITES = {  # each adds 1 to x in another way
    "operator": lambda cp, x: x.__iadd__(1),
    "ufunc with out": lambda cp, x: cp.add(x, 1, out=x),
    "temporary": lambda cp, x: x.__iadd__(cp.exp(x * 0)),
    "assignment": lambda cp, x: x.__setitem__(..., x + 1),
    "assignment to a part": lambda cp, x: (x[0].__iadd__(1), x[1].__setitem__(slice(None), x[1] + 1)),
    "fancy index": lambda cp, x: x.__setitem__(..., x[cp.zeros(2, "i8") + cp.arange(2)] + 1),
    "reduction": lambda cp, x: x.__iadd__(cp.max(x * 0, axis=0) + 1),
    "copyto": lambda cp, x: cp.copyto(x, x + 1),
    "cast": lambda cp, x: x.__iadd__((x * 0).astype("u1") + 1),
    "scalar": lambda cp, x: x.__iadd__(((x * 0).sum() + 1).copy()),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_operations_are_executed_at_every_launch_and_not_before(cp, write):
    x = cp.asarray(X)
    with captured(cp) as graph:
        write(cp, x)
    np.testing.assert_array_equal(cp.asnumpy(x), X)
    for k in (1, 2, 3):
        graph[0].launch()
        np.testing.assert_array_equal(cp.asnumpy(x), X + k)


def test_a_kernel_keeps_its_numbers_and_reads_its_arrays_at_every_launch(cp, request):
    if cp is fake_cupy and not available():
        pytest.skip(NO_COMPILER)
    x, a, y = cp.asarray(X), 3.0, cp.zeros((2, 3), "f")
    kernel(cp)(x, 0.0, y)  # compiled
    with captured(cp) as graph:
        kernel(cp)(x, a, y)
    a = 5.0
    x += 1
    graph[0].launch()
    np.testing.assert_array_equal(cp.asnumpy(y), 3 * (X + 1))


def test_random_numbers_advance_with_every_launch(cp):
    reference, rng, out = generator(cp), generator(cp), cp.empty(4, "f")
    with captured(cp) as graph:
        rng.standard_normal(out=out, dtype="f")
    for _ in range(3):
        graph[0].launch()
        np.testing.assert_array_equal(cp.asnumpy(out), cp.asnumpy(reference.standard_normal(4, dtype="f")))


REFUSED = {
    "matmul": (lambda cp, x: cp.matmul(x, x.T), NotImplementedError, "cuBLAS"),
    "operator @": (lambda cp, x: x @ x.T, NotImplementedError, "cuBLAS"),
    "float": (lambda cp, x: float(x[0, 0]), RuntimeError, "is capturing"),
    "if": (lambda cp, x: 1 if x[0, 0] > 0 else 2, RuntimeError, "is capturing"),
    "get": (lambda cp, x: x.get(), RuntimeError, "is capturing"),
}


@pytest.mark.parametrize("call, error, words", REFUSED.values(), ids=REFUSED)
def test_calls_that_wait_or_use_cublas_are_refused(cp, call, error, words):
    x = cp.asarray(X)
    with captured(cp), pytest.raises(error, match=words):
        call(cp, x)
    np.testing.assert_array_equal(cp.asnumpy(x), X)  # allowed again after the capture


@pytest.mark.parametrize(
    "call",
    [lambda x: fake_cupy.asarray(X), lambda x: x[np.array([0, 1])], lambda x: x.set(X),
     lambda x: fake_cupy.cublas.gemm("N", "T", x, x)],
)  # fmt: skip
def test_the_double_refuses_all_uploads_and_gemm(call):
    """The effect of a real upload in a capture depends on its size, so the double refuses all."""
    x = fake_cupy.asarray(X)
    with captured(fake_cupy), pytest.raises(RuntimeError, match="is capturing|cuBLAS"):
        call(x)


def test_waiting_makes_the_capture_invalid(cp):
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="CaptureUnsupported"):
            stream.synchronize()
        with pytest.raises(RuntimeError, match="CaptureInvalidated"):
            stream.end_capture()
    assert not stream.is_capturing()
    with pytest.raises(RuntimeError, match="default"):
        cp.cuda.Stream.null.begin_capture()


def test_only_the_double_refuses_memory_of_the_ordinary_pool():
    """CuPy accepts it, although the memory is then overwritten by others: see capture.PRIVATE."""
    stream, x = fake_cupy.cuda.Stream(non_blocking=True), fake_cupy.asarray(X)
    with stream:
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="ordinary pool"):
            x + 1
        stream.end_capture()
    assert capture.current() is None


def test_memory_is_nan_until_a_launch_writes_it():
    x = fake_cupy.asarray(X)
    with captured(fake_cupy) as graph:
        y = x + 1
    assert np.isnan(y.get()).all()
    with fake_cupy.count() as counted:
        graph[0].launch()
    assert (counted.kernels, counted.allocations) == (1, 0)
    np.testing.assert_array_equal(y.get(), X + 1)


def test_pools_count_live_memory():
    pool = fake_cupy.cuda.MemoryPool()
    with fake_cupy.cuda.using_allocator(pool.malloc):
        x = fake_cupy.zeros(100, "f")
        fake_cupy.ones(50, "f")
    assert (pool.used_bytes(), pool.total_bytes()) == (400, 600)
    del x
    pool.free_all_blocks()
    assert (pool.used_bytes(), pool.total_bytes()) == (0, 0)


def test_streams_graphs_and_pools_have_only_names_of_cupy():
    known = {name for section in ("classes", "functions") for name in api.SNAPSHOT[section]}
    for kind in ("Stream", "Graph", "MemoryPool", "Event"):
        for name, member in vars(getattr(fake_cupy.cuda, kind)).items():
            if callable(member) and not name.startswith("_") and name != "take":  # only the double has take
                assert f"cuda.{kind}.{name}" in known


def test_a_launch_can_write_where_device_memory_tells(cp):
    """A ring: row k of a table, k ← k + 1, all on the device."""
    if cp is fake_cupy and not available():
        pytest.skip(NO_COMPILER)
    k, ring, value = cp.zeros(1, "i8"), cp.zeros(3, "f"), cp.ones(1, "f")
    write = cp.ElementwiseKernel(
        "raw T value", "raw T ring, raw int64 k", "ring[k[0] % 3] = value[0]; k[0] += 1;", "write_ring"
    )  # fmt: skip
    write(value, ring, k, size=1)
    with captured(cp) as graph:
        value += 1
        write(value, ring, k, size=1)
    for _ in range(4):
        graph[0].launch()
    np.testing.assert_array_equal(cp.asnumpy(ring), [4, 5, 3])
    assert int(k[0]) == 5
