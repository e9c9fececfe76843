"""Sequential: the contract for stacks and nested stacks, and its errors."""

import numpy as np
import pytest

from npae.layers import Dense, Flatten, ReLU, Sequential, Sigmoid, Tanh
from tests.contract import check_layer, inputs
from tests.devices import each_device


def nested():
    inner = Sequential(Dense(6, 5), Tanh())
    return Sequential(Flatten(), inner, Dense(5, 4, "tanh"), Sigmoid(), Sequential(Dense(4, 2)))


@each_device
def test_contract(device):
    check_layer(nested, (4, 2, 3), device)
    check_layer(lambda: Sequential(Dense(3, 8, ReLU), Dense(8, 3)), (5, 3), device)


@each_device
def test_contract_of_the_empty_sequence(device):
    check_layer(Sequential, (4, 3), device)


def test_names_are_stable_paths():
    assert [name for name, _ in nested().named_parameters()] == ["1.0.W", "1.0.b", "2.W", "2.b", "4.0.W", "4.0.b"]


def test_it_is_the_chain_rule():
    """Layer by layer: forward from the first to the last, backward from the last to the first."""
    network, x, dy = nested().initialize(1, "float64"), inputs((4, 2, 3)), inputs((4, 2), 1)
    y, caches = network.forward(x)
    h, apart = x, []
    for layer in network:
        h, cache = layer.forward(h)
        apart.append(cache)
    np.testing.assert_array_equal(y, h)
    with network.theta.fresh_grad():
        dx = network.backward(dy, caches)
    gradient = network.theta.grad.copy()
    with network.theta.fresh_grad():
        for layer, cache in zip(reversed(network.layers), reversed(apart), strict=True):
            dy = layer.backward(dy, cache)
    np.testing.assert_array_equal(dx, dy)
    np.testing.assert_array_equal(gradient, network.theta.grad)


def test_only_the_first_layer_is_spared_dx():
    network = Sequential(Dense(3, 4), Tanh(), Dense(4, 2)).initialize(dtype="float64")
    x = np.ones((2, 3))
    y, caches = network.forward(x)
    assert network.backward(y, caches, needs_dx=False) is None
    without = network.theta.grad.copy()
    network.theta.zero_grad()
    assert network.backward(y, caches).shape == x.shape
    np.testing.assert_array_equal(network.theta.grad, without)


def test_it_is_a_list_of_layers():
    network = nested()
    assert len(network) == 5 and isinstance(network[2], Dense) and list(network) == list(network.layers)


def test_only_layers_are_accepted():
    with pytest.raises(TypeError, match="expected layers"):
        Sequential(Dense(2, 2), np.tanh)


def test_a_layer_may_stand_in_a_sequence_twice():
    shared = Dense(3, 3)
    network = Sequential(shared, Tanh(), shared).initialize(dtype="float64")
    y, caches = network.forward(np.ones((2, 3)))
    assert network.backward(y, caches, needs_dx=False) is None
    assert network.parameter_count == 12


def test_dx_is_not_computed_below_the_first_layer_with_parameters():
    network = Sequential(Flatten(), Tanh(), Dense(4, 2)).initialize(dtype="float64")
    y, caches = network.forward(np.ones((3, 2, 2)))
    asked = []
    dense_backward = network[2].backward
    network[2].backward = lambda dy, cache, needs_dx=True: asked.append(needs_dx) or dense_backward(dy, cache, needs_dx)
    network[1].backward = None  # is not called
    assert network.backward(y, caches, needs_dx=False) is None
    assert asked == [False]


def test_without_parameters_nothing_is_computed():
    network = Sequential(Flatten(), Tanh())
    y, caches = network.forward(np.ones((3, 2, 2)))
    network[0].backward = network[1].backward = None
    assert network.backward(y, caches, needs_dx=False) is None
