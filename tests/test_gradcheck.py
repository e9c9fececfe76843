"""Gradient check: right derivatives pass; wrong ones, kinks and noise are found and named."""

import numpy as np
import pytest

from npae import dense_autoencoder, gradcheck
from npae.gradcheck import GradientError, KinkError
from npae.layers import Dense, GaussianNoise, Layer, ReLU, Sequential, Tanh
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

    def backward(self, dy, cache, needs_dx=True):
        dx = super().backward(dy, cache)
        if self.what == "W":
            self.W.grad[2, 1] *= 1.01
        elif self.what == "b":
            self.b.grad[...] /= len(dy)
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
        layer = Sequential(Dense(5, 4, Tanh), Dense(4, 3)).initialize(dtype="float64", device=place.name)
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
        def value_and_gradient(self, prediction, target):
            value, gradient = super().value_and_gradient(prediction, target)
            return value, gradient * len(target)

    class Dead(BinaryCrossEntropy):
        def value_and_gradient(self, prediction, target):
            value, gradient = super().value_and_gradient(prediction, target)
            return value, gradient * 0

    for loss in (SumNotMean(), Dead()):
        type(loss).registry.pop(type(loss).__name__)
        with pytest.raises(GradientError, match="Worst coordinate: prediction"):
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
    with model.theta.fresh_grad():
        before = model.backpropagate(x)["reconstruction"]
    SGD(0.1).step(model.theta)
    assert model.evaluate(x)["reconstruction"] < before


# ---------------------------------------------------------------------- where J has no derivative


def rectified(a):
    """Two units of a ReLU, the first of which sits at a; the second is far from its kink."""
    return np.array([[a, 0.7]])


@pytest.mark.parametrize("a", [1e-6, -1e-6, 0.0, 2e-6, 4e-6])
def test_a_kink_is_named_and_not_the_gradient(a):
    x = rectified(a)
    with pytest.raises(GradientError, match="ReLU.*kink.*does not settle.*Take another x or seed") as raised:
        gradcheck.check_layer(ReLU(), x)
    assert "Worst coordinate" not in str(raised.value) and (x == rectified(a)).all()
    assert gradcheck.check_layer(ReLU(), rectified(a + 1e-3)) < 1e-6


class Half(ReLU):
    """A ReLU with half of its derivative."""

    def derivative(self, a, h):
        return 0.5 * (h > 0)


Layer.registry.pop("Half")


@pytest.mark.parametrize("a", [1e-3, -1e-3, 0.5])
def test_a_wrong_gradient_away_from_the_kink_is_blamed(a):
    with pytest.raises(GradientError, match="gradient claims.*Worst coordinate: x"):
        gradcheck.check_layer(Half(), rectified(a))


def test_a_kink_too_small_to_explain_the_error_is_no_excuse():
    x, weights = np.array([1e-6, 2.0, 3.0]), np.array([1e-4, 1.0, 1.0])
    gradient = weights.copy()

    def objective():
        return float((weights * np.maximum(x, 0)).sum())

    with pytest.raises(GradientError, match="kink"):  # it is there
        gradcheck.check_gradient(objective, {"x": (x, gradient)})
    with pytest.raises(GradientError, match="Worst coordinate: x"):
        gradcheck.check_gradient(objective, {"x": (x, 1.1 * gradient)})


def test_the_worst_coordinate_is_sought_in_all_of_a_large_array():
    x = np.linspace(1, 2, 6000).reshape(600, 10)
    gradient = 2 * x
    gradient[300:] *= 1.1  # beyond the 2,000 coordinates that are tried
    with pytest.raises(GradientError, match=r"Worst coordinate: x\[5\d\d, ") as raised:
        gradcheck.check_gradient(lambda: float((x**2).sum()), {"x": (x, gradient)})
    assert "claimed 4.3" in str(raised.value) and "measured 3.9" in str(raised.value)


def test_a_decoder_whose_biases_keep_its_units_at_the_kink():
    """A row whose code is all 0 leaves a decoder with its biases, which are 0 at first: exactly at the kink.

    The check then says so, and is made near by. θ is put back.
    """
    at_the_kink = 0
    for seed in range(20):
        model = dense_autoencoder([9, 5, 3], ReLU, ReLU, SquaredError(), seed=seed, dtype="float64")
        x = np.random.default_rng(seed).standard_normal((6, 9))
        if (model.encoder(x).max(axis=1) == 0).any():
            at_the_kink += 1
            with pytest.raises(KinkError, match="Autoencoder: J has a kink.*Biases of 0.*theta.value"):
                gradcheck.check_model(model, x, tries=0)
            before = model.theta.value.copy()
            with pytest.warns(UserWarning, match="Autoencoder: J has a kink.*Checked near by instead"):
                assert gradcheck.check_model(model, x) < 1e-6
            np.testing.assert_array_equal(model.theta.value, before)
        else:
            assert gradcheck.check_model(model, x) < 1e-6
        model.theta.value[...] += 0.1 * np.random.default_rng(seed).standard_normal(model.theta.size)  # the cure
        assert gradcheck.check_model(model, x) < 1e-6
    assert 3 < at_the_kink < 17


def test_a_jump_is_named():
    x = np.array([1e-6, 0.3])
    with pytest.raises(GradientError, match="kink or a jump"):
        gradcheck.check_gradient(lambda: float(x.sum() + (x > 0).sum()), {"x": (x, np.ones(2))})


def test_noise_that_is_not_frozen_is_named():
    layer = GaussianNoise(0.5)
    with pytest.raises(GradientError, match="GaussianNoise.*differs between two calls.*freeze"):
        gradcheck.check_layer(layer, X, training=True)
    layer.freeze(layer.draw(X))
    assert gradcheck.check_layer(layer, X, training=True) < 1e-6


# ---------------------------------------------------------------------- arguments


def test_float32_is_refused():
    with pytest.raises(TypeError, match="float64.*astype"):
        gradcheck.check_layer(Tanh(), X.astype("float32"))


def test_everything_is_put_back_when_the_objective_raises():
    x = np.ones(3)
    calls = iter([1.0])
    with pytest.raises(StopIteration):
        gradcheck.check_gradient(lambda: next(calls), {"x": (x, np.ones(3))})
    np.testing.assert_array_equal(x, 1)
