"""Memory that a graph uses must outlive it: arrays, and the state of random generators. And pools that leak."""

import pytest

from tests.devices import with_fake
from tests.fake_gpu.fake_cupy import fake_cupy as cp
from tests.fake_gpu.pools import leaked_bytes
from tests.fake_gpu.test_capture import captured, kernel

USES = {
    "ufunc": lambda x, y: cp.add(x, 1, out=y),
    "temporary": lambda x, y: cp.copyto(y, x * 2),
    "index": lambda x, y: y.__setitem__(..., x[::-1]),
    "device index": lambda x, y: cp.copyto(y, y[x.astype("i8")]),
    "method": lambda x, y: x.cumsum(out=y),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("dropped", [0, 1], ids=["read", "written"])
def test_a_launch_raises_if_an_array_has_been_freed(use, dropped):
    arrays = [cp.zeros(3, "f"), cp.zeros(3, "f")]
    with captured(cp) as graph:
        use(*arrays)
    graph[0].launch()
    arrays[dropped] = None
    with pytest.raises(RuntimeError, match=r"freed since its capture: an array of shape \(3,\) and dtype float32"):
        graph[0].launch()


@with_fake
@pytest.mark.parametrize("dropped", [0, 1], ids=["read", "written"])
@pytest.mark.parametrize("kind", ["elementwise", "raw"])
def test_kernels_use_addresses_too(kind, dropped):
    raw = cp.RawKernel('extern "C" __global__ void f(float *x, float *y) { *y = *x; }', "f")
    run = {"elementwise": lambda x, y: kernel(cp)(x, 2.0, y), "raw": lambda x, y: raw((1,), (1,), (x, y))}[kind]
    arrays = [cp.zeros(3, "f"), cp.zeros(3, "f")]
    with captured(cp) as graph:
        run(*arrays)
    graph[0].launch()
    arrays[dropped] = None
    with pytest.raises(RuntimeError, match="freed since its capture"):
        graph[0].launch()


def test_a_view_keeps_memory_alive_and_so_does_the_pool_of_the_graph():
    x = cp.zeros((3, 4), "f")
    with captured(cp) as graph:
        y = x + 1
        y += 1
        out = y.sum(axis=0)
    view = x[1:, ::-1]
    del x, y
    graph[0].launch()
    assert out.get().tolist() == [6] * 4
    del view
    with pytest.raises(RuntimeError, match="freed since its capture"):
        graph[0].launch()


@pytest.mark.parametrize("method", ["random", "standard_normal"])
def test_a_launch_raises_if_a_generator_is_gone(method):
    rng, out = cp.random.Generator(cp.random.Philox4x3210(1, size=64)), cp.empty(3, "f")
    with captured(cp) as graph:
        getattr(rng, method)(size=3, dtype="f", out=out)
    graph[0].launch()
    bits = rng.bit_generator
    del rng
    graph[0].launch()  # the state is that of the bit generator
    del bits
    with pytest.raises(RuntimeError, match="freed since its capture: the state of a random generator"):
        graph[0].launch()


@pytest.mark.parametrize(("freed", "leaked"), [(True, 0), (False, 400)])
def test_a_dropped_pool_keeps_its_free_blocks(freed, leaked):
    before, pool = leaked_bytes(), cp.cuda.MemoryPool()
    with cp.cuda.using_allocator(pool.malloc):
        x = cp.zeros(100, "f")
    del x
    assert (pool.used_bytes(), pool.free_bytes(), pool.total_bytes()) == (0, 400, 400)
    if freed:
        pool.free_all_blocks()
    del pool
    assert leaked_bytes() - before == leaked


def test_temporaries_of_a_capture_leak_with_its_pool():
    x, before = cp.zeros(100, "f"), leaked_bytes()
    with captured(cp) as graph:
        x += x * 2
    pool = graph.pop()
    graph.clear()  # the graph first, since its launches use the blocks
    pool.free_all_blocks()
    del pool
    assert leaked_bytes() == before
    with captured(cp) as graph:
        x += x * 2
    graph.clear()
    assert leaked_bytes() == before + 512  # the unit of CuPy's blocks
