"""Every activation: the contract, its values against independent formulas, extremes, and its errors."""

import math

import numpy as np
import pytest

from npae.backend import missing
from npae.backend.formulas import on_numba
from npae.layers import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from tests.contract import check_layer, inputs
from tests.devices import each_device, on

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


def check_derivatives(layer, place, eps=1e-6):
    """φ′ and φ″ of `layer` are the derivatives of φ and of φ′."""
    a = inputs((5, 7))

    def derivatives(a):
        return [place.get(d) for d in layer.derivatives(*layer.forward(place.put(a)))]

    first, second = derivatives(a)
    h = [place.get(layer(place.put(a + step))) for step in (eps, -eps)]
    np.testing.assert_allclose(first, (h[0] - h[1]) / (2 * eps), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(second, (derivatives(a + eps)[0] - derivatives(a - eps)[0]) / (2 * eps), atol=1e-9)


@each_device
@each_activation
def test_the_derivatives_are_those_of_finite_differences(make, phi, device):
    with on(device) as place:
        check_derivatives(make(), place)


@pytest.mark.skipif(not on_numba.available(), reason=missing("Numba", "fast"))
@pytest.mark.parametrize("name", ["identity", "relu", "elu_0.5"])
def test_the_derivatives_by_compiled_loops(name, monkeypatch):
    """Constants among the results, which no other formula has, included."""
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    with on("cpu") as place:
        check_derivatives(ACTIVATIONS[name][0](), place)


@each_activation
def test_the_second_derivative_reads_no_more_than_is_kept(make, phi):
    layer = make()
    assert layer._derivatives.uses - {"h"} <= layer._backward.uses


@pytest.mark.parametrize("value", [-1e-3, 0.0, 1e-3])
def test_at_a_kink_the_derivatives_are_the_left_ones(value):
    a = np.array([[value]])
    for make, left, right in ((lambda: ELU(0.5), (0.5, 0.5), (1, 0)), (ReLU, (0, 0), (1, 0)), (ELU, (1, 1), (1, 0))):
        layer = make()
        expected = right if value > 0 else left
        np.testing.assert_allclose(np.ravel(layer.derivatives(*layer.forward(a))), expected, atol=2e-3)


def test_an_activation_without_second_derivative_says_so():
    class Cube(Activation):
        def f(self, a):
            return a * a * a

        def derivative(self, a, h):
            return 3 * a * a

    del Activation.registry["Cube"]
    layer, words = Cube(), r"Cube\(\): expected second_derivative\(a, h\) beside derivative"
    with pytest.raises(NotImplementedError, match=words):
        layer.derivatives(*layer.forward(np.ones((2, 3))))


@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_are_finite_and_silent(make, phi, dtype):
    a = np.array([[-1e4, -200.0, -1e-30, 0, 1e-30, 200, 1e4]], dtype)
    layer = make()
    h, cache = layer.forward(a)
    dx = layer.backward(np.ones_like(h), cache)
    assert np.isfinite(h).all() and np.isfinite(dx).all()
    assert all(np.isfinite(d).all() and d.dtype == dtype for d in layer.derivatives(h, cache))


@each_activation
@each_device
def test_a_sum_is_taken_in_one_sweep(make, phi, device):
    """forward_sum(y, b) is forward(y + b), bit for bit, for a row b and for one number per channel of images."""
    with on(device) as place:
        for y, b in ((inputs((4, 7)), inputs(7, 1)), (inputs((2, 3, 4, 5)), inputs((3, 1, 1), 1))):
            layer = make()
            h, cache = layer.forward(place.put(y + b))
            h_sum, cache_sum = layer.forward_sum(place.put(y.copy()), place.put(b))
            np.testing.assert_array_equal(place.get(h_sum), place.get(h))
            for kept, kept_sum in zip(cache, cache_sum, strict=True):
                assert (kept_sum is None) == (kept is None)
                if kept is not None:
                    np.testing.assert_array_equal(place.get(kept_sum), place.get(kept))


def test_nan_is_not_hidden():
    for make, _ in ACTIVATIONS.values():
        assert np.isnan(make()(np.array([[np.nan]]))).all()


def test_only_what_the_derivative_reads_is_kept():
    a = np.ones((2, 3))
    keeps = {  # (a, h)
        Sigmoid: (False, True), ReLU: (False, True), LeakyReLU: (False, True), Softplus: (True, False),
        SiLU: (True, True),
    }  # fmt: skip
    for make, kept in keeps.items():
        _, cache = make().forward(a)
        assert tuple(c is not None for c in cache) == kept


def test_a_wrong_derivative_is_found():
    class WrongTanh(Tanh):
        def derivative(self, a, h):
            return 1 - h  # the square is missing

    try:
        with pytest.raises(AssertionError, match="Worst coordinate"):
            check_layer(WrongTanh, (4, 7), "cpu")
    finally:
        del Activation.registry["WrongTanh"]


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda: LeakyReLU(1.0), "alpha of LeakyReLU: expected a number of at least 0 and below 1, got 1"),
     (lambda: LeakyReLU(-0.1), "got -0.1"), (lambda: ELU(0), "alpha of ELU: expected a number above 0, got 0")],
)
def test_impossible_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
