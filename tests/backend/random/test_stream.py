"""npae.backend.random, streams: their distributions and independence, and what a number depends on."""

import copy
import math
import pickle
from contextlib import nullcontext

import numpy as np
import pytest

from npae.backend import Arena, Stream, draws_in_step, gpu_module, images, is_channels_last, pixels
from tests.devices import each_device, each_gpu, on
from tests.fake_gpu.fake_cupy import fake_cupy

N = 200_000
KINDS = ["uniform", "normal"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def sample(place, kind, shape=(400, 500), dtype=np.float64, seed=(1, 2), step=None, stream=None):
    stream = stream or Stream(list(seed))
    with nullcontext() if step is None else draws_in_step(step):
        return place.get(getattr(stream, kind)(place.put(np.empty(shape, dtype))))


def normal_cdf(x):
    return np.array([math.erfc(-a / math.sqrt(2)) / 2 for a in x])


def within(value, expected, variance, n=N):
    """Is the mean of n draws of this variance where it should be, to five standard errors?"""
    return abs(value - expected) < 5 * math.sqrt(variance / n)


def uncorrelated(a, b):
    """Two samples of U[0, 1): their correlation, and χ² of the 256 cells of the pairs' square."""
    a, b = a.reshape(-1), b.reshape(-1)
    cells = np.bincount((16 * a).astype(int) * 16 + (16 * b).astype(int), minlength=256)
    chi2 = ((cells - len(a) / 256) ** 2 / (len(a) / 256)).sum()
    # χ² with 255 degrees of freedom has mean 255 and variance 510; 5 standard deviations on either side
    return within((12 * (a - 0.5) * (b - 0.5)).mean(), 0, 1, len(a)) and abs(chi2 - 255) < 5 * math.sqrt(510)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_uniform_and_normal(device, dtype):
    with on(device) as place:
        for kind, cdf, points in [
            ("uniform", lambda u: u, np.linspace(0.001, 0.999, 41)),
            ("normal", normal_cdf, np.linspace(-3.5, 3.5, 41)),
        ]:
            x = sample(place, kind, dtype=dtype)
            assert x.dtype == dtype and x.shape == (400, 500)
            below = np.searchsorted(np.sort(x.reshape(-1)), points) / N
            # Kolmogorov & Smirnov: P(√N sup|F_N − F| > 2.2) is about 10⁻⁴
            assert abs(below - cdf(points)).max() < 2.2 / math.sqrt(N)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_have_the_moments_of_their_distributions(device, dtype):
    with on(device) as place:
        u, eps = (sample(place, kind, dtype=dtype).astype(np.float64) for kind in KINDS)
    assert u.min() >= 0 and u.max() < 1
    for power in (1, 2, 3, 4):
        assert within((u**power).mean(), 1 / (power + 1), 1 / (2 * power + 1) - 1 / (power + 1) ** 2)
    for power, moment, square in [(1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)]:
        assert within((eps**power).mean(), moment, square - moment**2)


@each_device
def test_normal_numbers_are_independent_also_within_a_pair(device):
    with on(device) as place:
        eps = sample(place, "normal", (N,))
    for lag in (1, 2, N // 2, N // 2 - 1):
        a, b = eps[:-lag], eps[lag:]
        assert within((a * b).mean(), 0, 1, len(a))
        assert within((a**2 * b**2).mean(), 1, 8, len(a))  # a pair shares one r, which must not show
    assert len(np.unique(eps)) == N


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_draws_steps_epochs_and_streams_are_independent(device, dtype):
    with on(device) as place:
        stream = Stream([1, 2])
        u = sample(place, "uniform", dtype=dtype, stream=stream, step=0)
        for lag in (1, 2, 3, 4, 8, 500):
            assert uncorrelated(u.reshape(-1)[:-lag], u.reshape(-1)[lag:])
        assert uncorrelated(u, sample(place, "uniform", dtype=dtype, stream=stream, step=1))
        assert uncorrelated(u, sample(place, "uniform", dtype=dtype, stream=stream))  # outside of steps
        assert uncorrelated(u, sample(place, "uniform", dtype=dtype, stream=Stream([1, 3]), step=0))
        with draws_in_step(0):
            sample(place, "uniform", dtype=dtype, stream=stream)
            assert uncorrelated(u, sample(place, "uniform", dtype=dtype, stream=stream))


@each_device
@each_kind
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 5), (0, 4), (2, 0)])
def test_any_shape_even_or_odd(device, kind, shape):
    with on(device) as place:
        x = sample(place, kind, shape)
        assert x.shape == shape and np.isfinite(x).all() and len(np.unique(x)) == x.size


@each_gpu
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", [None, 0, 5])
@pytest.mark.parametrize("shape", [(7,), (128, 33), (0, 3)])
def test_one_seed_gives_the_same_numbers_on_every_device(device, shape, step, dtype):
    """Uniform numbers to the bit, normal ones up to the rounding of ln, √, cos and sin."""
    with on("cpu") as here, on(device) as place:
        uniform, normal = ([sample(p, kind, shape, dtype, step=step) for p in (here, place)] for kind in KINDS)
    np.testing.assert_array_equal(*uniform)
    np.testing.assert_allclose(*normal, rtol=0, atol=32 * np.finfo(dtype).eps)


@each_device
def test_a_uniform_number_does_not_depend_on_the_shape(device):
    with on(device) as place:
        large = sample(place, "uniform", (40, 50)).reshape(-1)
        for shape in [(1,), (13,), (7, 9), (2, 3, 4, 5)]:
            np.testing.assert_array_equal(sample(place, "uniform", shape).reshape(-1), large[: math.prod(shape)])


@each_device
@each_kind
def test_a_step_can_be_repeated_by_itself(device, kind):
    def draws(stream, place):
        return [sample(place, kind, (5,), stream=stream).tolist() for _ in range(2)]

    with on(device) as place:
        stream, seen = Stream(3), []
        for step in (0, 1, 2):
            with draws_in_step(step) as drawing:
                seen.append(draws(stream, place))
            assert drawing.streams == (stream,)
        outside = draws(stream, place)
        assert len({x for pair in [*seen, outside] for draw in pair for x in draw}) == 40  # all differ
        assert draws(stream, place) != outside  # outside of steps the count goes on
        other = Stream(3)
        with draws_in_step(1):
            assert draws(other, place) == seen[1]
        assert draws(other, place) == outside


@each_device
@each_kind
def test_a_reseeded_stream_starts_again(device, kind):
    with on(device) as place:
        stream = Stream([0, 1])
        first, second = (sample(place, kind, (5,), stream=stream) for _ in range(2))
        assert (first != second).all()
        for seed, same in [([0, 1], True), ([0, 2], False), ([0, 1], True)]:
            stream.reseed(seed)
            np.testing.assert_array_equal((sample(place, kind, (5,), stream=stream) == first).all(), same)
        with draws_in_step(0):
            inside = sample(place, kind, (5,), stream=stream)
            stream.reseed([0, 1])
            np.testing.assert_array_equal(sample(place, kind, (5,), stream=stream), inside)


@each_device
def test_an_integer_is_a_seed_as_good_as_a_list(device):
    with on(device) as place:
        np.testing.assert_array_equal(
            sample(place, "uniform", (5,), stream=Stream(4)), sample(place, "uniform", (5,), stream=Stream([4]))
        )


@each_device
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_goes_on_where_the_original_is_and_is_independent_of_it(device, duplicate):
    with on(device) as place:
        stream, control = Stream(1), Stream(1)
        for one in (stream, control):
            sample(place, "normal", (5,), stream=one)
        other = duplicate(stream)
        other_first = sample(place, "normal", (5,), stream=other)
        other.reseed(2)
        np.testing.assert_array_equal(sample(place, "normal", (5,), stream=stream), other_first)
        sample(place, "normal", (5,), stream=control)
        np.testing.assert_array_equal(
            sample(place, "normal", (5,), stream=stream), sample(place, "normal", (5,), stream=control)
        )


@each_gpu
def test_a_key_stays_at_its_address(device):
    """A captured step reads the key from there."""
    with on(device) as place:
        stream = Stream(1)
        sample(place, "uniform", stream=stream)
        cells = stream._cells
        stream.reseed(2)
        assert stream._cells is cells
        np.testing.assert_array_equal(place.get(cells), [*Stream(2)._key.view(np.int64).tolist(), 0])


@each_gpu
@each_kind
def test_a_captured_draw_follows_the_step_and_the_seed(device, kind):
    with on(device) as place:
        xp = gpu_module()
        streams, x = (Stream(1), Stream(2)), place.put(np.empty((5, 3), np.float32))
        for stream in streams:
            sample(place, kind, stream=stream)  # compiles, and makes the streams' arrays
        cell, pool = place.put(np.array([0])), xp.cuda.MemoryPool()
        with xp.cuda.Stream(non_blocking=True) as queue, xp.cuda.using_allocator(pool.malloc):
            queue.begin_capture()
            with draws_in_step(cell) as drawing:
                out = [getattr(stream, kind)(x) for stream in (*streams, streams[0])]
            graph = queue.end_capture()
        assert drawing.streams == streams
        for seed, step in [(1, 0), (1, 1), (3, 1), (1, 0)]:
            for stream, one in zip(streams, (seed, 2), strict=True):
                stream.reseed(one)
            cell[...] = step
            graph.launch()
            xp.cuda.get_current_stream().synchronize()
            drawn = [place.get(o).copy() for o in out]
            with draws_in_step(step):
                ordinary = [place.get(getattr(stream, kind)(x)) for stream in (*streams, streams[0])]
            np.testing.assert_array_equal(drawn, ordinary)
            assert len(np.unique(drawn)) == 45


@each_gpu
@each_kind
def test_a_draw_is_one_launch_and_one_array(device, kind):
    with on(device) as place:
        stream, x = Stream(1), place.put(np.empty((64, 31), np.float32))
        getattr(stream, kind)(x)
        if place.is_fake:
            with fake_cupy.count() as counted:
                getattr(stream, kind)(x)
            assert (counted.kernels, counted.syncs, counted.uploads) == (1, 0, 0)
        arena = Arena()
        with arena.frame(1):
            getattr(stream, kind)(x)
        assert arena.nbytes == x.nbytes


@each_device
@each_kind
def test_numbers_are_drawn_into_the_arrays_of_the_step_without_waiting(device, kind):
    with on(device) as place:
        stream, like, arena = Stream(1), place.put(np.empty((5, 4), np.float32)), Arena()
        drawn, held = [], []
        for step in range(3):
            with arena.frame(5), place.no_waiting(), draws_in_step(step):
                x = getattr(stream, kind)(like)
            drawn.append(place.get(x).copy())
            held.append(arena.nbytes)
        assert held == [80] * 3 and not (drawn[1] == drawn[2]).any()


@each_device
@each_kind
def test_numbers_for_images_have_the_order_in_memory_of_the_images(kind, device):
    """A formula of both then passes over contiguous memory."""
    with on(device) as place:
        x = images(place.put(np.empty((3, 5, 6, 4))))
        drawn = getattr(Stream([1]), kind)(x)
        assert drawn.shape == x.shape and is_channels_last(drawn)
        same = getattr(Stream([1]), kind)(pixels(x))
        np.testing.assert_array_equal(place.get(pixels(drawn)), place.get(same))
