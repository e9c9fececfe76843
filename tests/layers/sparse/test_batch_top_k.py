"""Batch top-k: the contract, which numbers are kept, the running threshold, frozen layers, errors."""

import copy

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import BatchTopK, CenteredDense, Layer, Sequential, UnitDense
from npae.models import frozen
from tests.contract import check_layer, inputs
from tests.devices import each_device, on


def layer_of(k, momentum=0.01, dtype=np.float64):
    return BatchTopK(k, momentum).initialize(dtype=dtype)


@each_device
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_contract(k, training, device):
    check_layer(lambda: BatchTopK(k), (4, 9), device, training)


def largest(x, count):
    """x where it is positive and among the `count` largest numbers, one number at a time."""
    y = np.zeros_like(x)
    for place in sorted(np.ndindex(x.shape), key=lambda place: -x[place])[:count]:
        y[place] = max(x[place], 0)
    return y


@each_device
@pytest.mark.parametrize("shape", [(5, 7), (3, 600), (300, 40)], ids=str)
@pytest.mark.parametrize("k", [1, 2, 6])
def test_the_largest_numbers_of_the_batch_are_kept(k, shape, device):
    x, dy = inputs(shape, 2), inputs(shape, 3)
    expected = largest(x, k * shape[0])
    with on(device) as place:
        layer = layer_of(k).to(place.name)
        y, cache = layer.forward(place.put(x), training=True)
        y, dx = place.get(y), place.get(layer.backward(place.put(dy), cache))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, np.where(expected > 0, dy, 0))
    assert (y != 0).sum() == min(k * shape[0], (x > 0).sum())


def test_a_sample_may_have_more_than_k():
    y, _ = layer_of(1).forward(np.array([[5.0, 4, 1], [3, 2, 0]]), training=True)
    np.testing.assert_array_equal(y, [[5, 4, 0], [0, 0, 0]])


def test_numbers_that_are_not_positive_are_never_kept():
    layer = layer_of(2)
    y, mask = layer.forward(np.array([[-1.0, 2, -3], [-4, 0, -5]]), training=True)
    np.testing.assert_array_equal(y, [[0, 2, 0], [0, 0, 0]])
    np.testing.assert_array_equal(mask, [[0, 1, 0], [0, 0, 0]])
    assert layer.threshold.value[0] == 0


@each_device
def test_the_threshold_is_the_mean_at_first_and_moves_by_the_momentum_later(device):
    with on(device) as place:
        layer, mean = layer_of(1, momentum=0.25).to(place.name), 0.0
        for n, t in enumerate([3.0, 5.0, 1.0, 9.0, 2.0, 7.0], start=1):
            layer.forward(place.put(np.array([[t, 0.5], [t + 1, 0.1]])), training=True)
            mean += max(0.25, 1 / n) * (t - mean)
            np.testing.assert_allclose(place.get(layer.threshold.value), [mean], rtol=1e-14)
        assert float(layer.batches.value[0]) == 4


def test_inference_keeps_what_reaches_the_threshold_whatever_else_is_in_the_batch():
    layer = layer_of(1)
    layer.threshold.value[...] = 1.5
    x = np.array([[1.4, 1.5, 9.0], [-2.0, 0.0, 1.6]])
    np.testing.assert_array_equal(layer(x), [[0, 1.5, 9], [0, 0, 1.6]])
    np.testing.assert_array_equal(np.concatenate([layer(row[None]) for row in x]), layer(x))
    assert layer.batches.value[0] == 0, "inference changes the statistics"


def test_about_k_units_are_kept_at_inference():
    rng, layer = np.random.default_rng(0), layer_of(8)
    for _ in range(30):
        layer.forward(rng.standard_normal((64, 100)), training=True)
    assert abs((layer(rng.standard_normal((2000, 100))) != 0).sum(axis=1).mean() - 8) < 0.2


def test_a_frozen_layer_keeps_its_threshold():
    network = Sequential(CenteredDense(UnitDense(9, 4)), BatchTopK(2)).initialize(dtype=np.float64)
    with frozen(network):
        network.forward(inputs((5, 4)), training=True)
    assert network[1].batches.value[0] == 0
    network.forward(inputs((5, 4)), training=True)
    assert network[1].batches.value[0] == 1 and network[1].threshold.value[0] > 0


def test_a_copy_has_statistics_of_its_own():
    layer = layer_of(2)
    twin = copy.deepcopy(layer)
    twin.forward(inputs((5, 4)), training=True)
    assert layer.batches.value[0] == 0 < twin.batches.value[0]


def test_a_backward_without_the_mask_is_found():
    class Through(BatchTopK):
        def backward(self, dy, mask, needs_dx=True):
            return dy

    del Layer.registry["Through"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(Through(2).initialize(dtype=np.float64), inputs((4, 7)), training=True)


@pytest.mark.parametrize(("k", "momentum"), [(0, 0.1), (-3, 0.1), (2, 0), (2, 1.5), (2, float("nan"))])
def test_impossible_arguments(k, momentum):
    with pytest.raises(ValueError, match="(k|momentum) of BatchTopK: expected .*, got"):
        BatchTopK(k, momentum)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("shape", "fix"), [((2, 7), "Take a smaller k"), ((2, 3, 4), "Flatten"), ((2, 1, 8, 8), "Flatten")]
)
def test_impossible_inputs(shape, fix, training):
    with pytest.raises(ValueError, match=rf"expected x of shape \(batch, n\), with n at least 8, got \(2, .*{fix}"):
        layer_of(8).forward(np.ones(shape), training)
