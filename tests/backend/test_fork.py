"""The fork of a capture: weight gradients beside the backward pass, right in every order that the graph allows."""

import numpy as np
import pytest

from npae.backend import Cublas, Fork, fork_is_on, gpu_module, join, matmul, matmul_aside, run_aside, use_blas, use_fork
from tests.devices import each_device, on, with_fake
from tests.fake_gpu.streams import critical_path, n_operations

A, B = np.random.default_rng(0).standard_normal((2, 4, 4))


@each_device
def test_without_a_fork_products_are_ordinary(device):
    with on(device) as place:
        a, b, out = place.put(A), place.put(B), place.put(np.zeros((4, 4)))
        assert matmul_aside(a, b, out) is out
        join()
        np.testing.assert_allclose(place.get(out), A @ B, rtol=1e-13)
        assert run_aside(lambda x, y: (x, y), 1, 2) == (1, 2)


def test_the_switch(monkeypatch):
    for value, is_on in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("NPAE_FORK", value)
        assert fork_is_on() is is_on
    monkeypatch.delenv("NPAE_FORK")
    assert not fork_is_on()


def capture_chain(place, chain):
    """The graph of chain(a, b, out) on a forked stream, and its arrays."""
    xp = gpu_module()
    a, b = place.put(A), place.put(B)
    outs = [place.put(np.zeros((4, 4))) for _ in range(4)]
    pool, stream = xp.cuda.MemoryPool(), xp.cuda.Stream(non_blocking=True)
    blas, fork = Cublas(xp), Fork(xp)
    with stream, xp.cuda.using_allocator(pool.malloc), use_blas(blas.on(stream)):
        stream.begin_capture()
        with use_fork(fork):
            chain(a, b, outs)
        graph = stream.end_capture()
    return graph, outs, (a, b, blas, fork, pool)


@with_fake
def test_products_aside_are_not_on_the_path_of_the_others():
    def chain(a, b, outs):
        matmul_aside(a, a, outs[0])
        matmul(a, b, out=outs[1])
        matmul_aside(b, b, outs[2])
        matmul(outs[1], b, out=outs[3])

    with on("fake") as place:
        graph, outs, kept = capture_chain(place, chain)
        assert (n_operations(graph), critical_path(graph)) == (4, 2)  # ab, and after it both bb and (ab)b
        graph.launch()
        for out, expected in zip(outs, (A @ A, A @ B, B @ B, A @ B @ B), strict=True):
            np.testing.assert_allclose(place.get(out), expected, rtol=1e-12)
        del kept  # it had to live until here


@with_fake
def test_what_is_read_aside_is_kept_until_the_join():
    """A temporary array whose last reference is dropped while the second stream has yet to read it."""

    def chain(a, b, outs):
        matmul_aside(a + b, b, outs[0])
        for _ in range(8):
            a * 0  # takes the memory of a + b if it is free

    with on("fake") as place:
        graph, outs, kept = capture_chain(place, chain)
        graph.launch()
        np.testing.assert_allclose(place.get(outs[0]), (A + B) @ B, rtol=1e-12)
        del kept


@with_fake
def test_a_join_in_the_middle_makes_the_result_readable():
    def chain(a, b, outs):
        matmul_aside(a, b, outs[0])
        join()
        matmul(outs[0], b, out=outs[1])

    with on("fake") as place:
        graph, outs, kept = capture_chain(place, chain)
        graph.launch()
        np.testing.assert_allclose(place.get(outs[1]), A @ B @ B, rtol=1e-12)
        del kept


@with_fake
def test_a_failure_in_the_block_leaves_no_fork_behind():
    with on("fake") as place:
        with pytest.raises(ZeroDivisionError), use_fork(Fork(gpu_module())):
            raise ZeroDivisionError
        out = place.put(np.zeros((4, 4)))
        matmul_aside(place.put(A), place.put(B), out)
        np.testing.assert_allclose(place.get(out), A @ B, rtol=1e-13)
