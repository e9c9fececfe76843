"""npae.models.adversarial.game: both gradients by finite differences, what stays unchanged, diagnostics, errors."""

import re

import numpy as np
import pytest

from npae.layers import BatchNorm, Conv2D, Dense, Dropout, Identity, LeakyReLU, ReLU, Sequential, Sigmoid, Tanh
from npae.models import GaussianPrior
from npae.models.adversarial.game import check_parts, diagnostics, discriminator_step, diversity, generator_gradient
from tests.contract import inputs, made
from tests.devices import each_device, on

REAL, FAKE = inputs((9, 5)), inputs((9, 5), 1)


def network():
    return Sequential(Dense(5, 6, Tanh), Dense(6, 1))


def measured(function, at, h=1e-5):
    """The gradient of the function at `at` by central differences, number by number."""
    gradient = np.empty_like(at)
    for k in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[k] += h
        down[k] -= h
        gradient[k] = (function(up) - function(down)) / (2 * h)
    return gradient


@each_device
@pytest.mark.parametrize("r", [1.0, 0.9])
def test_the_discriminator_step_adds_its_gradient(device, r):
    with on(device) as place:
        discriminator, real, fake = made(network, np.float64, place.name), place.put(REAL), place.put(FAKE)
        theta = discriminator.theta
        begin = place.get(theta.value).copy()

        def value(vector):
            theta.assign(vector)
            theta.zero_grad()
            return float(discriminator_step(discriminator, real, fake, r))

        expected = measured(value, begin)
        value(begin)
        np.testing.assert_allclose(place.get(theta.grad), expected, rtol=1e-6, atol=1e-9)


@each_device
@pytest.mark.parametrize("saturating", [False, True])
def test_the_generator_gradient_is_the_measured_one(device, saturating):
    with on(device) as place:
        discriminator = made(network, np.float64, place.name)
        _, d_fake = generator_gradient(discriminator, place.put(FAKE), saturating)
        expected = measured(lambda x: float(generator_gradient(discriminator, place.put(x), saturating)[0]), FAKE)
        np.testing.assert_allclose(place.get(d_fake), expected, rtol=1e-6, atol=1e-9)


def test_the_generator_gradient_leaves_the_discriminator_unchanged():
    discriminator = made(lambda: Sequential(Dense(5, 6), BatchNorm(6), Tanh(), Dense(6, 1)), np.float64)
    discriminator_step(discriminator, REAL, FAKE)
    gradient, statistics = discriminator.theta.grad.copy(), discriminator.statistics.value.copy()
    generator_gradient(discriminator, FAKE)
    np.testing.assert_array_equal(discriminator.theta.grad, gradient)
    np.testing.assert_array_equal(discriminator.statistics.value, statistics)
    discriminator_step(discriminator, REAL, FAKE)
    assert (discriminator.theta.grad != gradient).any() and (discriminator.statistics.value != statistics).all()


def test_small_steps_lower_both_losses():
    discriminator, real, fake = made(network, np.float64), inputs((9, 5)), inputs((9, 5), 1)
    theta = discriminator.theta
    theta.zero_grad()
    before = discriminator_step(discriminator, real, fake)
    value, d_fake = generator_gradient(discriminator, fake)
    assert generator_gradient(discriminator, fake - 0.1 * d_fake)[0] < value
    theta.value[...] -= 0.01 * theta.grad
    assert discriminator_step(discriminator, real, fake) < before


def test_diagnostics():
    a, b = np.array([[3.0], [-1], [2], [5]]), np.array([[-2.0], [-3], [1], [4]])
    found = diagnostics(a, b)
    assert found["real_accuracy"] == 0.75 and found["fake_accuracy"] == 0.5
    expected = np.log1p(np.exp(-a)).mean() + np.log1p(np.exp(b)).mean()
    assert found["discriminator"] == pytest.approx(expected)
    assert found["generator"] == pytest.approx(np.log1p(np.exp(-b)).mean())


def test_diversity_is_the_ratio_of_mean_distances():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 2, 3)), 3 * rng.standard_normal((30, 2, 3)) + 5

    def mean_distance(z):  # over all pairs, a row and itself included
        return np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=(2, 3)).mean())

    assert diversity(y, x) == pytest.approx(mean_distance(y) / mean_distance(x), rel=1e-12)
    assert diversity(np.ones((5, 4)), x) == 0 and np.isfinite(diversity(x, np.ones((5, 6))))


def test_a_discriminator_has_one_logit_per_sample():
    discriminator = made(lambda: Sequential(Dense(5, 3), Tanh(), Dense(3, 2)), np.float64)
    with pytest.raises(ValueError, match=r"Expected a discriminator with one logit per sample, \(9, 1\), got \(9, 2\)"):
        discriminator_step(discriminator, inputs((9, 5)), inputs((9, 5), 1))


@pytest.mark.parametrize("last", [Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.2)], ids=repr)
def test_a_discriminator_that_ends_in_an_activation_is_refused(last):
    words = f"Sequential: expected a discriminator that ends in a linear layer, got {last!r} at its end. Leave it out"
    for discriminator in (Sequential(Dense(5, 1), last), Sequential(Dense(5, 6), Sequential(Dense(6, 1), last)),
                          Dense(5, 1, last), Sequential(Dense(5, 6), Sequential(Dense(6, 1, last))),
                          Sequential(Conv2D(1, 1, 3, activation=last))):  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(words)):
            check_parts(network(), discriminator, GaussianPrior(3))


def test_a_discriminator_that_ends_in_a_linear_layer_is_not():
    for end in (Identity(), Dropout(0.1), Sequential(Dense(1, 1))):
        check_parts(network(), Sequential(Dense(5, 6, Sigmoid), Dense(6, 1), end), GaussianPrior(3))
    for linear in (Dense(5, 1), Dense(5, 1, Identity), Sequential(Conv2D(1, 1, 3))):
        check_parts(network(), linear, GaussianPrior(3))


@pytest.mark.parametrize("prior", [None, GaussianPrior, np.random.default_rng(0), Dense(3, 3)], ids=type)
def test_what_is_not_a_prior_is_refused(prior):
    with pytest.raises(TypeError, match=r"expected a prior of codes such as models.GaussianPrior\(2\), got"):
        check_parts(network(), network(), prior)
