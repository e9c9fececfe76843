"""Phases: backward passes through frozen parts return ∂J/∂x and leave the gradients of their parameters alone."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.layers import BatchNorm, Conv2D, Dense, Flatten, LeakyReLU, Reshape, Sequential, Tanh, TiedDense
from npae.models import frozen
from npae.models.phases import Phase
from npae.optim import SGD, Adam, AdamW
from tests.contract import inputs, made
from tests.devices import each_device, on

NETWORKS = {
    "dense": lambda: Sequential(Dense(5, 6, Tanh), Dense(6, 1)),
    "tied": lambda: Sequential(first := Dense(5, 3, LeakyReLU(0.2)), TiedDense(first)),
    "convolution": lambda: Sequential(
        Reshape((1, 5, 1)), Conv2D(1, 2, (3, 1), activation=Tanh), Flatten(), Dense(6, 1)
    ),
    "batch norm": lambda: Sequential(Dense(5, 3), BatchNorm(3), Dense(3, 2)),
}


@each_device
@pytest.mark.parametrize("name", NETWORKS)
def test_a_frozen_layer_passes_the_derivative_on_and_keeps_none(name, device):
    with on(device) as place:
        layer, x = made(NETWORKS[name], np.float64, place.name), place.put(inputs((7, 5)))
        y, cache = layer.forward(x, training=True)
        dy = place.put(inputs(y.shape, 2))
        dx = place.get(layer.backward(dy, cache)).copy()
        before = place.get(layer.theta.grad).copy()
        with frozen(layer):
            np.testing.assert_array_equal(place.get(layer.backward(dy, cache)), dx)
        np.testing.assert_array_equal(place.get(layer.theta.grad), before)
        layer.backward(dy, cache)  # and learns again
        np.testing.assert_allclose(place.get(layer.theta.grad), 2 * before, rtol=1e-12)


@each_device
@pytest.mark.parametrize("name", NETWORKS)
def test_a_fresh_gradient_of_one_part_leaves_that_of_a_frozen_one_alone(name, device):
    """A generator's phase: fresh_grad of its own part, a backward pass through a frozen one."""
    with on(device) as place:
        layer, x = made(NETWORKS[name], np.float64, place.name), place.put(inputs((7, 5)))
        other = made(lambda: Dense(5, 5), np.float64, place.name)
        layer.theta.grad.fill(3)
        with other.theta.fresh_grad(), frozen(layer):
            h, first = other.forward(x, training=True)
            y, second = layer.forward(h, training=True)
            other.backward(layer.backward(y, second), first)
        assert (place.get(layer.theta.grad) == 3).all() and np.abs(place.get(other.theta.grad)).min() > 0


@each_device
@pytest.mark.parametrize("again", [False, True], ids=["frozen", "and thawed"])
def test_a_frozen_layer_keeps_its_running_statistics(again, device):
    with on(device) as place:
        layer, x = made(NETWORKS["batch norm"], np.float64, place.name), place.put(inputs((7, 5)))
        before = place.get(layer.statistics.value).copy()
        with frozen(layer):
            layer.forward(x, training=True)
        if again:
            layer.forward(x, training=True)
        assert (place.get(layer.statistics.value) != before).all() == again


def test_a_layer_thaws_also_after_an_error():
    layer = made(NETWORKS["dense"], np.float64)
    with pytest.raises(KeyError), frozen(layer):
        raise KeyError
    assert all(p.trainable for p in layer.theta.parameters)


def test_what_is_frozen_twice_thaws_with_the_outer_one():
    layer = made(NETWORKS["dense"], np.float64)
    with frozen(layer):
        with frozen(layer):
            pass
        assert not any(p.trainable for p in layer.theta.parameters)
    assert all(p.trainable for p in layer.theta.parameters)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.1), AdamW(0.1, weight_decay=0.1)], ids=repr)
def test_what_is_frozen_stays_as_it_is_whatever_the_optimizer_has_in_memory(optimizer):
    model, x = dense_autoencoder([6, 4, 3], "tanh", loss="mse"), inputs((20, 6)).astype("float32")
    how = {"optimizer": optimizer, "clip_norm": 1.0, "progress": "none", "data_init": False}
    fit(model, x, epochs=2, **how)  # now it has momentum
    encoder, decoder = model.encoder.theta.value.copy(), model.decoder.theta.value.copy()
    with frozen(model.encoder):
        fit(model, x, epochs=2, **how)
    np.testing.assert_array_equal(model.encoder.theta.value, encoder)
    assert (model.decoder.theta.value != decoder).any()
    fit(model, x, epochs=1, **how)
    assert (model.encoder.theta.value != encoder).any()


def test_what_is_frozen_is_not_rescaled_by_the_data():
    model, x = dense_autoencoder([6, 3], loss="mse"), 10 * inputs((20, 6)).astype("float32")
    encoder = model.encoder.theta.value.copy()
    with frozen(model.encoder):
        fit(model, x, epochs=1, progress="none")
    np.testing.assert_array_equal(model.encoder.theta.value, encoder)


def test_a_plain_model_is_its_only_phase():
    model = dense_autoencoder([6, 3])
    assert model.phases == (model,)
    phase = Phase("code", model.encoder, None)
    assert np.shares_memory(phase.theta.value, model.theta.value) and phase.parameter_count == 21
