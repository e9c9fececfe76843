"""Dropout: the contract under frozen numbers, the scaling that keeps the mean, its streams, steps, errors."""

import copy
import math

import numpy as np
import pytest

from npae import Autoencoder, fit, gradcheck
from npae.data.minibatches import Minibatches
from npae.layers import Dense, Dropout, ReLU, Sequential
from npae.optim import Adam
from npae.train import Checkpoint
from npae.train.step import Step
from tests.contract import check_layer, inputs
from tests.devices import each_device, on
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays

X = np.random.default_rng(0).random((50, 6), np.float32)


def frozen(p, shape):
    return Dropout(p).freeze(np.random.default_rng(0).random(shape))


def network(seed=0, dtype=np.float32, numbers=None):
    encoder = Sequential(Dense(6, 8), ReLU(), Dropout(0.4).freeze(numbers), Dense(8, 3))
    return Autoencoder(encoder, Dense(3, 6), seed=seed, dtype=dtype)


@each_device
@pytest.mark.parametrize("p", [0, 0.3, 0.9])
def test_contract(p, device):
    check_layer(lambda: frozen(p, (6, 5)), (6, 5), device, training=True)
    check_layer(lambda: frozen(p, (4, 2, 3, 3)), (4, 2, 3, 3), device, training=True)
    check_layer(lambda: Dropout(p), (6, 5), device)


@pytest.mark.parametrize("wrong", [
    lambda self, dy, noise, y: dy, lambda self, dy, noise, y: dy * (noise >= self.fraction),
], ids=["mask forgotten", "scale forgotten"])  # fmt: skip
def test_a_wrong_backward_would_be_found_out(wrong, monkeypatch):
    layer = frozen(0.5, (6, 5))
    gradcheck.check_layer(layer, inputs((6, 5)), training=True)
    monkeypatch.setattr(Dropout, "gradient", wrong)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, inputs((6, 5)), training=True)


def test_the_gradient_of_a_whole_network():
    gradcheck.check_model(network(dtype=np.float64, numbers=np.random.default_rng(1).random((7, 8))), inputs((7, 6)))


def test_value_and_gradient_are_the_formulas():
    layer = Dropout(0.2).freeze(np.array([[0.0, 0.19, 0.2, 0.9]]))
    y, cache = layer.forward(np.array([[1.0, 2, 4, -8]]), training=True)
    np.testing.assert_allclose(y, [[0, 0, 5, -10]], rtol=1e-15)
    np.testing.assert_allclose(layer.backward(np.array([[1.0, 1, 1, 2]]), cache), [[0, 0, 1.25, 2.5]], rtol=1e-15)


@each_device
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_mean_stays_and_as_many_are_dropped_as_asked_for(p, device):
    n, x = 200 * 300, np.full((200, 300), 0.5, np.float32)
    with on(device) as place:
        y = place.get(Dropout(p).forward(place.put(x), training=True)[0]).astype(np.float64)
    assert abs((y == 0).mean() - p) < 5 * math.sqrt(p * (1 - p) / n)
    assert abs(y.mean() - 0.5) < 5 * 0.5 * math.sqrt(p / (1 - p) / n)
    np.testing.assert_allclose(y[y > 0], 0.5 / (1 - p), rtol=1e-6)


@each_device
def test_inference_leaves_x_alone(device):
    with on(device) as place:
        layer, x = Dropout(), place.put(inputs((3, 4)))
        y, cache = layer.forward(x)
        assert y is x is layer(x) and layer.backward(y, cache) is y


def test_fraction_0_drops_nothing():
    np.testing.assert_array_equal(Dropout(0).forward(X, training=True)[0], X)


def test_a_seed_means_the_same_numbers_and_copies_begin_anew():
    def drawn(layer, seed):
        layer.reseed(seed)
        return layer.forward(X, training=True)[0]

    one = drawn(Dropout(), [1, 2])
    np.testing.assert_array_equal(drawn(copy.deepcopy(Dropout()), [1, 2]), one)
    assert (drawn(Dropout(), [1, 3]) != one).any()


def test_a_step_allocates_no_arrays():
    encoder = Sequential(Dense(100, 60), ReLU(), Dropout(), Dense(60, 30))
    step = Step(Autoencoder(encoder, Dense(30, 100)), Minibatches(UINT8, 1024, seed=0), Adam())
    check_that_a_step_allocates_no_arrays(step)


@each_device
def test_a_captured_step_drops_others_at_every_launch(device):
    if device == "cpu":
        return
    with on(device) as place:
        thetas = []
        for graph in (False, True):
            model = network(dtype=np.float64).to(place.name)
            fit(model, X, epochs=3, batch_size=16, graph=graph, progress="none")  # giving up the graph would warn
            thetas.append(place.get(model.theta.value))
    np.testing.assert_allclose(*thetas, rtol=1e-9)


def test_a_run_that_was_resumed_ends_with_the_same_bits(tmp_path):
    def run(path, epochs, seed=0, resume=None):
        model = network(seed)
        fit(model, X, epochs=epochs, batch_size=16, resume=resume, progress="none", callbacks=Checkpoint(path))
        return model.theta.value

    whole = run(tmp_path / "whole.npz", 4)
    run(tmp_path / "c.npz", 2)
    np.testing.assert_array_equal(run(tmp_path / "c.npz", 4, seed=9, resume=tmp_path / "c.npz"), whole)


@pytest.mark.parametrize("p, words", [
    (1, "Dropout: expected a fraction below 1, got 1"), (1.5, "fraction of Dropout: expected .* at most 1, got 1.5"),
    (-0.1, "fraction of Dropout: .* least 0 .* got -0.1"), (math.nan, "got nan"),
])  # fmt: skip
def test_impossible_fractions_raise(p, words):
    with pytest.raises(ValueError, match=words):
        Dropout(p)
