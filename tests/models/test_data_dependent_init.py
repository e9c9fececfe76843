"""Data-dependent initialisation: unit variance and the given mean at every hidden unit, no dead units."""

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder
from npae.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Identity, MaxPool2D, ReLU, Sequential, Tanh
from npae.models import data_dependent_init
from tests.devices import each_device, on


def pre_activations(model, h):
    """a = x W + b of every layer that has weights, in order."""
    for _, layer in model.leaves():
        if hasattr(layer, "W"):
            activation, layer.activation = layer.activation, Identity()
            yield layer(h)
            layer.activation = activation
        h = layer(h)


@each_device
@pytest.mark.parametrize(("activation", "mean"), [(ReLU, 0), (ReLU, 2.0), (Tanh, 0)])
def test_hidden_units_have_the_mean_asked_for_and_variance_1_on_the_batch(activation, mean, device):
    x = np.random.default_rng(0).random((500, 20)) * 3 + 1
    with on(device) as place:
        model = dense_autoencoder([20, 15, 10, 6, 4], activation, seed=1, dtype="float64").to(place.name)
        last = place.get(model.decoder[-1].W.value).copy()
        assert data_dependent_init(model, x, mean) is model
        *hidden, _ = (place.get(a) for a in pre_activations(model, place.put(x)))
        for a in hidden:
            np.testing.assert_allclose(a.mean(axis=0), mean, atol=1e-12)
            np.testing.assert_allclose(a.std(axis=0), 1, rtol=1e-9)
        np.testing.assert_array_equal(place.get(model.decoder[-1].W.value), last)


@each_device
def test_channels_of_images_are_units(device):
    x = np.random.default_rng(0).random((50, 2, 8, 8)) * 3 + 1
    with on(device) as place:
        first, second = Conv2D(2, 5, 3, 1, "same", ReLU), Conv2D(5, 4, 3, 1, "same", ReLU)
        decoder = Sequential(ConvTranspose2D(4, 3, 3, 2, "same", ReLU), Conv2D(3, 2, 3, 1, "same"))
        model = Autoencoder(Sequential(first, MaxPool2D(2), second), decoder, dtype=np.float64).to(place.name)
        data_dependent_init(model, x, 2.0)
        seen = [place.get(a) for a in pre_activations(model, place.put(x))]
    for a in seen[:-1]:
        np.testing.assert_allclose(a.mean(axis=(0, 2, 3)), 2, rtol=1e-9)
        np.testing.assert_allclose(a.std(axis=(0, 2, 3)), 1, rtol=1e-9)
    assert len(seen) == 4 and np.abs(seen[-1].std(axis=(0, 2, 3)) - 1).min() > 1e-3, "the last layer is left alone"


def test_no_code_unit_is_dead_over_many_seeds_where_plain_weights_have_dead_ones():
    x = np.random.default_rng(0).random((300, 50), dtype=np.float32)
    sizes = [50, 40, 30, 20, 10, 4]
    plain = [dense_autoencoder(sizes, seed=s) for s in range(20)]
    assert sum(int((m.encode(x).max(axis=0) == 0).sum()) for m in plain) > 5
    assert sum(int((data_dependent_init(m, x).encode(x).max(axis=0) == 0).sum()) for m in plain) == 0


def test_an_activation_may_be_a_layer_of_its_own_or_shared():
    """Behind a BatchNorm, say; and one instance in all layers."""
    x, shared = np.random.default_rng(0).random((300, 20)), Tanh()
    encoder = Sequential(Dense(20, 15), BatchNorm(15), Tanh(), Dense(15, 4, shared))
    model = Autoencoder(encoder, Sequential(Dense(4, 15, shared), Dense(15, 20)), dtype=np.float64)
    data_dependent_init(model, x, 0.5)
    *hidden, _ = pre_activations(model, x)
    for a in hidden:
        np.testing.assert_allclose(a.mean(axis=0), 0.5, atol=1e-12)
        np.testing.assert_allclose(a.std(axis=0), 1, rtol=1e-9)
    assert encoder[3].activation is model.decoder[0].activation is shared
    assert all(isinstance(layer.activation, Identity) for layer in (encoder[0], model.decoder[1]))


@pytest.mark.parametrize("min_std", [1e-3, 0.1])
def test_a_constant_input_does_not_divide_by_zero(min_std):
    """Where a unit does not vary, W is divided by min_std, and the unit has the mean all the same."""
    x, model = np.zeros((10, 6), np.float32), dense_autoencoder([6, 4, 2])
    W = model.encoder[0].W.value.copy()
    assert np.isfinite(data_dependent_init(model, x, 1.0, min_std=min_std).theta.value).all()
    np.testing.assert_allclose(model.encoder[0].W.value, W / min_std, rtol=1e-6)
    np.testing.assert_allclose(next(pre_activations(model, x)), 1.0)


def test_too_few_rows():
    with pytest.raises(ValueError, match="at least 2 rows"):
        data_dependent_init(dense_autoencoder([6, 4, 2]), np.zeros((1, 6)))


def test_data_that_cannot_be_right_leave_the_weights_as_they_are():
    model, x = dense_autoencoder([6, 4, 2]), np.random.default_rng(0).random((9, 6))
    before = model.theta.value.copy()
    x[7, 2] = np.nan
    with pytest.raises(ValueError, match="row 7 contains NaN"):
        data_dependent_init(model, x)
    with pytest.raises(TypeError, match="Say what the integers mean"):
        data_dependent_init(model, np.ones((9, 6), int))
    np.testing.assert_array_equal(model.theta.value, before)
