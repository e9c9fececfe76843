"""Sparsity penalties: the contract, values by other means, the minimum at the target, and wrong versions."""

import math

import numpy as np
import pytest

from npae.layers import Dense, Flatten, ReLU, Sequential, Sigmoid, Tanh
from npae.penalties import L1, KLSparsity, Penalty
from tests.contract import check_penalty, inputs, penalised
from tests.devices import each_device


def logistic():
    return Sequential(Dense(6, 4, Sigmoid))


def linear():
    return Sequential(Dense(6, 4))


def divergence(model, x, rho=0.05):
    means = [float(np.mean(column)) for column in model.encoder(x).T]
    return sum(rho * math.log(rho / m) + (1 - rho) * math.log((1 - rho) / (1 - m)) for m in means)


def absolute(model, x):
    return sum(abs(float(v)) for v in model.encoder(x).ravel()) / len(x)


@each_device
def test_contract_of_kl(device):
    check_penalty(KLSparsity, logistic, divergence, device)


@each_device
def test_contract_of_kl_with_another_target(device):
    check_penalty(lambda strength: KLSparsity(strength, rho=0.4), logistic, lambda m, x: divergence(m, x, 0.4), device)


@each_device
@pytest.mark.parametrize("encoder", [linear, lambda: Sequential(Dense(6, 4, Tanh))], ids=["linear", "tanh"])
def test_contract_of_l1(encoder, device):
    check_penalty(L1, encoder, absolute, device)


def of_codes(penalty, h):
    """(λΩ, ∂λΩ/∂h) for given codes."""
    return penalty.value_and_gradient(penalised(logistic), np.asarray(h, np.float64), None)


def test_kl_is_zero_at_the_target_and_only_there():
    h = np.array([[0.1, 0.3], [0.3, 0.1]])  # both units have the mean 0.2
    value, dh = of_codes(KLSparsity(1, rho=0.2), h)
    assert value == pytest.approx(0, abs=1e-15) and np.abs(dh).max() < 1e-15
    for mean, sign in ((0.19, -1), (0.21, 1)):  # the gradient points away from ρ: going down leads back
        value, dh = of_codes(KLSparsity(1, rho=0.2), np.full((2, 2), mean))
        assert value > 0 and (np.sign(dh) == sign).all()


def test_kl_sees_units_not_samples():
    """Every sample has one of four units active: sparse in each unit (ρ̂ = ¼), whatever a sample's own mean is."""
    value, _ = of_codes(KLSparsity(1, rho=0.25), np.eye(4) * 0.96 + 0.01)
    assert value == pytest.approx(0, abs=1e-12)


def test_the_gradient_of_kl_carries_one_over_the_batch():
    h = inputs((8, 4)) * 0.02 + 0.5
    _, dh = of_codes(KLSparsity(3, rho=0.1), h)
    by_hand = 3 / 8 * (-0.1 / h.mean(axis=0) + 0.9 / (1 - h.mean(axis=0)))
    np.testing.assert_allclose(dh, np.broadcast_to(by_hand, h.shape), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("code", [0.0, 1.0])
def test_a_saturated_unit_gives_finite_numbers_that_lead_back(dtype, code):
    value, dh = KLSparsity(1).value_and_gradient(penalised(logistic), np.full((5, 4), code, dtype), None)
    assert np.isfinite(value) and value > 0.1
    assert np.isfinite(dh).all() and (np.sign(dh) == (1 if code else -1)).all()


def test_kl_does_not_hide_a_nan():
    assert np.isnan(of_codes(KLSparsity(1), np.full((2, 4), np.nan))[0])
    assert np.isnan(of_codes(L1(1), np.full((2, 4), np.nan))[0])


@pytest.mark.parametrize(("encoder", "end"), [
    (linear, "a linear layer"),
    (lambda: Dense(6, 4), "a linear layer"),
    (lambda: Sequential(Dense(6, 4, ReLU)), r"ReLU\(\)"),
    (lambda: Sequential(Dense(6, 4, Sigmoid), Tanh()), r"Tanh\(\)"),
    (lambda: Sequential(Dense(6, 4, Sigmoid), Flatten()), "a linear layer"),
])  # fmt: skip
def test_kl_needs_sigmoid_codes(encoder, end):
    model = penalised(encoder, KLSparsity(1))
    words = rf"expected an encoder that ends in Sigmoid.*got one that ends in {end}\. Give its last layer a Sigmoid, or"
    with pytest.raises(ValueError, match=words):
        model.backpropagate(inputs((3, 6)))


@pytest.mark.parametrize("encoder", [
    lambda: Dense(6, 4, "sigmoid"),
    lambda: Sequential(Sequential(Flatten(), Dense(6, 4)), Sequential(Sigmoid())),
])  # fmt: skip
def test_the_sigmoid_may_be_that_of_the_last_layer_or_a_layer_of_its_own(encoder):
    assert float(penalised(encoder, KLSparsity(1)).backpropagate(inputs((3, 6)))["sparsity"]) > 0


def test_the_derivative_of_l1_at_zero_is_zero():
    _, dh = of_codes(L1(2), [[-0.5, 0, -0.0, 3]])
    np.testing.assert_array_equal(dh, [[-2, 0, 0, 2]])


@pytest.mark.parametrize("rho", [0, 1, -0.1, 2, float("nan")])
def test_impossible_targets(rho):
    with pytest.raises(ValueError, match="rho of KLSparsity: expected a number above 0 and below 1, got"):
        KLSparsity(1, rho)


@pytest.mark.parametrize("penalty", [KLSparsity, L1])
@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_impossible_strengths(penalty, strength):
    with pytest.raises(ValueError, match=f"strength λ of {penalty.__name__}: expected a number above 0, got"):
        penalty(strength)


# ---------------------------------------------------------------------- wrong versions are found


class Wrong(Penalty):
    """KL by plain formulas, to be made wrong in one place."""

    term, axis, mean = "wrong", 0, True
    rho = 0.05

    def value(self, model, h, cache):
        m = h.mean(axis=self.axis)
        return self.strength * (self.rho * np.log(self.rho / m) + 0.95 * np.log(0.95 / (1 - m))).sum()

    def value_and_gradient(self, model, h, cache):
        m = h.mean(axis=self.axis, keepdims=True)
        derivative = (0.95 / (1 - m) - self.rho / m) * self.strength / (h.shape[self.axis] if self.mean else 1)
        return self.value(model, h, cache), derivative + np.zeros_like(h)


class WrongAxis(Wrong):
    axis = 1


class WithoutOneOverB(Wrong):
    mean = False


class ClampedToZero(Wrong):
    def value(self, model, h, cache):
        return np.minimum(super().value(model, h, cache), 0)

    def value_and_gradient(self, model, h, cache):
        return self.value(model, h, cache), np.zeros_like(h)


class Broadcast(Wrong):
    def value_and_gradient(self, model, h, cache):
        value, dh = super().value_and_gradient(model, h, cache)
        return value, dh[:1]


for _name in ("Wrong", "WrongAxis", "WithoutOneOverB", "ClampedToZero", "Broadcast"):
    del Penalty.registry[_name]


@pytest.mark.parametrize(
    ("wrong", "plain", "words"),
    [
        (WrongAxis, divergence, "not the value of the formula"),
        (WithoutOneOverB, divergence, "along a random direction|not a mean"),
        (ClampedToZero, lambda model, x: 0, "no gradient at default arguments"),
        (Broadcast, divergence, "not of the codes' shape"),
    ],
)
def test_wrong_versions_are_found(wrong, plain, words):
    with pytest.raises(AssertionError, match=words):
        check_penalty(wrong, logistic, plain, "cpu")


def test_the_same_without_the_mistake_passes_up_to_its_description():
    with pytest.raises(ValueError, match="there is no Penalty 'Wrong'"):  # the last that is looked at
        check_penalty(Wrong, logistic, divergence, "cpu")
