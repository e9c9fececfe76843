"""Sequential: the contract for stacks and nested stacks, and its errors."""

import numpy as np
import pytest

from npae.layers import (
    ELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    TopK,
    Upsample2D,
)
from tests.contract import check_layer
from tests.devices import each_device, on


def nested():
    return Sequential(Flatten(), Sequential(Dense(6, 5), Tanh()), Dense(5, 4), Sigmoid(), Sequential(Dense(4, 2)))


@each_device
def test_contract(device):
    check_layer(nested, (4, 2, 3), device)
    check_layer(lambda: Sequential(Dense(3, 8), ReLU(), Dense(8, 3)), (5, 3), device)


@each_device
def test_contract_of_the_empty_sequence(device):
    check_layer(Sequential, (4, 3), device)


@each_device
@pytest.mark.parametrize("activation", [Identity, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SiLU, Softplus])
def test_a_bias_added_in_the_sweep_of_the_activation_changes_nothing(device, activation):
    x, dy = np.random.default_rng(0).standard_normal((2, 5, 4)).astype(np.float32)
    with on(device) as place:
        dense, phi = Dense(4, 4), activation()
        network = Sequential(dense, phi).initialize(seed=1, device=place.name)
        dense.b.value[...] = place.put(np.array([-1, -0.1, 0.3, 2], np.float32))
        x, dy = place.put(x), place.put(dy)
        h, caches = network.forward(x)
        a, dense_cache = dense.forward(x)
        h_apart, phi_cache = phi.forward(a)
        np.testing.assert_array_equal(place.get(h), place.get(h_apart))
        dx = network.backward(dy, caches)
        dx_apart = dense.backward(phi.backward(dy, phi_cache), dense_cache)
        np.testing.assert_array_equal(place.get(dx), place.get(dx_apart))


def test_names_are_stable_paths():
    assert [name for name, _ in nested().named_parameters()] == ["1.0.W", "1.0.b", "2.W", "2.b", "4.0.W", "4.0.b"]


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


def test_nobody_computes_dx_below_the_first_layer_that_learns():
    network = Sequential(Flatten(), Tanh(), Dense(4, 2)).initialize(dtype="float64")
    y, caches = network.forward(np.ones((3, 2, 2)))
    asked = []
    dense_backward = network[2].backward
    network[2].backward = lambda dy, x, needs_dx=True: asked.append(needs_dx) or dense_backward(dy, x, needs_dx)
    network.backward(y, caches, needs_dx=False)
    assert asked == [False]


@pytest.mark.parametrize(
    ("between", "initializer"),
    [
        ((MaxPool2D(2),), "he_uniform"),
        ((AveragePool2D(2), Dropout(0.1)), "he_uniform"),
        ((Sequential(Upsample2D(2), Flatten()), Sequential()), "he_uniform"),
        ((Sequential(MaxPool2D(2), Tanh()),), "glorot_uniform"),
        ((BatchNorm(3),), "glorot_uniform"),  # it sets the scale itself, whatever the weights are
        ((TopK(2),), "glorot_uniform"),
        ((Conv2D(3, 3, 1),), "glorot_uniform"),
    ],
    ids=str,
)
def test_a_rectifier_is_seen_through_what_only_moves_or_chooses_numbers(between, initializer):
    conv, nested = Conv2D(1, 3, 3), Conv2D(1, 3, 3)
    Sequential(conv, *between, ReLU())
    Sequential(Sequential(nested, *between), ReLU())
    assert [layer.config()["initializer"] for layer in (conv, nested)] == [initializer] * 2


def test_a_rectifier_behind_reshape_is_that_of_the_dense_layer():
    dense = Dense(2, 12)
    Sequential(dense, Reshape((3, 2, 2)), ReLU(), MaxPool2D(2), Tanh())
    assert dense.config()["initializer"] == "he_uniform"
