"""JumpReLU: the contract, its values, the pseudo-derivative as it is defined, and what it estimates."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import JumpReLU, Layer
from tests.contract import check_layer, inputs
from tests.devices import each_device, on


def layer_of(n, threshold=1.0, bandwidth=0.5):
    layer = JumpReLU(n, threshold, bandwidth).initialize(dtype=np.float64)
    layer.log_theta.value[...] += 0.2 * inputs(n, 7)
    return layer


@each_device
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("n", [1, 9])
def test_contract(n, training, device):
    check_layer(lambda: JumpReLU(n, 1.0, bandwidth=0.8), (6, n), device, training, defined=("log_theta",))


def test_values():
    layer = JumpReLU(3, threshold=0.5).initialize(dtype=np.float64)
    np.testing.assert_array_equal(layer([[0.6, 0.4, -9.0]] * np.ones((2, 1))), [[0.6, 0, 0]] * 2)
    np.testing.assert_allclose(layer.thresholds, 0.5, rtol=1e-15)


@each_device
def test_the_pseudo_derivative_is_the_definition_number_by_number(device):
    layer, x, dy = layer_of(4), np.abs(inputs((50, 4), 1)), inputs((50, 4), 2)
    theta, width = np.exp(layer.log_theta.value), layer.bandwidth
    expected, dx = np.zeros(4), np.zeros_like(x)
    for i, j in np.ndindex(x.shape):
        kernel = float(abs((x[i, j] - theta[j]) / width) < 0.5)
        expected[j] += dy[i, j] * -theta[j] / width * kernel * theta[j]  # ∂θ/∂(log θ) = θ
        dx[i, j] = dy[i, j] * (x[i, j] > theta[j])
    with on(device) as place:
        layer.to(place.name)
        _, cache = layer.forward(place.put(x), training=True)
        layer.theta.zero_grad()
        np.testing.assert_array_equal(place.get(layer.backward(place.put(dy), cache)), dx)
        np.testing.assert_allclose(place.get(layer.log_theta.grad), expected, rtol=1e-12)
    assert (expected != 0).all()


def test_near_threshold_is_the_derivative_of_a_ramp_which_finite_differences_measure():
    """−1/ε Σ_i K is ∂/∂θ of the sum of steps that are ramps of width ε around θ."""
    layer, x = layer_of(3), np.abs(inputs((80, 3), 1))
    theta, width = layer.thresholds.copy(), layer.bandwidth

    def ramps():
        return float(np.clip((x - theta) / width + 0.5, 0, 1).sum())

    gradient = -layer.near_threshold(layer.forward(x)[1])
    assert gradcheck.check_gradient(ramps, {"theta": (theta, gradient)}) < 1e-6


def test_it_estimates_the_derivative_of_the_mean_over_the_data():
    """∂/∂θ E[x H(x − θ)] = −θ p(θ), here for an exponential distribution, p(θ) = e^(−θ)."""
    n, theta = 400_000, 0.7
    x = np.random.default_rng(0).exponential(size=(n, 1))
    layer = JumpReLU(1, theta, bandwidth=0.1).initialize(dtype=np.float64)
    layer.backward(np.full((n, 1), 1 / n), layer.forward(x)[1])
    np.testing.assert_allclose(layer.log_theta.grad, [-theta * theta * np.exp(-theta)], rtol=0.02)


def test_the_measured_derivative_by_the_threshold_is_0():
    layer, x = layer_of(3), np.abs(inputs((20, 3), 1))
    zero = np.zeros(3)
    assert gradcheck.check_gradient(lambda: float(layer(x).sum()), {"θ": (layer.log_theta.value, zero)}) == 0


def test_a_backward_without_the_jump_is_found():
    class Through(JumpReLU):
        def backward(self, dy, cache, needs_dx=True):
            super().backward(dy, cache)
            return dy

    del Layer.registry["Through"]
    layer = Through(5, 1.0).initialize(dtype=np.float64)
    layer.log_theta.trainable = False
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, inputs((4, 5)), training=True)


@pytest.mark.parametrize("arguments", [(0,), (2, 0), (2, -1), (2, 1, 0), (2, 1, float("nan"))])
def test_impossible_arguments(arguments):
    with pytest.raises(ValueError, match="(n|threshold|bandwidth) of JumpReLU: expected .*, got"):
        JumpReLU(*arguments)


def test_impossible_inputs():
    with pytest.raises(ValueError, match=r"JumpReLU\(4, .*expected x of shape \(batch, 4\), got \(2, 5\)"):
        layer_of(4)(np.ones((2, 5)))
