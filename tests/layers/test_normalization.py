"""BatchNorm: the contract, the whole backward, running averages, both modes beside PyTorch, numerics, steps, errors."""

import importlib.util

import numpy as np
import pytest

from npae import Autoencoder, gradcheck
from npae.data.minibatches import Minibatches
from npae.layers import BatchNorm, Dense, Flatten, ReLU, Reshape, Sequential
from npae.losses import SquaredError
from npae.optim import Adam
from npae.train.step import Step
from tests.contract import check_layer, inputs, made
from tests.devices import each_device, on
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays

SHAPES = [(7, 5), (2, 3), (4, 3, 2, 5), (2, 1, 4, 4), (1, 3, 2, 2)]


@each_device
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[0] > 1], ids=str)
def test_contract(shape, training, device):
    check_layer(lambda: BatchNorm(shape[1]), shape, device, training)


def columns(x):
    """x as (values, features)."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def layer_of(features, dtype=np.float64, device="cpu", **settings):
    """A BatchNorm whose numbers are all of some size, its running averages included."""
    layer = made(lambda: BatchNorm(features, **settings), dtype)
    layer.mean.value[...] = inputs(features, 8)
    layer.variance.value[...] = np.abs(inputs(features, 9)) + 0.5
    return layer.to(device)


@each_device
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_derivatives_where_running_averages_have_moved(shape, training, device):
    with on(device) as place:
        layer = layer_of(shape[1], device=place.name, momentum=1)  # every call replaces them
        before = place.get(layer.statistics.value).copy()
        gradcheck.check_layer(layer, place.put(inputs(shape)), training=training)
        moved = place.get(layer.statistics.value) != before
        assert moved.all() if training else not moved.any()


def through_nothing(self, dy, cache, needs_dx=True):
    return right(self, dy, (*cache[:3], False))


def through_the_mean_alone(self, dy, cache, needs_dx=True):
    dx = right(self, dy, (*cache[:3], False)).reshape(len(dy), self.features, -1)
    return (dx - dx.mean(axis=(0, 2), keepdims=True)).reshape(dy.shape)


def per_place(self, dy, cache, needs_dx=True):
    """As if every place of an image had statistics of its own."""
    right(self, dy, cache)
    d, r, scale, _ = cache
    dy_rows, d = (np.moveaxis(dy, 1, -1), d.reshape(*dy.shape[:1], *dy.shape[2:], -1))
    dx = scale * (dy_rows - dy_rows.mean(axis=0) - d * r * r * (dy_rows * d).mean(axis=0))
    return np.moveaxis(dx, -1, 1)


def a_gain_without_r(self, dy, cache, needs_dx=True):
    dx = right(self, dy, cache)
    self.gamma.grad[...] /= cache[1]
    return dx


right = BatchNorm.backward


@pytest.mark.parametrize("wrong", [through_nothing, through_the_mean_alone, per_place, a_gain_without_r])
def test_a_wrong_backward_would_be_found_out(wrong, monkeypatch):
    monkeypatch.setattr(BatchNorm, "backward", wrong)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer_of(3), inputs((4, 3, 2, 2)), training=True)


# ---------------------------------------------------------------------- values


@each_device
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_training_is_the_formula(shape, device):
    x = inputs(shape) * 3 + 2
    with on(device) as place:
        layer = layer_of(shape[1], device=place.name, momentum=0.3, epsilon=0.01)
        gamma, beta, m, s = (place.get(p.value).copy() for p in (layer.gamma, layer.beta, layer.mean, layer.variance))
        y = place.get(layer.forward(place.put(x), training=True)[0])
        values = columns(x)
        mean, variance = values.mean(axis=0), values.var(axis=0)
        expected = gamma * (values - mean) / np.sqrt(variance + 0.01) + beta
        np.testing.assert_allclose(columns(y), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(place.get(layer.mean.value), 0.7 * m + 0.3 * mean, rtol=1e-13)
        unbiased = values.var(axis=0, ddof=1)
        np.testing.assert_allclose(place.get(layer.variance.value), 0.7 * s + 0.3 * unbiased, rtol=1e-13)


@each_device
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_inference_is_the_formula_and_remembers_nothing(shape, device):
    x = inputs(shape) * 3 + 2
    with on(device) as place:
        layer = layer_of(shape[1], device=place.name, epsilon=0.01)
        before = place.get(layer.statistics.value).copy()
        y = columns(place.get(layer(place.put(x))))
        gamma, beta, m, s = (place.get(p.value) for p in (layer.gamma, layer.beta, layer.mean, layer.variance))
        np.testing.assert_allclose(y, gamma * (columns(x) - m) / np.sqrt(s + 0.01) + beta, rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(place.get(layer.statistics.value), before)


def test_a_fresh_layer_gives_mean_0_and_variance_1_in_training_and_x_in_inference():
    layer, x = BatchNorm(4).initialize(dtype="float64"), inputs((50, 4)) * 7 + 3
    y = layer.forward(x, training=True)[0]
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(BatchNorm(4).initialize(dtype="float64")(x), x, rtol=1e-5)


def test_running_averages_reach_the_mean_and_variance_of_the_data_from_batches_of_two():
    """With v itself, half of the variance would be reached."""
    rng, layer = np.random.default_rng(0), BatchNorm(200, momentum=0.01).initialize()
    for _ in range(1500):
        layer.forward(rng.normal(3, 2, (2, 200)).astype(np.float32), training=True)
    assert abs(layer.mean.value.mean() - 3) < 0.05
    assert abs(layer.variance.value.mean() - 4) < 0.2


def test_strided_input_is_taken_as_it_is():
    x = inputs((2, 3, 4, 5)).transpose(1, 0, 3, 2)
    np.testing.assert_array_equal(*(layer_of(2).forward(a, training=True)[0] for a in (x, x.copy())))
    layer = layer_of(2)
    y, cache = layer.forward(x, training=True)
    np.testing.assert_array_equal(*(layer.backward(dy, cache) for dy in (x, x.copy())))


@each_device
def test_a_variance_far_from_the_mean_keeps_its_digits(device):
    x = (1000 + np.random.default_rng(0).standard_normal((256, 3))).astype(np.float32)
    true = x.astype(np.float64).var(axis=0)
    with on(device) as place:
        layer = BatchNorm(3, momentum=1).initialize().to(place.name)
        layer.forward(place.put(x), training=True)
        ours = place.get(layer.variance.value) * 255 / 256
    np.testing.assert_allclose(ours, true, rtol=1e-4)
    one_pass = (x * x).mean(axis=0) - x.mean(axis=0) ** 2
    assert (abs(one_pass - true) > 1e-2).any(), "this x would not tell E[x²] − μ² from v"


def test_a_constant_feature_is_no_division_by_zero():
    y, cache = (layer := BatchNorm(2).initialize()).forward(np.full((8, 2), 0.1, np.float32), training=True)
    assert np.abs(y).max() < 1e-4 and np.isfinite(layer.backward(y + 1, cache)).all()


# ---------------------------------------------------------------------- beside PyTorch

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="could not import 'torch'")


@needs_torch
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 2e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", [(16, 5), (6, 3, 4, 5)], ids=str)
def test_pytorch_says_the_same(shape, dtype, rtol):
    import torch

    layer = BatchNorm(shape[1], momentum=0.2, epsilon=1e-3).initialize(dtype=dtype)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    theirs = kind(shape[1], eps=1e-3, momentum=0.2, dtype=torch.from_numpy(np.zeros(1, dtype)).dtype)
    layer.theta.assign(inputs(layer.theta.size, 5, dtype))
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(layer.gamma.value))
        theirs.bias.copy_(torch.from_numpy(layer.beta.value))

    def same(ours, torchs):
        expected = torchs.detach().numpy()
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol * np.abs(expected).max())

    for k, training in enumerate((True, True, False, True, False)):
        x, dy = (inputs(shape, seed, dtype) for seed in (2 * k, 2 * k + 1))
        x += 2
        theirs.train(training)
        theirs.zero_grad()
        x_torch = torch.from_numpy(x).requires_grad_()
        y_torch = theirs(x_torch)
        y_torch.backward(torch.from_numpy(dy))
        y, cache = layer.forward(x, training)
        layer.theta.zero_grad()
        same(y, y_torch)
        same(layer.backward(dy, cache), x_torch.grad)
        same(layer.gamma.grad, theirs.weight.grad)
        same(layer.beta.grad, theirs.bias.grad)
        same(layer.mean.value, theirs.running_mean)
        same(layer.variance.value, theirs.running_var)


# ---------------------------------------------------------------------- in a network


def network(dtype=np.float64, **settings):
    encoder = Sequential(Dense(6, 5), BatchNorm(5, **settings), ReLU(), Dense(5, 4), Reshape((2, 2, 1)), BatchNorm(2))
    return Autoencoder(Sequential(encoder, Flatten()), Dense(4, 6), SquaredError(), dtype=dtype)


@each_device
def test_the_gradient_of_a_whole_network(device):
    with on(device) as place:
        gradcheck.check_model(network().to(place.name), place.put(inputs((9, 6))))


def test_a_bias_before_it_is_of_no_use():
    model = network()
    model.backpropagate(inputs((9, 6)))
    dense = model.encoder[0][0]
    assert np.abs(dense.b.grad).max() < 1e-12 < np.abs(dense.W.grad).max()


@pytest.mark.parametrize("encoder", [
    lambda: Sequential(Dense(100, 60), BatchNorm(60), ReLU(), Dense(60, 30)),
    lambda: Sequential(Reshape((4, 5, 5)), BatchNorm(4), ReLU(), Flatten(), Dense(100, 30)),
], ids=["rows", "images"])  # fmt: skip
def test_a_step_allocates_no_arrays(encoder):
    step = Step(Autoencoder(encoder(), Dense(30, 100)), Minibatches(UINT8, 1024, seed=0), Adam())
    check_that_a_step_allocates_no_arrays(step)


# ---------------------------------------------------------------------- errors


def forward(x, training=True, features=3):
    return BatchNorm(features).initialize().forward(x, training)


@pytest.mark.parametrize("call, error, words", [
    (lambda: BatchNorm(0), ValueError, "features of BatchNorm: expected 1 or more, got 0"),
    (lambda: BatchNorm(2.5), TypeError, "features of BatchNorm: expected an integer, got 2.5"),
    (lambda: BatchNorm(3, momentum=0), ValueError, "momentum of BatchNorm: .* above 0 and at most 1, got 0"),
    (lambda: BatchNorm(3, momentum=float("nan")), ValueError, "momentum of BatchNorm: .* got nan"),
    (lambda: BatchNorm(3, epsilon=0), ValueError, "epsilon of BatchNorm: expected a number above 0, got 0"),
    (lambda: forward(np.ones((1, 3), np.float32)), ValueError,
     r"BatchNorm\(features=3, .*\): expected at least 2 values per feature in training, got x of shape \(1, 3\)"),
    (lambda: forward(np.ones((1, 3, 1, 1), np.float32)), ValueError, r"got x of shape \(1, 3, 1, 1\): one value has"),
    (lambda: forward(np.ones((4, 5), np.float32)), ValueError, r"expected x of shape \(batch, 3\), got \(4, 5\)"),
    (lambda: forward(np.ones((4, 8, 8, 3), np.float32)), ValueError,
     r"expected x of shape \(batch, 3, 8, 3\), got \(4, 8, 8, 3\). Images have their channels before height and width"),
    (lambda: forward(np.ones(3, np.float32)), ValueError, r"expected x of shape \(batch, 3\), got \(3,\)"),
    (lambda: forward(np.ones((4, 3))), TypeError, "expected x of the parameters' dtype float32, got float64"),
    (lambda: forward([[1.0, 2, 3]]), TypeError, "NumPy or CuPy array, got list"),
    (lambda: BatchNorm(3).forward(np.ones((4, 3), np.float32)), RuntimeError, "call initialize"),
])  # fmt: skip
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_refused_batch_is_not_remembered():
    layer = BatchNorm(3).initialize()
    with pytest.raises(ValueError, match="at least 2 values"):
        layer.forward(np.full((1, 3), 9, np.float32), training=True)
    np.testing.assert_array_equal(layer.statistics.value, [0, 0, 0, 1, 1, 1])
    assert layer(np.full((1, 3), 9, np.float32)).shape == (1, 3)  # in inference one sample is as good as any
