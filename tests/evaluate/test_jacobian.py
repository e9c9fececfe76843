"""The mean norm of the encoder's Jacobian: against finite differences, for shallow, deep and k-sparse encoders."""

import numpy as np
import pytest

from npae.evaluate import jacobian_norm
from npae.layers import Dense, Flatten, ReLU, Sequential, Sigmoid, SiLU, Tanh, TopK
from npae.penalties import Contractive
from tests.contract import inputs, penalised
from tests.devices import each_device, on


def norms(encoder, x, eps=1e-6):
    """‖∂h_i/∂x_i‖ of each sample, by central differences."""
    squares = np.zeros(len(x))
    for k in range(x.shape[1]):
        step = np.zeros_like(x)
        step[:, k] = eps
        squares += (((encoder(x + step) - encoder(x - step)) / (2 * eps)) ** 2).sum(axis=1)
    return np.sqrt(squares)


ENCODERS = {
    "bare": lambda: Dense(6, 4),
    "shallow": lambda: Sequential(Flatten(), Dense(6, 4, Sigmoid)),
    "deep": lambda: Sequential(Dense(6, 5, SiLU), Dense(5, 5, ReLU), Dense(5, 4, Tanh)),
    "k-sparse": lambda: Sequential(Dense(6, 4), TopK(2)),
}


@each_device
@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_it_agrees_with_finite_differences(make, device):
    x = inputs((5, 6))
    expected = norms(penalised(make).encoder, x).mean()
    with on(device) as place:
        assert jacobian_norm(penalised(make, device=place.name), place.put(x)) == pytest.approx(expected, rel=1e-7)


def test_contraction_is_its_mean_square():
    model, x = penalised(ENCODERS["shallow"], Contractive(1.0)), inputs((1, 6))
    assert jacobian_norm(model, x) ** 2 == pytest.approx(model.evaluate(x)["contraction"], rel=1e-12)


def test_gradients_are_left_as_they_were():
    model, x = penalised(ENCODERS["deep"]), inputs((5, 6))
    model.theta.zero_grad()
    model.backpropagate(x)
    before = model.theta.grad.copy()
    jacobian_norm(model, x)
    np.testing.assert_array_equal(model.theta.grad, before)
    model.theta.zero_grad()
    jacobian_norm(model, x)
    model.backpropagate(x)
    np.testing.assert_array_equal(model.theta.grad, before)
