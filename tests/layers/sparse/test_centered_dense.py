"""Encoders of centred inputs, without and with gates: the contract, formulas, the shared centre, errors."""

import copy

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import CenteredDense, Dense, Layer, Sequential, UnitDense
from tests.contract import check_layer, inputs, made
from tests.devices import each_device


@each_device
@pytest.mark.parametrize("sizes", [(5, 3), (1, 4), (4, 2)])
def test_contract(sizes, device):
    check_layer(lambda: CenteredDense(UnitDense(*sizes)), (6, sizes[1]), device)


def both():
    decoder = UnitDense(5, 3)
    return Sequential(CenteredDense(decoder), decoder)


@each_device
def test_contract_of_both_together(device):
    check_layer(both, (6, 3), device)


def test_value_and_gradients_are_the_formulas():
    layer, x, da = made(lambda: CenteredDense(UnitDense(4, 3)), np.float64), inputs((6, 3), 1), inputs((6, 4), 2)
    W, b, c = layer.W.value, layer.b.value, layer.c.value
    a, cache = layer.forward(x)
    dx, expected = layer.backward(da, cache), np.zeros_like(a)
    for i, j in np.ndindex(a.shape):
        expected[i, j] = sum((x[i, k] - c[k]) * W[j, k] for k in range(3)) + b[j]
    np.testing.assert_allclose(a, expected, rtol=1e-13)
    np.testing.assert_allclose(layer.W.grad, np.einsum("ij,ik->jk", da, x - c), rtol=1e-12)
    np.testing.assert_allclose(layer.b.grad, da.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.c.grad, -np.einsum("ij,jk->k", da, W), rtol=1e-12)
    np.testing.assert_allclose(dx, np.einsum("ij,jk->ik", da, W), rtol=1e-12)


def test_the_centre_is_one_parameter_also_in_a_copy():
    network = both().initialize(dtype=np.float64)
    assert [name for name, _ in network.named_parameters()] == ["0.W", "0.b", "0.c", "1.W"]
    twin = copy.deepcopy(network)
    assert twin[0].c is twin[1].c is not network[0].c


def test_a_backward_that_forgets_the_centre_is_found():
    class Forgets(CenteredDense):
        def backward(self, dy, cache, needs_dx=True):
            dx = super().backward(dy, cache, needs_dx)
            self.c.grad[...] = 0
            return dx

    del Layer.registry["Forgets"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(made(lambda: Forgets(UnitDense(5, 3)), np.float64), inputs((4, 3)))


def test_impossible_decoders_and_inputs():
    with pytest.raises(TypeError, match=r"CenteredDense: expected the UnitDense layer whose c it subtracts, got Dense"):
        CenteredDense(Dense(3, 2))
    with pytest.raises(ValueError, match=r"CenteredDense\(2 -> 3\): expected x of shape \(batch, 2\), got \(5, 4\)"):
        CenteredDense(UnitDense(3, 2)).initialize()(np.ones((5, 4), np.float32))
