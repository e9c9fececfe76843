"""Data-dependent initialisation: unit variance and the given mean at every hidden unit, no dead units."""

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder
from npae.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Identity, MaxPool2D, ReLU, Sequential, Tanh
from npae.models import data_dependent_init
from npae.models.data_dependent_init import rescale
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
    plain = [dense_autoencoder(sizes, code_activation="relu", seed=s) for s in range(20)]
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


@pytest.mark.parametrize("x", [np.zeros((10, 6), np.float32), np.full((10, 6), [1, 2, 3, 4, 5, 6], np.float32)])
def test_units_that_do_not_vary_keep_their_weights_and_get_the_mean(x):
    """Divided by a standard deviation of rounding errors, they would have weights of any size."""
    model = dense_autoencoder([6, 4, 2])
    weights = [layer.W.value.copy() for layer in (*model.encoder, *model.decoder)]
    data_dependent_init(model, x, 1.5)
    for layer, W in zip((*model.encoder, *model.decoder), weights, strict=True):
        np.testing.assert_array_equal(layer.W.value, W)
    *hidden, _ = pre_activations(model, x)
    for a in hidden:
        np.testing.assert_allclose(a, 1.5, rtol=1e-5)


@pytest.mark.parametrize(("min_std", "varies"), [(0.04, True), (0.06, False)])
def test_a_unit_varies_if_its_standard_deviation_is_above_min_std(min_std, varies):
    model = Autoencoder(Dense(1, 1), Dense(1, 1), dtype=np.float64)
    model.encoder.W.value[...] = 1.0
    data_dependent_init(model, np.tile([[0.2], [0.3]], (5, 1)), 0.0, min_std)  # standard deviation 0.05
    np.testing.assert_allclose(model.encoder.W.value, 20.0 if varies else 1.0, rtol=1e-9)
    np.testing.assert_allclose(model.encoder.b.value, -5.0 if varies else -0.25, rtol=1e-9)


def test_units_that_overflow_stay_as_they_are():
    x = np.random.default_rng(0).random((10, 6)).astype(np.float32)
    x[3] = 3e38
    model = dense_autoencoder([6, 4, 2], loss="mse")
    before = model.theta.value.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        data_dependent_init(model, x)
    np.testing.assert_array_equal(model.theta.value, before)


def test_rows_may_come_in_several_batches():
    x = np.random.default_rng(0).random((3000, 6))
    whole, parts = dense_autoencoder([6, 5, 4, 2], dtype=np.float64), dense_autoencoder([6, 5, 4, 2], dtype=np.float64)
    data_dependent_init(whole, x)
    rescale(parts, [x[:1], x[1:2000], x[2000:]])
    np.testing.assert_allclose(parts.theta.value, whole.theta.value, rtol=1e-9)
    *hidden, _ = pre_activations(whole, x)
    np.testing.assert_allclose([a.mean() for a in hidden], 1.0, rtol=1e-9)


def test_too_few_rows():
    with pytest.raises(ValueError, match="at least 2 rows"):
        data_dependent_init(dense_autoencoder([6, 4, 2]), np.zeros((1, 6)))


def test_data_that_cannot_be_right_leave_the_weights_as_they_are():
    model, x = dense_autoencoder([6, 4, 2]), np.random.default_rng(0).random((9, 6))
    before = model.theta.value.copy()
    x[7, 2] = np.nan
    with pytest.raises(ValueError, match="row 7 contains NaN"):
        data_dependent_init(model, x)
    with pytest.raises(TypeError, match="got integers .* Say what they mean"):
        data_dependent_init(model, np.ones((9, 6), int))
    np.testing.assert_array_equal(model.theta.value, before)
