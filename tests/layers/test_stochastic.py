"""Stochastic layers: random numbers are drawn, reseeded, frozen and released, on the device of the input."""

import copy

import numpy as np
import pytest

from npae.layers.base import Layer
from npae.layers.stochastic import Stochastic
from tests.devices import each_device, on


class Halves(Stochastic):
    """A layer that needs half as many numbers as its input has columns."""

    def draw(self, x):
        return self.stream.uniform(x[:, : x.shape[1] // 2].copy())

    def noise_shape(self, x):
        return len(x), x.shape[1] // 2


del Layer.registry["Halves"]  # a layer of these tests alone
X = np.ones((20, 30), np.float32)


@each_device
def test_numbers_go_on_until_the_stream_begins_anew(device):
    with on(device) as place:
        layer, x = Halves(), place.put(X)
        layer.reseed([1, 2])
        first, second = (place.get(layer.next(x)).copy() for _ in range(2))
        assert first.shape == (20, 15) and (first != second).mean() > 0.99
        layer.reseed([1, 2])
        np.testing.assert_array_equal(place.get(layer.next(x)), first)
        layer.reseed([1, 3])
        assert (place.get(layer.next(x)) != first).mean() > 0.99


def test_a_copy_draws_for_itself():
    layer = Halves()
    layer.reseed(4)
    twin = copy.deepcopy(layer)
    first = layer.next(X).copy()
    layer.next(X)
    np.testing.assert_array_equal(twin.next(X), first)


@each_device
def test_frozen_numbers_stay_and_thaw(device):
    with on(device) as place:
        layer, x = Halves(), place.put(X)
        noise = layer.draw(x)
        kept = place.get(noise).copy()
        assert layer.freeze(noise) is layer
        for _ in range(2):
            np.testing.assert_array_equal(place.get(layer.next(x)), kept)
        layer.freeze(None)
        a, b = (place.get(layer.next(x)).copy() for _ in range(2))
        assert (a != kept).any() and (a != b).any()


def test_freezing_takes_nothing_from_the_stream():
    layer = Halves()
    layer.reseed(5)
    first = layer.next(X).copy()
    layer.reseed(5)
    layer.freeze(np.zeros((20, 15), np.float32)).next(X)
    np.testing.assert_array_equal(layer.freeze(None).next(X), first)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frozen_numbers_come_to_where_the_input_is(device, dtype):
    noise = np.random.default_rng(0).random((20, 15))
    with on(device) as place:
        x = place.put(X.astype(dtype))
        found = Halves().freeze(noise).next(x)
        assert type(found) is type(x) and found.dtype == dtype
        np.testing.assert_array_equal(place.get(found), noise.astype(dtype))


def test_frozen_numbers_for_another_input_are_refused():
    layer = Halves().freeze(np.zeros((20, 15)))
    with pytest.raises(ValueError, match=r"the frozen noise's shape \(20, 15\), got \(7, 15\). Freeze other noise, or"):
        layer.next(X[:7])


def test_a_new_one_has_to_say_what_it_draws():
    with pytest.raises(NotImplementedError):
        Stochastic().next(X)
    assert Stochastic().noise_shape(X) == X.shape
