"""Clipping by the global norm: length, direction, NaN, on each device."""

import numpy as np
import pytest

from npae.optim import clip_by_global_norm
from tests.devices import each_device, on


@each_device
def test_long_gradients_are_shortened_and_short_ones_left_alone(device):
    with on(device) as place:
        for g, expected in (([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4]), ([0.0, 0.0], [0.0, 0.0])):
            vector = place.put(np.array(g))
            with place.no_waiting():
                norm = clip_by_global_norm(vector, 1.0)
            np.testing.assert_allclose(place.get(vector), expected, rtol=1e-15)
            assert float(norm) == pytest.approx(np.hypot(*g))


def test_nan_is_not_hidden():
    vector = np.array([1.0, np.nan])
    clip_by_global_norm(vector, 1.0)
    assert np.isnan(vector).all()


def test_a_norm_that_overflows_is_not_hidden():
    vector = np.array([1e30, 1], np.float32)
    assert np.isinf(clip_by_global_norm(vector, 1.0))
    assert np.isnan(vector).all()


def test_float32_stays_float32():
    vector = np.array([3, 4], np.float32)
    assert clip_by_global_norm(vector, 1).dtype == np.float32


def test_impossible_norm():
    with pytest.raises(ValueError, match="max_norm of clip_by_global_norm: expected a number above 0, got"):
        clip_by_global_norm(np.ones(2), 0)
