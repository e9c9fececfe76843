"""npae.backend.random, Box–Muller: the formula, and the ends of the interval of u."""

import math

import numpy as np
import pytest

from npae.backend import Stream
from npae.backend.random.box_muller import box_muller, fill_normal
from npae.backend.random.on_numpy import fill_uniform
from npae.backend.random.philox import Draw, key_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs_are_points_of_radius_r_at_an_angle(dtype):
    u, v = np.random.default_rng(0).random((2, 1000)).astype(dtype)
    a, b = box_muller(u, v)
    error = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(np.exp(-(a.astype(float) ** 2 + b.astype(float) ** 2) / 2), 1 - u, atol=error)
    np.testing.assert_allclose(np.arctan2(b, a) % (2 * math.pi), 2 * math.pi * v, atol=error)


def test_the_u_are_one_draw_and_the_v_the_next():
    key, pairs, u, v = key_of(5), np.empty((2, 6)), np.empty(6), np.empty(6)
    fill_normal(key, Draw(3, 4), pairs)
    fill_uniform(key, Draw(3, 4), u)
    fill_uniform(key, Draw(3, 5), v)
    np.testing.assert_array_equal(pairs, box_muller(u, v))


def test_normal_and_uniform_numbers_share_no_draw():
    stream, x = Stream(0), np.empty(6)
    stream.normal(x)
    u = stream.uniform(x)
    fill_uniform(key_of(0), Draw(-1, 2), x)
    np.testing.assert_array_equal(u, x)


def test_the_ends_of_the_interval_are_finite():
    ends = np.array([0, 1 - 2.0**-24], np.float32)
    u, v = np.meshgrid(ends, ends)
    eps = np.array(box_muller(u, v))
    assert np.isfinite(eps).all() and 5.7 < abs(eps).max() < 5.8
