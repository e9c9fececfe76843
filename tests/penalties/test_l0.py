"""The number of active units: the contract, the pseudo-derivative as it is defined, errors."""

import numpy as np
import pytest

from npae.layers import Dense, JumpReLU, ReLU, Sequential
from npae.penalties import L0
from tests.contract import check_penalty, inputs, penalised
from tests.devices import each_device


def encoder(width=2.0):
    return Sequential(Dense(6, 4), JumpReLU(4, 0.5, width))


def mean_count(model, x):
    return (model.encoder(x) != 0).sum(axis=1).mean()


@each_device
def test_contract(device):
    check_penalty(L0, encoder, mean_count, device, measured=False)


def test_the_pseudo_derivative_is_the_definition_number_by_number():
    model, x = penalised(encoder, L0(0.7)), inputs((30, 6), 1)
    h, cache = model.encoder.forward(x)
    model.theta.zero_grad()
    _, dh = model.penalties[0].value_and_gradient(model, h, cache)
    assert dh is None
    layer = model.encoder[1]
    a, theta, expected = model.encoder[0](x), np.exp(layer.log_theta.value), np.zeros(4)
    for i, j in np.ndindex(a.shape):
        kernel = float(abs((a[i, j] - theta[j]) / layer.bandwidth) < 0.5)
        expected[j] -= 0.7 / 30 / layer.bandwidth * kernel * theta[j]
    np.testing.assert_allclose(layer.log_theta.grad, expected, rtol=1e-12)
    assert (expected < 0).all() and not model.encoder[0].W.grad.any()


def test_it_estimates_the_derivative_of_the_mean_count():
    """∂/∂(log θ) P(a > θ) = −θ p(θ), here with a = x uniform on (0, 1): p = 1."""
    n = 200_000
    model = penalised(lambda: Sequential(Dense(6, 4), JumpReLU(4, 0.5, 0.1)), L0(1.0))
    model.encoder[0].W.value[...], model.encoder[0].b.value[...] = np.eye(6, 4), 0
    model.encoder[1].log_theta.value[...] = np.log(0.4)
    h, cache = model.encoder.forward(np.random.default_rng(0).random((n, 6)))
    model.theta.zero_grad()
    model.penalties[0].value_and_gradient(model, h, cache)
    np.testing.assert_allclose(model.encoder[1].log_theta.grad, -0.4, rtol=0.03)


@pytest.mark.parametrize("end", [Dense(6, 4), Sequential(Dense(6, 4), ReLU())], ids=repr)
def test_other_encoders_are_refused(end):
    model = penalised(lambda: end, L0(1.0))
    with pytest.raises(ValueError, match=r"L0\(.*expected an encoder that ends in JumpReLU.*got one that ends in .*L1"):
        model.backpropagate(inputs((5, 6)))
