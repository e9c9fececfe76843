"""Gaussian likelihoods: the contract, values beside the standard library's density, integrals, and wrong versions."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from npae import gradcheck
from npae.losses import GaussianNLL, HeteroscedasticGaussianNLL, SquaredError
from npae.serialization.architecture import build, describe
from tests.contract import check_loss, inputs
from tests.devices import each_device, on

X_HAT, X = inputs((5, 7), 0), inputs((5, 7), 1)
BOTH = np.concatenate([X_HAT, 0.5 * inputs((5, 7), 2)], axis=1)  # [x̂ | a]


def plain(x_hat, x, std):
    """−ln p a sample, number by number, from the normal density."""
    std = np.broadcast_to(std, x.shape)
    return [-sum(math.log(NormalDist(m, s).pdf(v)) for m, v, s in zip(*row, strict=True))
            for row in zip(x_hat, x, std, strict=True)]  # fmt: skip


# ---------------------------------------------------------------------- one deviation


@each_device
@pytest.mark.parametrize("std", [1.0, 0.1, 3])
def test_contract(device, std):
    check_loss(GaussianNLL(std), X_HAT, X, device, floor=7 * 0.5 * math.log(2 * math.pi * std**2))


@pytest.mark.parametrize("std", [1.0, 0.3, 5.0])
def test_it_is_minus_the_logarithm_of_the_density(std):
    np.testing.assert_allclose(GaussianNLL(std).per_sample(X_HAT, X), plain(X_HAT, X, std), rtol=1e-12)


def test_of_deviation_1_it_is_squared_error_and_a_constant():
    value, gradient = GaussianNLL().value_and_gradient(X_HAT, X)
    squared, gradient_squared = SquaredError().value_and_gradient(X_HAT, X)
    assert value == pytest.approx(squared + 7 / 2 * math.log(2 * math.pi), rel=1e-13)
    np.testing.assert_allclose(gradient, gradient_squared, rtol=1e-13)


def integral(loss, *outputs):
    """∫ p(x) dx of one feature, by the trapezoidal rule, for the outputs of one sample."""
    x = np.linspace(-20, 20, 4001)[:, None]
    prediction = np.broadcast_to(np.array(outputs), (len(x), len(outputs)))
    return np.trapezoid(np.exp(-loss.per_sample(np.ascontiguousarray(prediction), x)), x[:, 0])


def test_densities_integrate_to_1_and_squared_error_is_none():
    assert integral(GaussianNLL(0.7), 0.4) == pytest.approx(1, rel=1e-9)
    assert integral(HeteroscedasticGaussianNLL(0.1), 0.4, -0.7) == pytest.approx(1, rel=1e-9)
    assert integral(SquaredError(), 0.4) > 2


@pytest.mark.parametrize("std", [0, -1, math.inf, math.nan])
def test_impossible_deviations(std):
    with pytest.raises(ValueError, match=f"std of GaussianNLL: expected .* 1e-18 .*, got {std}. Scale"):
        GaussianNLL(std)
    with pytest.raises(ValueError, match=f"min_std of HeteroscedasticGaussianNLL: .*, got {std}. Scale"):
        HeteroscedasticGaussianNLL(std)


# ---------------------------------------------------------------------- one for each feature


@each_device
@pytest.mark.parametrize("min_std", [0.5 / 255, 0.8])
def test_learned_deviations_by_finite_differences_and_by_the_density(device, min_std):
    loss = HeteroscedasticGaussianNLL(min_std)
    with on(device) as place:
        prediction, x = place.put(BOTH), place.put(X)
        gradcheck.check_loss(loss, prediction, x)
        value, gradient = loss.value_and_gradient(prediction, x)
        expected = plain(X_HAT, X, np.sqrt(np.exp(BOTH[:, 7:]) + min_std**2))
        np.testing.assert_allclose(place.get(loss.per_sample(prediction, x)), expected, rtol=1e-12)
        assert float(value) == pytest.approx(np.mean(expected), rel=1e-12)
        assert np.abs(place.get(gradient)[:, :7]).min() > 0 and np.abs(place.get(gradient)[:, 7:]).min() > 0
        np.testing.assert_array_equal(place.get(loss.output(prediction)), X_HAT)
        prediction, x = place.put(BOTH.astype(np.float32)), place.put(X.astype(np.float32))
        with place.no_waiting():
            value32, gradient32 = loss.value_and_gradient(prediction, x)
        assert (value32.dtype, gradient32.dtype) == (np.float32, np.float32)
        assert float(value32) == pytest.approx(float(value), rel=1e-5)


def test_images_have_twice_the_channels():
    x, prediction = inputs((3, 2, 4, 5), 1), inputs((3, 4, 4, 5), 2)
    loss = HeteroscedasticGaussianNLL()
    _, gradient = loss.value_and_gradient(prediction, x)
    a, b = (part.reshape(3, -1) for part in (prediction[:, :2], prediction[:, 2:]))
    flat = loss.value_and_gradient(np.concatenate([a, b], axis=1), x.reshape(3, -1))[1]
    np.testing.assert_allclose(gradient[:, :2].reshape(3, -1), flat[:, :40], rtol=1e-12)
    np.testing.assert_allclose(gradient[:, 2:].reshape(3, -1), flat[:, 40:], rtol=1e-12)
    assert loss.output(prediction).shape == x.shape


def test_the_best_variance_is_the_squared_error():
    x_hat, x = np.full((1, 3), 0.2), np.array([[0.7, 0.2 + 0.1, 1.2]])
    a = np.log((x - x_hat) ** 2 - 0.01**2)
    _, gradient = HeteroscedasticGaussianNLL(0.01).value_and_gradient(np.concatenate([x_hat, a], axis=1), x)
    np.testing.assert_allclose(gradient[:, 3:], 0, atol=1e-12)


def test_a_feature_that_never_varies_costs_a_finite_number_and_no_warning():
    for dtype in (np.float32, np.float64):
        prediction = np.array([[0.0, -1e4]], dtype)  # e^a = 0
        value, gradient = HeteroscedasticGaussianNLL(0.01).value_and_gradient(prediction, np.zeros((1, 1), dtype))
        assert value == pytest.approx(math.log(0.01 * math.sqrt(2 * math.pi)), rel=1e-5) and np.isfinite(gradient).all()


@pytest.mark.parametrize("prediction, x", [(X_HAT, X), (BOTH[:, :13], X), (BOTH[:1], X), (BOTH, X[0])])
def test_wrong_shapes(prediction, x):
    with pytest.raises(ValueError, match="twice the targets' shape|one shape"):
        HeteroscedasticGaussianNLL().value_and_gradient(prediction, x)


def test_another_dtype_is_refused():
    with pytest.raises(TypeError, match="float32"):
        HeteroscedasticGaussianNLL().value_and_gradient(BOTH, X.astype(np.float32))


@pytest.mark.parametrize("loss", [GaussianNLL(0.25), HeteroscedasticGaussianNLL(0.02)], ids=repr)
def test_descriptions(loss):
    again = build(describe(loss))
    assert type(again) is type(loss) and again.config() == loss.config()


# ---------------------------------------------------------------------- wrong versions are found


@pytest.mark.parametrize(
    ("stated", "actual"),
    [(0.3, 0.3**2), (0.3, math.sqrt(0.3))],
    ids=["deviation from the variance", "variance from the deviation"],
)
def test_a_variance_in_the_place_of_a_deviation_is_found(stated, actual):
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(GaussianNLL(actual).per_sample(X_HAT, X), plain(X_HAT, X, stated), rtol=1e-12)


def test_the_gradient_of_log_sigma_in_the_place_of_log_variance_is_found():
    class Twice(HeteroscedasticGaussianNLL):
        registry = {}

        def value_and_gradient(self, prediction, target):
            value, gradient = super().value_and_gradient(prediction, target)
            return value, np.concatenate([gradient[:, :7], 2 * gradient[:, 7:]], axis=1)

    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_loss(Twice(), BOTH, X)


# ---------------------------------------------------------------------- the range of intermediates


@pytest.mark.parametrize("std", [1e-18, 1e-9, 1e9, 1e18])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_deviation_that_is_accepted_gives_finite_numbers(std, dtype):
    x, x_hat = np.zeros((1, 2), dtype), np.array([[0.0, std]], dtype)
    J, gradient = GaussianNLL(std).value_and_gradient(x_hat, x)
    assert float(J) == pytest.approx(math.log(2 * math.pi) + 2 * math.log(std) + 0.5, rel=1e-6)
    np.testing.assert_allclose(gradient, [[0, 1 / std]], rtol=1e-6)


@pytest.mark.parametrize("a", [79.0, 80.0, 80.5, 86.0, 87.0, 89.0, 200.0, 1e6])
@pytest.mark.parametrize("min_std", [1e-18, 0.5 / 255, 1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_log_variance_overflows_nowhere(a, min_std, dtype):
    prediction, x = np.array([[0.7, a]], dtype), np.zeros((1, 1), dtype)
    J, gradient = HeteroscedasticGaussianNLL(min_std).value_and_gradient(prediction, x)
    assert float(J) == pytest.approx(0.5 * (a + math.log(2 * math.pi)), rel=1e-6)
    assert gradient[0, 1] == pytest.approx(0.5, rel=1e-6) and 0 <= gradient[0, 0] < 1e-33


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ordinary_log_variances_give_the_bits_of_the_plain_formula(dtype):
    rng = np.random.default_rng(0)
    x_hat, a, x = (rng.normal(0, 3, (50, 40)).astype(dtype) for _ in range(3))
    loss = HeteroscedasticGaussianNLL(0.1)
    variance, error = np.exp(a) + dtype(0.1**2), x_hat - x
    share = error / variance * error
    plain = dtype(0.5) * (share + np.log(dtype(2 * np.pi) * variance))
    assert np.array_equal(loss.per_feature(np.concatenate([x_hat, a], axis=1), x), plain)
