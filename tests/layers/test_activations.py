"""Every activation: the contract, its values against independent formulas, extremes, and its errors."""

import math

import numpy as np
import pytest

from npae.layers import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from tests.contract import check_layer
from tests.devices import each_device

ACTIVATIONS = {  # how to make it, and φ by other means
    "identity": (Identity, lambda a: a),
    "sigmoid": (Sigmoid, lambda a: 1 / (1 + math.exp(-a))),
    "tanh": (Tanh, math.tanh),
    "relu": (ReLU, lambda a: a if a > 0 else 0.0),
    "leaky_relu": (LeakyReLU, lambda a: a if a > 0 else 0.01 * a),
    "leaky_relu_0.3": (lambda: LeakyReLU(0.3), lambda a: a if a > 0 else 0.3 * a),
    "elu": (ELU, lambda a: a if a > 0 else math.exp(a) - 1),
    "elu_0.5": (lambda: ELU(0.5), lambda a: a if a > 0 else 0.5 * (math.exp(a) - 1)),
    "silu": (SiLU, lambda a: a / (1 + math.exp(-a))),
    "softplus": (Softplus, lambda a: math.log(1 + math.exp(a))),
}
each_activation = pytest.mark.parametrize(("make", "phi"), ACTIVATIONS.values(), ids=ACTIVATIONS)


@each_device
@each_activation
def test_contract(make, phi, device):
    check_layer(make, (4, 7), device)


@each_device
def test_contract_for_images(device):
    check_layer(Tanh, (2, 3, 4, 5), device)


@each_activation
def test_values(make, phi):
    a = np.linspace(-5, 5, 41).reshape(1, -1)
    np.testing.assert_allclose(make()(a)[0], [phi(v) for v in a[0]], rtol=1e-12, atol=1e-15)


@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_are_finite_and_silent(make, phi, dtype):
    a = np.array([[-1e4, -200.0, -1e-30, 0, 1e-30, 200, 1e4]], dtype)
    layer = make()
    h, cache = layer.forward(a)
    dx = layer.backward(np.ones_like(h), cache)
    assert np.isfinite(h).all() and np.isfinite(dx).all()


def test_nan_is_not_hidden():
    for make, _ in ACTIVATIONS.values():
        assert np.isnan(make()(np.array([[np.nan]]))).all()


def test_only_what_the_slope_reads_is_kept():
    a = np.ones((2, 3))
    keeps = {  # (a, h)
        Sigmoid: (False, True), ReLU: (False, True), LeakyReLU: (False, True), Softplus: (True, False),
        SiLU: (True, True),
    }  # fmt: skip
    for make, kept in keeps.items():
        _, cache = make().forward(a)
        assert tuple(c is not None for c in cache) == kept


def test_a_wrong_slope_is_found():
    class WrongTanh(Tanh):
        def slope(self, a, h):
            return 1 - h  # the square is missing

    try:
        with pytest.raises(AssertionError, match="Worst coordinate"):
            check_layer(WrongTanh, (4, 7), "cpu")
    finally:
        del Activation.registry["WrongTanh"]


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda: LeakyReLU(1.0), "alpha < 1"), (lambda: LeakyReLU(-0.1), "0 <= alpha"), (lambda: ELU(0), "alpha > 0")],
)
def test_impossible_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
