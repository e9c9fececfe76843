"""Squared error and binary cross-entropy: the contract, values in closed form, extremes, the check of targets."""

import math

import numpy as np
import pytest

from npae import dense_autoencoder, fit, gradcheck
from npae.losses import BinaryCrossEntropy, SquaredError
from tests.contract import check_loss
from tests.devices import each_device

rng = np.random.default_rng(0)
A, X = rng.standard_normal((5, 7)), rng.random((5, 7))


@each_device
def test_contract_of_squared_error(device):
    check_loss(SquaredError(), A, X, device)


@each_device
def test_contract_of_cross_entropy(device):
    entropy = -(X * np.log(X) + (1 - X) * np.log(1 - X)).sum(axis=1).mean()
    check_loss(BinaryCrossEntropy(), A, X, device, floor=entropy)


def test_squared_error_in_closed_form():
    value, da = SquaredError().value_and_gradient(np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 0], [3, 2]]))
    assert value == (0.5 * 5 + 0.5 * 4) / 2
    np.testing.assert_array_equal(da, [[0.5, 1], [0, 1]])


def test_cross_entropy_is_minus_log_probability():
    a, x = np.array([[0.3, -1.2]]), np.array([[0.25, 1.0]])
    p = [1 / (1 + math.exp(-v)) for v in a[0]]
    by_hand = -(0.25 * math.log(p[0]) + 0.75 * math.log(1 - p[0]) + math.log(p[1]))
    value, da = BinaryCrossEntropy().value_and_gradient(a, x)
    assert value == pytest.approx(by_hand, rel=1e-14)
    np.testing.assert_allclose(da, [[p[0] - 0.25, p[1] - 1]], rtol=1e-12)
    np.testing.assert_allclose(BinaryCrossEntropy().output(a), [p], rtol=1e-14)


def test_cross_entropy_at_the_target_is_its_entropy():
    x = np.full((3, 4), 0.3)
    value, da = BinaryCrossEntropy().value_and_gradient(np.log(x / (1 - x)), x)
    assert value == pytest.approx(-4 * (0.3 * math.log(0.3) + 0.7 * math.log(0.7)), rel=1e-12)
    np.testing.assert_allclose(da, 0, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_extreme_logits_is_finite_and_silent(dtype):
    a = np.array([[-1e5, 1e5, -300, 300, 0]], dtype)
    x = np.array([[1, 0, 0, 1, 0.5]], dtype)
    value, da = BinaryCrossEntropy().value_and_gradient(a, x)
    assert value == pytest.approx(2e5 + math.log(2), rel=1e-6)
    np.testing.assert_allclose(da, [[-1, 1, 0, 0, 0]], atol=1e-7)


def test_targets_outside_0_and_1_are_refused_by_cross_entropy_only():
    SquaredError().check_targets(np.array([[-3.0, 200]]))
    BinaryCrossEntropy().check_targets(np.array([[0.0, 1]]))
    for bad, words in (
        ([[0.0, 255]], r"0 to 255. If they are pixels, divide by 255. For real .*autoencoder\(sizes, loss=\"mse\"\)"),
        ([[0.0, 65535]], "divide by their largest possible value"), ([[-0.1, 1]], "-0.1 to 1. For real numbers take"),
        ([[0.5, 1.0000123]], r"0.5 to 1.0000123\."), ([[np.nan, 0.5]], "nan"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            BinaryCrossEntropy().check_targets(np.array(bad))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("origin", [0, 50, 1990])
def test_what_a_scaler_of_the_data_to_0_and_1_returns_is_accepted(dtype, origin):
    beyond = 0
    for seed in range(20):
        x = (origin + 30 * np.random.default_rng(seed).random((500, 20))).astype(dtype)
        scale = 1 / (x.max(axis=0) - x.min(axis=0))
        scaled = x * scale + (0 - x.min(axis=0) * scale)  # the two steps of MinMaxScaler
        beyond += scaled.max() > 1 or scaled.min() < 0
        BinaryCrossEntropy().check_targets(scaled)
    assert beyond  # otherwise nothing was tested


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_takes_targets_that_rounding_put_outside(dtype):
    one = np.nextafter(np.nextafter(dtype(1), dtype(2)), dtype(2))
    x = np.array([[0.5, one, -np.finfo(dtype).eps]] * 4, dtype)
    for network in (np.float32, np.float64):
        model = dense_autoencoder([3, 2], dtype=network)
        fit(model, x, epochs=1, progress="none", data_init=False)
        assert np.isfinite(model.reconstruction_error(x)).all() and np.isfinite(model.evaluate(x)["reconstruction"])


def test_the_gradient_is_exact_for_targets_outside_0_and_1():
    x = np.where(X > 0.5, 1 + 1e-5, -1e-5)
    gradcheck.check_loss(BinaryCrossEntropy(), A, x)
    da, clipped = (BinaryCrossEntropy().value_and_gradient(A, t)[1] for t in (x, x.clip(0, 1)))
    assert abs(da - clipped).max() <= 1.001e-5 / len(x)


def test_images_are_as_good_as_rows():
    a, x = rng.standard_normal((4, 1, 2, 3)), rng.random((4, 1, 2, 3))
    for loss in (SquaredError(), BinaryCrossEntropy()):
        value, da = loss.value_and_gradient(a, x)
        assert da.shape == a.shape
        assert value == pytest.approx(loss.per_sample(a, x).mean())
        assert value == pytest.approx(loss.value_and_gradient(a.reshape(4, 6), x.reshape(4, 6))[0])
