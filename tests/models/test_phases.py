"""npae.models.phases and duel: frozen parts pass the derivative on and keep none; what the duel's numbers mean."""

import numpy as np
import pytest

from npae import mirrored
from npae.layers import BatchNorm, Conv2D, Dense, Flatten, LeakyReLU, Reshape, Sequential, Tanh, TiedDense
from npae.models.duel import diversity, fool, standing, tell_apart
from npae.models.phases import Phase, frozen
from tests.contract import inputs, made
from tests.devices import each_device, on

NETWORKS = {
    "dense": lambda: Sequential(Dense(5, 6), Tanh(), Dense(6, 1)),
    "tied": lambda: Sequential(first := Dense(5, 3), LeakyReLU(0.2), TiedDense(first)),
    "convolution": lambda: Sequential(Reshape((1, 5, 1)), Conv2D(1, 2, (3, 1)), Tanh(), Flatten(), Dense(6, 1)),
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


def test_a_layer_thaws_also_after_an_error():
    layer = made(NETWORKS["dense"], np.float64)
    with pytest.raises(KeyError), frozen(layer):
        raise KeyError
    assert all(p.learns for p in layer.theta.parameters)


def test_what_is_frozen_twice_thaws_with_the_outer_one():
    layer = made(NETWORKS["dense"], np.float64)
    with frozen(layer):
        with frozen(layer):
            pass
        assert not any(p.learns for p in layer.theta.parameters)
    assert all(p.learns for p in layer.theta.parameters)


def test_a_discriminator_says_one_number_of_each():
    discriminator = made(NETWORKS["batch norm"], np.float64)
    with pytest.raises(ValueError, match=r"Expected a discriminator that gives one logit each, \(9, 1\), got \(9, 2\)"):
        tell_apart(discriminator, inputs((9, 5)), inputs((9, 5), 1))


def test_a_plain_model_is_its_only_phase():
    model = mirrored([6, 3])
    assert model.phases == (model,)
    phase = Phase("code", model.encoder, None)
    assert np.shares_memory(phase.theta.value, model.theta.value) and phase.parameter_count == 21


def test_both_sides_of_the_duel_get_better_by_small_steps():
    discriminator, real, fake = made(NETWORKS["dense"], np.float64), inputs((9, 5)), inputs((9, 5), 1)
    theta = discriminator.theta
    theta.zero_grad()
    before = tell_apart(discriminator, real, fake)
    value, d_fake = fool(discriminator, fake)
    assert fool(discriminator, fake - 0.1 * d_fake)[0] < value
    theta.value[...] -= 0.01 * theta.grad
    assert tell_apart(discriminator, real, fake) < before


def test_the_standing_of_a_duel():
    a, b = np.array([[3.0], [-1], [2], [5]]), np.array([[-2.0], [-3], [1], [4]])
    found = standing(a, b)
    assert found["real_accuracy"] == 0.75 and found["made_accuracy"] == 0.5
    expected = np.log1p(np.exp(-a)).mean() + np.log1p(np.exp(b)).mean()
    assert found["discriminator"] == pytest.approx(expected)
    assert found["generator"] == pytest.approx(np.log1p(np.exp(-b)).mean())


def test_diversity_is_the_ratio_of_mean_distances():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 2, 3)), 3 * rng.standard_normal((30, 2, 3)) + 5

    def mean_distance(z):  # over all pairs, a row and itself included
        return np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=(2, 3)).mean())

    assert diversity(y, x) == pytest.approx(mean_distance(y) / mean_distance(x), rel=1e-12)
    assert diversity(np.ones((5, 4)), x) == 0 and np.isfinite(diversity(x, np.ones((5, 6))))
