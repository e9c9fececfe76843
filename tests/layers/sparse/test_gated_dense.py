"""Gates and magnitudes: the contract, formulas, the gradient of the gates, errors."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import CenteredDense, Dense, GatedDense, Layer, UnitDense
from tests.contract import check_layer, inputs, made
from tests.devices import each_device


@each_device
@pytest.mark.parametrize("sizes", [(5, 3), (2, 4), (4, 2)])
def test_contract(sizes, device):
    check_layer(lambda: GatedDense(UnitDense(*sizes)), (9, sizes[1]), device)


def test_value_and_gradients_are_the_formulas():
    layer, x = made(lambda: GatedDense(UnitDense(4, 3)), np.float64), inputs((9, 3), 1)
    dh, dg = inputs((9, 4), 2), inputs((9, 4), 3)
    W, b, rho, d, c = (p.value for p in layer.parameters)
    h, cache = layer.forward(x)
    dx = layer.backward(dh, cache, dgate=dg)
    pi = (x - c) @ W.T
    gate, m = pi + b, np.exp(rho) * pi + d
    np.testing.assert_allclose(h, (gate > 0) * np.maximum(m, 0), rtol=1e-13)
    np.testing.assert_allclose(cache[-1], gate, rtol=1e-13)
    dm = dh * (gate > 0) * (m > 0)
    dpi = np.exp(rho) * dm + dg
    for p, expected in zip(
        layer.parameters, (dpi.T @ (x - c), dg.sum(0), (dm * np.exp(rho) * pi).sum(0), dm.sum(0), -dpi.sum(0) @ W),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(p.grad, expected, rtol=1e-11, err_msg=p.name)
    np.testing.assert_allclose(dx, dpi @ W, rtol=1e-12)
    assert ((gate > 0) != (m > 0)).any(), "gate and magnitude agree everywhere: the test sees no difference"


def test_the_gradient_of_the_gates_is_measured():
    """J = Σ R ⊙ g: with dh = 0, ∂J/∂θ is that of the linear map alone."""
    layer, x, R = made(lambda: GatedDense(UnitDense(4, 3)), np.float64), inputs((5, 3), 1), inputs((5, 4), 2)
    _, cache = layer.forward(x)
    layer.backward(np.zeros((5, 4)), cache, dgate=R)
    error = gradcheck.check_gradient(
        lambda: float((layer.forward(x)[1][-1] * R).sum()), {"θ": (layer.theta.value, layer.theta.grad)}
    )
    assert error < 1e-6


def test_without_b_d_and_rho_it_is_a_rectified_linear_layer():
    gated = GatedDense(UnitDense(6, 3)).initialize(dtype=np.float64)
    linear = CenteredDense(UnitDense(6, 3)).initialize(dtype=np.float64)
    x = inputs((5, 3), 1)
    np.testing.assert_allclose(gated(x), np.maximum(linear(x), 0), rtol=1e-13)


def test_a_backward_without_the_scale_is_found():
    class Forgets(GatedDense):
        def backward(self, dy, cache, needs_dx=True, dgate=None):
            x, pi, scale, h, gate = cache
            return super().backward(dy, (x, pi, scale * 0 + 1, h, gate), needs_dx, dgate)

    del Layer.registry["Forgets"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(made(lambda: Forgets(UnitDense(5, 3)), np.float64), inputs((6, 3)))


def test_impossible_decoders():
    with pytest.raises(TypeError, match=r"GatedDense: expected the UnitDense layer whose c it subtracts, got Dense"):
        GatedDense(Dense(3, 2))
