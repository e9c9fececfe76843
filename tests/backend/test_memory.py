"""The arena: the k-th request of a step gets the array of the k-th request of the step before, and only that."""

import threading
import weakref

import numpy as np
import pytest

from npae.backend import Arena, aligned, empty, ones
from npae.backend.memory import LARGE, LINE, PAGE
from npae.models import dense_autoencoder
from npae.optim import Adam
from tests.devices import each_device, on

LIKE = np.zeros(1, np.float32)


def requests(like=LIKE):
    return [empty((2, 3), like), empty((2, 3), like), empty((4,), like, np.uint8)]


def test_a_step_gets_the_arrays_of_the_step_before():
    arena = Arena()
    with arena.frame(32):
        first = requests()
    with arena.frame(32):
        second = requests()
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert first[0] is not first[1], "two requests of one step share memory"
    assert arena.nbytes == 24 + 24 + 4


def test_batch_sizes_are_kept_apart_and_at_most_four():
    arena = Arena()
    for key in range(10):
        with arena.frame(key):
            requests()
    assert arena.nbytes == 4 * 52


def test_a_request_of_another_shape_or_dtype_gets_a_new_array():
    arena = Arena()
    with arena.frame(1):
        a = empty((2,), LIKE)
    for shape, dtype in (((3,), np.float32), ((3,), np.float64)):
        with arena.frame(1):
            b = empty(shape, LIKE, dtype)
        assert b.shape == shape and b.dtype == dtype and b is not a


def test_outside_of_a_frame_arrays_are_the_callers_own():
    arena = Arena()
    with arena.frame(1):
        inside = empty((2,), LIKE)
    assert empty((2,), LIKE) is not inside and empty((2,), LIKE) is not empty((2,), LIKE)


def test_frames_nest_and_close_after_errors():
    outer, inner = Arena(), Arena()
    with outer.frame(1):
        a = empty((2,), LIKE)
        with pytest.raises(ZeroDivisionError), inner.frame(1):
            empty((2,), LIKE)
            raise ZeroDivisionError
        b = empty((2,), LIKE)
    with outer.frame(1):
        assert empty((2,), LIKE) is a and empty((2,), LIKE) is b


def test_a_frame_belongs_to_its_thread():
    arena, other = Arena(), []
    with arena.frame(1):
        mine = empty((2,), LIKE)
        thread = threading.Thread(target=lambda: other.append(empty((2,), LIKE)))
        thread.start()
        thread.join()
    assert other[0] is not mine and arena.nbytes == 8


@each_device
def test_arrays_are_on_the_device_of_their_model(device):
    arena = Arena()
    with on(device) as place:
        like = place.put(LIKE)
        for _ in range(2):
            with arena.frame(1):
                a = empty((2, 2), like)
        assert type(a) is type(like) and a.dtype == np.float32


def test_the_arrays_of_a_step_begin_at_a_cache_line():
    model, optimizer, arena = dense_autoencoder([20, 7]), Adam(), Arena()
    optimizer.step(model.theta)
    with arena.frame(1):
        arrays = [empty((3, 5), LIKE), empty((7,), LIKE, np.uint8), aligned((2, 3), "float64", 1.5)]
    arrays += [model.theta.value, model.theta.grad, *optimizer.state.values()]
    assert [a.ctypes.data % LINE for a in arrays] == [0] * len(arrays)
    assert (arrays[2] == 1.5).all() and arrays[0].shape == (3, 5) and aligned((0, 4), "float32").shape == (0, 4)


def test_large_arrays_begin_at_different_places_within_their_pages():
    arrays = [aligned((40 * 2**20,), np.uint8) for _ in range(8)]  # whole pages; memory that is not touched costs none
    places = [array.ctypes.data % PAGE for array in arrays]
    assert len(set(places)) == 8 and not any(place % LINE for place in places)
    assert arrays[0].nbytes > LARGE and arrays[0].base.nbytes < arrays[0].nbytes + PAGE + LINE



@each_device
def test_ones_are_kept_as_long_as_their_frame(device):
    arena = Arena(max_frames=1)
    with on(device) as place:
        like = place.put(LIKE)
        with arena.frame(1):
            a, more, double = ones(3, like), ones(4, like), ones(3, place.put(np.zeros(1)))
            assert place.get(a).tolist() == [1, 1, 1] and a.dtype == np.float32 and double.dtype == np.float64
        with arena.frame(1):
            assert ones(3, like) is a and ones(4, like) is more
        kept = weakref.ref(more)
        del more
        with arena.frame(2):
            assert kept() is None, "vectors of ones of a forgotten frame are kept for ever"
        assert ones(3, like) is not ones(3, like), "outside of a frame an array is the caller's own"
