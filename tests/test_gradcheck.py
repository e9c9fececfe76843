"""The proof is proved: right derivatives pass, each of several wrong ones fails and is named."""

import numpy as np
import pytest

from npae import dense_autoencoder, gradcheck
from npae.gradcheck import GradientError
from npae.layers import Dense, Layer, ReLU, Sequential, Tanh
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.optim import SGD
from tests.contract import inputs
from tests.devices import each_device, on

X = inputs((6, 5))


class Wrong(Dense):
    """A Dense layer with one thing wrong in its backward."""

    def __init__(self, n_in, n_out, what):
        super().__init__(n_in, n_out)
        self.what = what

    def backward(self, dy, x, needs_dx=True):
        dx = super().backward(dy, x)
        if self.what == "W":
            self.W.grad[2, 1] *= 1.01
        elif self.what == "b":
            self.b.grad[...] /= len(x)
        elif self.what == "dx":
            dx = dx * (1 + 1e-4)
        elif self.what == "shape":
            dx = dx[:, :1]
        return dx


class WrongSoftmax(Layer):
    """y = softmax(x), whose backward forgets that all outputs share a denominator: invisible with dy of ones."""

    def forward(self, x, training=False):
        e = np.exp(x)
        y = e / e.sum(axis=1, keepdims=True)
        return y, y

    def backward(self, dy, y, needs_dx=True):
        return y * (dy - dy.mean(axis=1, keepdims=True))


Layer.registry.pop("Wrong"), Layer.registry.pop("WrongSoftmax")  # no model file may name them


@each_device
def test_right_derivatives_pass(device):
    with on(device) as place:
        layer = Sequential(Dense(5, 4), Tanh(), Dense(4, 3)).initialize(dtype="float64", device=place.name)
        before = place.get(layer.theta.value).copy()
        assert 0 <= gradcheck.check_layer(layer, place.put(X)) < 1e-6
        np.testing.assert_array_equal(place.get(layer.theta.value), before, "θ was not put back")


@pytest.mark.parametrize(
    ("what", "words"),
    [("W", r"θ\[9\]"), ("b", "Worst coordinate: θ"), ("dx", "Worst coordinate: x"), ("shape", "shape")],
)
def test_wrong_derivatives_fail_and_are_named(what, words):
    layer = Wrong(5, 4, what).initialize(dtype="float64")
    with pytest.raises(GradientError, match=words):
        gradcheck.check_layer(layer, X)


def test_a_wrong_softmax_does_not_pass():
    with pytest.raises(GradientError, match="WrongSoftmax"):
        gradcheck.check_layer(WrongSoftmax(), X)


def test_wrong_losses_fail():
    class SumNotMean(SquaredError):
        def value_and_gradient(self, z, x):
            value, dz = super().value_and_gradient(z, x)
            return value, dz * len(z)

    class Dead(BinaryCrossEntropy):
        def value_and_gradient(self, z, x):
            value, dz = super().value_and_gradient(z, x)
            return value, dz * 0

    for loss in (SumNotMean(), Dead()):
        type(loss).registry.pop(type(loss).__name__)
        with pytest.raises(GradientError):
            gradcheck.check_loss(loss, X, np.random.default_rng(0).random(X.shape))


@pytest.mark.parametrize("loss", [SquaredError(), BinaryCrossEntropy()], ids=repr)
def test_a_whole_deep_autoencoder(loss):
    model = dense_autoencoder([12, 9, 7, 5, 3], Tanh, loss=loss, dtype="float64")
    assert gradcheck.check_model(model, np.random.default_rng(0).random((6, 12))) < 1e-6


def test_a_model_whose_decoder_gets_no_gradient_fails():
    model = dense_autoencoder([6, 4, 2], ReLU, dtype="float64")
    model.decoder.backward = lambda dy, caches, needs_dx=True: np.zeros((len(dy), 2))
    with pytest.raises(GradientError, match="Autoencoder"):
        gradcheck.check_model(model, np.random.default_rng(0).random((5, 6)))


def test_a_step_along_the_checked_gradient_lowers_the_objective():
    model, x = dense_autoencoder([6, 4, 2], Tanh, dtype="float64"), np.random.default_rng(0).random((5, 6))
    before = model.backpropagate(x)["reconstruction"]
    SGD(0.1).step(model.theta)
    assert model.evaluate(x)["reconstruction"] < before


def test_float32_is_refused():
    with pytest.raises(TypeError, match="float64.*astype"):
        gradcheck.check_layer(Tanh(), X.astype("float32"))


def test_everything_is_put_back_when_the_objective_raises():
    x = np.ones(3)
    calls = iter([1.0])
    with pytest.raises(StopIteration):
        gradcheck.check_gradient(lambda: next(calls), {"x": (x, np.ones(3))})
    np.testing.assert_array_equal(x, 1)
