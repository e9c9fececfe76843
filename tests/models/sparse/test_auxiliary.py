"""AuxK: value and gradient by the formulas, measured with a constant residual; no dead units; GPUs."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import UnitDense
from npae.models.sparse.auxiliary import auxiliary_loss
from tests.contract import inputs, made
from tests.devices import each_device, on

B, N, D, K, ALPHA = 5, 12, 4, 3, 0.3
DEAD = np.array([0, 2, 3, 7, 8, 11])


def parts(dead=DEAD):
    decoder = made(lambda: UnitDense(N, D), np.float64)
    since_active = np.zeros(N)
    since_active[dead] = 100
    return decoder, inputs((B, N), 3), since_active, inputs((B, D), 4), inputs((B, D), 5), inputs((B, N), 6)


def auxiliary(decoder, a, since_active, x, x_hat, h, k=K):
    """(J_aux, what it adds to ∂J/∂a)."""
    cache, da = decoder.forward(h)[1], a * 0
    settings = {"k": k, "strength": ALPHA, "dead_after": 100}
    return auxiliary_loss(decoder, cache, a, da, since_active, x, x_hat, **settings), da


def by_hand(decoder, a, dead, e, k=K):
    """(value, the code of dead units) by the definition, sample by sample."""
    code = np.zeros_like(a)
    for i, row in enumerate(a):
        for j in sorted(dead, key=lambda j: -row[j])[:k]:
            code[i, j] = max(row[j], 0)
    unit = decoder.W.value / np.linalg.norm(decoder.W.value, axis=1, keepdims=True)
    return ALPHA / B * 0.5 * ((code @ unit - e) ** 2).sum(), code


@each_device
@pytest.mark.parametrize("k", [1, K, 9])
def test_value_and_gradient_are_the_formulas(k, device):
    """9 is more than the number of dead units: all of them are chosen."""
    decoder, a, since_active, x, x_hat, h = parts()
    expected, code = by_hand(decoder, a, DEAD, x - x_hat, k)
    unit = decoder.directions.copy()
    with on(device) as place:
        decoder.to(place.name)
        value, da = auxiliary(decoder, *map(place.put, (a, since_active, x, x_hat, h)), k=k)
        np.testing.assert_allclose(float(value), expected, rtol=1e-12)
        d = ALPHA / B * (code @ unit - (x - x_hat))
        np.testing.assert_allclose(place.get(da), d @ unit.T * (code != 0), rtol=1e-11, atol=1e-14)
        assert np.abs(place.get(decoder.W.grad)[DEAD]).max() > 0
        assert not np.delete(place.get(decoder.W.grad), DEAD, axis=0).any() and not place.get(decoder.c.grad).any()


def test_the_gradient_is_measured_with_the_residual_as_a_constant():
    decoder, a, since_active, x, x_hat, h = parts()
    _, da = auxiliary(decoder, a, since_active, x, x_hat, h)
    places = {"a": (a, da), "θ": (decoder.theta.value, decoder.theta.grad.copy())}

    def value():
        return float(auxiliary(decoder, a, since_active, x, x_hat, h)[0])

    assert gradcheck.check_gradient(value, places) < 1e-6


@each_device
def test_without_dead_units_it_is_0_and_adds_nothing(device):
    decoder, *arrays = parts(dead=[])
    with on(device) as place:
        decoder.to(place.name)
        value, da = auxiliary(decoder, *map(place.put, arrays))
        assert float(value) == 0 and not place.get(decoder.theta.grad).any()
        assert not place.get(da).any()


def test_negative_activations_are_not_chosen():
    """A unit that learnt to be negative could not become active by that."""
    decoder, a, since_active, x, x_hat, h = parts()
    _, da = auxiliary(decoder, -np.abs(a), since_active, x, x_hat, h)
    assert not da.any() and not decoder.theta.grad.any()


@each_device
def test_a_step_on_the_gpu_does_not_wait(device):
    decoder, *arrays = parts()
    with on(device) as place:
        decoder.to(place.name)
        arrays = [place.put(array) for array in arrays]
        auxiliary(decoder, *arrays)
        with place.no_waiting():
            auxiliary(decoder, *arrays)
