"""npae.backend.random: uniform and normal numbers have their distributions and are independent."""

import math

import numpy as np
import pytest

from npae.backend import Arena, generator, images, is_channels_last, pixels
from npae.backend import random as noise
from tests.devices import each_device, on

N = 200_000


def sample(place, draw, shape=(400, 500), dtype=np.float64, seed=(1, 2)):
    return place.get(draw(generator(list(seed), place.name), place.put(np.empty(shape, dtype))))


def normal_cdf(x):
    return np.array([math.erfc(-a / math.sqrt(2)) / 2 for a in x])


def within(value, expected, variance, n=N):
    """Is the mean of n draws of this variance where it should be, to five standard errors?"""
    return abs(value - expected) < 5 * math.sqrt(variance / n)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_uniform_and_normal(device, dtype):
    with on(device) as place:
        for draw, cdf, points in [
            (noise.uniform, lambda u: u, np.linspace(0.001, 0.999, 41)),
            (noise.normal, normal_cdf, np.linspace(-3.5, 3.5, 41)),
        ]:
            x = sample(place, draw, dtype=dtype)
            assert x.dtype == dtype and x.shape == (400, 500)
            below = np.searchsorted(np.sort(x.reshape(-1)), points) / N
            # Kolmogorov & Smirnov: P(√N sup|F_N − F| > 2.2) is about 10⁻⁴
            assert abs(below - cdf(points)).max() < 2.2 / math.sqrt(N)


@each_device
def test_normal_numbers_have_the_moments_of_the_standard_normal(device):
    with on(device) as place:
        eps = sample(place, noise.normal)
    for power, moment, square in [(1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)]:
        assert within((eps**power).mean(), moment, square - moment**2)


@each_device
def test_normal_numbers_are_independent_also_within_a_pair(device):
    with on(device) as place:
        eps = sample(place, noise.normal, (N,))
    for lag in (1, 2, N // 2, N // 2 - 1):
        a, b = eps[:-lag], eps[lag:]
        assert within((a * b).mean(), 0, 1, len(a))
        assert within((a**2 * b**2).mean(), 1, 8, len(a))  # a pair shares one r, which must not show
    assert len(np.unique(eps)) == N


@each_device
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 5), (0, 4), (2, 0)])
def test_any_shape_even_or_odd(device, shape):
    with on(device) as place:
        for draw in (noise.uniform, noise.normal):
            x = sample(place, draw, shape)
            assert x.shape == shape and np.isfinite(x).all() and len(np.unique(x)) == x.size


def test_the_ends_of_the_interval_are_finite():
    class Ends:
        def random(self, size, dtype, out):
            out[...] = np.resize(np.array([0, 1 - 2.0**-24], dtype), size)
            return out

    eps = noise.normal(Ends(), np.empty((2, 40), np.float32))
    assert np.isfinite(eps).all() and 5.7 < abs(eps).max() < 5.8


@pytest.mark.parametrize("draw", [noise.uniform, noise.normal])
def test_the_size_is_passed_since_cupy_would_draw_one_number_for_all(draw):
    class AsInCuPy:
        def random(self, size=None, dtype=np.float64, out=None):
            out[...] = np.random.default_rng(0).random(size if size is not None else (), dtype)
            return out

    assert len(np.unique(draw(AsInCuPy(), np.empty((5, 4))))) == 20


@each_device
@pytest.mark.parametrize("draw", [noise.uniform, noise.normal])
def test_numbers_are_drawn_into_the_arrays_of_the_step_without_waiting(device, draw):
    with on(device) as place:
        rng, like, arena = generator(1, place.name), place.put(np.empty((5, 4), np.float32)), Arena()
        drawn, held = [], []
        for _ in range(3):
            with arena.frame(5), place.no_waiting():
                x = draw(rng, like)
            drawn.append(place.get(x).copy())
            held.append(arena.nbytes)
        assert held == [80] * 3 and not (drawn[1] == drawn[2]).any()


@each_device
@pytest.mark.parametrize("draw", [noise.uniform, noise.normal])
def test_numbers_for_images_have_the_order_in_memory_of_the_images(draw, device):
    """A formula of both then passes over contiguous memory."""
    with on(device) as place:
        x = images(place.put(np.empty((3, 5, 6, 4))))
        drawn = draw(generator([1], place.name), x)
        assert drawn.shape == x.shape and is_channels_last(drawn)
        same = draw(generator([1], place.name), pixels(x))
        np.testing.assert_array_equal(place.get(pixels(drawn)), place.get(same))
