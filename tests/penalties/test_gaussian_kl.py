"""KL divergence of a Gaussian code: the contract, Monte Carlo, the zero of the divergence, wrong versions."""

import math

import numpy as np
import pytest

from npae.layers import Dense, GaussianSample
from npae.penalties import GaussianKL, Penalty
from tests.contract import check_penalty, inputs, penalised
from tests.devices import each_device


def linear():
    return Dense(6, 4)  # two codes: [μ₁ μ₂ | log σ₁² log σ₂²]


def divergence(model, x):
    total = 0.0
    for *mean, a, b in model.encoder(x):
        for m, log_var in zip(mean, (a, b), strict=True):
            total += 0.5 * (m * m + math.exp(log_var) - 1 - log_var)
    return total / len(x)


def of(stats, strength=1.0):
    """(λΩ, ∂λΩ/∂h) for given statistics."""
    return GaussianKL(strength).value_and_gradient(None, np.asarray(stats, np.float64), None)


@each_device
def test_contract(device):
    check_penalty(GaussianKL, linear, divergence, device)


def test_term_and_default_strength():
    assert GaussianKL().term == "kl" and GaussianKL().strength == 1


def test_it_is_zero_at_the_standard_normal_distribution_and_only_there():
    value, dh = of(np.zeros((3, 4)))
    assert value == 0 and (dh == 0).all()
    for k in range(4):
        for step in (-0.01, 0.01):
            stats = np.zeros((1, 4))
            stats[0, k] = step
            value, dh = of(stats)
            assert value > 0 and np.sign(dh[0, k]) == np.sign(step) and np.count_nonzero(dh) == 1


def test_small_divergences_keep_their_digits():
    for step in (1e-3, -1e-5):
        value, _ = of([[0, step]])
        exact = step**2 / 4 + step**3 / 12  # the series of ½ (eᵗ − 1 − t)
        assert value == pytest.approx(exact, rel=1e-5)


def test_by_hand():
    value, dh = of([[2.0, math.log(9)]])  # ½ (4 + 9 − 1 − ln 9)
    assert value == pytest.approx(6 - math.log(3), rel=1e-14)
    np.testing.assert_allclose(dh, [[2, 4]], rtol=1e-14)


def monte_carlo(stats, n=400_000):
    """(mean, standard error) of ln q(z) − ln p(z) over codes z ~ q, sampled by GaussianSample as in training."""
    many = np.repeat(stats, n, axis=0)
    z, (noise, _) = GaussianSample().forward(many, training=True)
    _, log_var = GaussianSample().split(many)
    ln_q = -0.5 * (math.log(2 * math.pi) + log_var + (z - many[:, : z.shape[1]]) ** 2 / np.exp(log_var))
    ln_p = -0.5 * (math.log(2 * math.pi) + z**2)
    ratios = (ln_q - ln_p).sum(axis=1)
    return ratios.mean(), ratios.std() / math.sqrt(n)


STATS = np.array([[0.7, -1.2, 0.5, -2.0]])


def test_against_monte_carlo():
    mean, error = monte_carlo(STATS)
    assert abs(of(STATS)[0] - mean) < 4 * error and error < 0.01 * mean


def test_one_value_per_sample():
    stats = inputs((5, 6))
    rows = GaussianKL(3.0).per_sample(stats)
    np.testing.assert_allclose(rows, [of(stats[i : i + 1])[0] for i in range(5)], rtol=1e-13)


@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_impossible_strengths(strength):
    with pytest.raises(ValueError, match="strength λ of GaussianKL: expected a number above 0, got"):
        GaussianKL(strength)


# ---------------------------------------------------------------------- wrong versions are found


class Wrong(Penalty):
    """KL by plain formulas; subclasses are wrong in one place."""

    term, sign = "kl", 1

    def variance(self, log_var):
        return np.exp(log_var)

    def value(self, model, h, cache):
        mean, log_var = h[:, :2], h[:, 2:]
        return self.strength * 0.5 * (mean**2 + self.variance(log_var) - 1 - log_var).sum() / len(h)

    def value_and_gradient(self, model, h, cache):
        mean, log_var = h[:, :2], h[:, 2:]
        dh = np.concatenate([mean, 0.5 * (self.variance(log_var) - 1)], axis=1)
        return self.value(model, h, cache), self.sign * self.strength * dh / len(h)


class TheDeviationForTheVariance(Wrong):
    def variance(self, log_var):
        return np.exp(0.5 * log_var)


class WrongSign(Wrong):
    sign = -1


class ClampedToZero(Wrong):
    """Clamped with min in place of max, which leaves 0."""

    def value(self, model, h, cache):
        return np.minimum(super().value(model, h, cache), 0)

    def value_and_gradient(self, model, h, cache):
        return self.value(model, h, cache), np.zeros_like(h)


for _wrong in (Wrong, TheDeviationForTheVariance, WrongSign, ClampedToZero):
    del Penalty.registry[_wrong.__name__]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (TheDeviationForTheVariance, "not the value of the formula"),
        (WrongSign, "along a random direction"),
        (ClampedToZero, "not the value of the formula"),
    ],
)
def test_wrong_versions_are_found(wrong, words):
    with pytest.raises(AssertionError, match=words):
        check_penalty(wrong, linear, divergence, "cpu")


def test_a_clamped_divergence_has_no_gradient():
    with pytest.raises(AssertionError, match="no gradient at default arguments"):
        check_penalty(ClampedToZero, linear, lambda model, x: 0, "cpu")


def test_monte_carlo_finds_the_deviation_for_the_variance():
    mean, error = monte_carlo(STATS)
    assert abs(TheDeviationForTheVariance(1).value(None, STATS, None) - mean) > 20 * error


def test_the_version_without_a_mistake_fails_only_at_its_description():
    with pytest.raises(ValueError, match="there is no Penalty 'Wrong'"):  # the last check
        check_penalty(Wrong, linear, divergence, "cpu")


def test_penalised_models_have_the_term():
    assert penalised(linear, GaussianKL(0.5)).evaluate(inputs((7, 6)))["kl"] > 0
