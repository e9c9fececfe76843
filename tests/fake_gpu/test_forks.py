"""Captures across two streams: fork, join, the orders of a launch, and CUDA's errors, also on a real GPU."""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.fake_gpu import capture
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.fake_gpu.streams import critical_path, n_operations

each_order = pytest.mark.parametrize("order", capture.ORDERS)


@contextmanager
def capturing(cp):
    """Capture on the first of two streams. Yields both and a list, to which the Graph (and the pool) are added."""
    first, second = (cp.cuda.Stream(non_blocking=True) for _ in range(2))
    pool, graph = cp.cuda.MemoryPool(), []
    with first, cp.cuda.using_allocator(pool.malloc):
        first.begin_capture()
        yield first, second, graph
        graph += [first.end_capture(), pool]


def forked(cp, x, y, wait_for_y=True):
    """x ← x + 1; then y ← 10 x beside x ← 2 x (into a copy); then x ← x + y, after the join if wait_for_y."""
    with capturing(cp) as (first, second, graph):
        x += 1
        z = x.copy()
        second.wait_event(first.record())
        with second:
            cp.multiply(x, 10, out=y)
        done = second.record()
        z *= 2
        if wait_for_y:
            first.wait_event(done)
        cp.add(z, y, out=z)
        first.wait_event(done)
        x += z
    return graph


@each_order
def test_a_joined_fork_computes_the_same_in_every_order(cp, order):
    x, y = cp.ones(3, "f"), cp.zeros(3, "f")
    graph = forked(cp, x, y)
    np.testing.assert_array_equal(cp.asnumpy(x), 1)
    with capture.order(order):
        graph[0].launch()
        np.testing.assert_array_equal(cp.asnumpy(x), 2 + 2 * 2 + 20)
        graph[0].launch()
    np.testing.assert_array_equal(cp.asnumpy(x), 27 * (1 + 2 + 10))


def test_a_missing_join_shows_in_the_numbers_of_one_order():
    results = {}
    for order in capture.ORDERS:
        x, y = fake_cupy.ones(3, "f"), fake_cupy.zeros(3, "f")
        graph = forked(fake_cupy, x, y, wait_for_y=False)
        with capture.order(order):
            graph[0].launch()
        results[order] = float(x[0])
    assert results == {"early": 26.0, "late": 6.0}


def test_memory_that_is_overwritten_too_early_shows_in_the_numbers_of_one_order():
    results = {}
    for order in capture.ORDERS:
        x, y = fake_cupy.ones(3, "f"), fake_cupy.zeros(3, "f")
        with capturing(fake_cupy) as (first, second, graph):
            second.wait_event(first.record())
            with second:
                fake_cupy.multiply(x, 10, out=y)
            x += 1  # the second stream may not have read x yet
            first.wait_event(second.record())
        with capture.order(order):
            graph[0].launch()
        results[order] = float(y[0])
    assert results == {"early": 10.0, "late": 20.0}


def test_operations_and_the_longest_path_are_counted():
    x, y = fake_cupy.ones(3, "f"), fake_cupy.zeros(3, "f")
    graph = forked(fake_cupy, x, y)[0]
    assert n_operations(graph) == 6
    assert critical_path(graph) == 5  # y ← 10 x is beside x ← 2 x
    dot = graph.debug_dot_str()
    assert dot.count('"[style') == 6 and dot.count("->") == 7


def test_streams_are_free_after_the_capture_and_events_are_not(cp):
    with capturing(cp) as (first, second, graph):
        second.wait_event(first.record())
        assert second.is_capturing()
        event = second.record()
        first.wait_event(event)
    assert not first.is_capturing() and not second.is_capturing()
    with pytest.raises(RuntimeError, match="CapturedEvent"):
        event.synchronize()
    event.record(second)  # outside of a capture
    event.synchronize()


@pytest.mark.parametrize("work", [True, False], ids=["with an operation", "empty"])
def test_a_fork_must_be_joined(work):
    x = fake_cupy.ones(3, "f")
    with (
        pytest.raises(RuntimeError, match="StreamCaptureUnjoined"),
        capturing(fake_cupy) as (first, second, _),
    ):
        second.wait_event(first.record())
        if work:
            with second:
                x += 1
    assert not first.is_capturing() and not second.is_capturing() and capture.current() is None


def test_what_is_recorded_after_the_join_must_be_joined_again(cp):
    x = cp.ones(3, "f")
    with pytest.raises(RuntimeError, match="StreamCaptureUnjoined"), capturing(cp) as (first, second, _):
        second.wait_event(first.record())
        first.wait_event(second.record())
        with second:
            x += 1


def test_only_the_first_stream_ends_the_capture():
    """That the capture is invalid afterwards is a rule of the double; CUDA's documentation leaves it open."""
    with pytest.raises(RuntimeError, match="StreamCaptureInvalidated"), capturing(fake_cupy) as (first, second, _):
        second.wait_event(first.record())
        with pytest.raises(RuntimeError, match="StreamCaptureUnmatched"):
            second.end_capture()


def test_an_event_outside_of_the_capture_is_refused(cp):
    outside = cp.cuda.Stream(non_blocking=True).record()
    with pytest.raises(RuntimeError, match="StreamCaptureInvalidated"), capturing(cp) as (first, *_):
        with pytest.raises(RuntimeError, match="StreamCaptureIsolation"):
            first.wait_event(outside)


def test_two_captures_do_not_merge(cp):
    other = cp.cuda.Stream(non_blocking=True)
    other.begin_capture()
    with pytest.raises(RuntimeError, match="StreamCaptureInvalidated"), capturing(cp) as (first, *_):
        with pytest.raises(RuntimeError, match="StreamCaptureMerge"):
            other.wait_event(first.record())
    with pytest.raises(RuntimeError, match="StreamCaptureInvalidated"):
        other.end_capture()


def test_the_null_stream_cannot_be_forked_to(cp):
    with pytest.raises(RuntimeError, match="StreamCaptureInvalidated"), capturing(cp) as (first, *_):
        with pytest.raises(RuntimeError, match="StreamCaptureImplicit"):
            cp.cuda.Stream.null.wait_event(first.record())


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="expected one of .*'late', 'early'.* got 'random'"), capture.order("random"):
        pass


@pytest.mark.parametrize("kept", [True, False], ids=["kept until the join", "freed before"])
def test_memory_that_is_freed_before_the_join_is_written_over(kept):
    """By the next array of the first stream: the second stream must not read it any more. CuPy's pools do the same."""
    results = []
    for order in capture.ORDERS:
        x, y, held = fake_cupy.ones(3, "f"), fake_cupy.zeros(3, "f"), []
        with capturing(fake_cupy) as (first, second, graph):
            z = x + 1
            second.wait_event(first.record())
            with second:
                fake_cupy.multiply(z, 10, out=y)
            held += [z] if kept else []
            del z
            x *= 5  # an array of its own for 5 would not matter
            z = x + 2
            x += z
            first.wait_event(second.record())
        with capture.order(order):
            graph[0].launch()
        results.append((float(x[0]), float(y[0])))
    assert results == [(12, 20 if kept else 70), (12, 20)]


def test_memory_is_used_again_on_its_own_stream_only():
    with capturing(fake_cupy) as (first, second, graph):
        addresses = []
        for _ in range(2):
            addresses.append(fake_cupy.zeros(3, "f").data.ptr)
        second.wait_event(first.record())
        with second:
            addresses.append(fake_cupy.zeros(3, "f").data.ptr)
        first.wait_event(second.record())
        addresses.append(fake_cupy.zeros(128, "f").data.ptr)  # 512 bytes, as one of 12
        addresses.append(fake_cupy.zeros(129, "f").data.ptr)
    assert addresses[0] == addresses[1] == addresses[3]
    assert len(set(addresses)) == 3
