"""Sampling from a Gaussian: the contract under frozen noise, moments, streams, tile and its adjoint, wrong versions."""

import copy
import math

import numpy as np
import pytest

from npae import gradcheck, layers
from npae.layers import GaussianSample
from npae.layers.sampling import tile, tile_adjoint
from tests.contract import check_layer, inputs
from tests.devices import each_device, on


def frozen(make=GaussianSample, shape=(6, 8)):
    layer = make()
    return layer.freeze(layer.draw(np.zeros(shape)))


# ---------------------------------------------------------------------- the contract


@each_device
def test_contract(device):
    check_layer(frozen, (6, 8), device, training=True)
    check_layer(lambda: frozen(shape=(5, 2)), (5, 2), device, training=True)
    check_layer(GaussianSample, (6, 8), device)


def test_values_are_the_formulas():
    stats = np.array([[1.0, -2, math.log(4), math.log(0.25)]])  # σ = 2 and ½
    layer = GaussianSample().freeze(np.array([[0.5, -1]]))
    z, cache = layer.forward(stats, training=True)
    np.testing.assert_allclose(z, [[2, -2.5]], rtol=1e-14)
    np.testing.assert_allclose(layer.backward(np.array([[10.0, 100]]), cache), [[10, 100, 5, -25]], rtol=1e-14)
    np.testing.assert_array_equal(layer(stats), [[1, -2]])
    assert layer.backward(z, cache, needs_dx=False) is None


def test_noise_that_is_not_frozen_is_found():
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(GaussianSample(), inputs((6, 8)), training=True)


def test_a_wrong_backward_is_found(monkeypatch):
    """∂z/∂(log σ²) without its ½."""
    layer = frozen()
    gradcheck.check_layer(layer, inputs((6, 8)), training=True)
    right = GaussianSample.at

    def at(self, stats, noise):
        z, (noise, derivative) = right(self, stats, noise)
        return z, (noise, 2 * derivative)

    monkeypatch.setattr(GaussianSample, "at", at)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, inputs((6, 8)), training=True)


# ---------------------------------------------------------------------- moments


def check_moments(layer, place, dtype=np.float64, mean=0.5, variance=0.09, shape=(300, 200)):
    """Raise AssertionError unless samples have the mean, the variance e^{log_var}, and the third and fourth moment of
    a normal distribution.

    Tolerances are five standard errors; those of (z − μ)² and (z − μ)⁴ are √2 and √96 in units of σ² and σ⁴.
    """
    stats = np.empty((shape[0], 2 * shape[1]), dtype)
    stats[:, : shape[1]], stats[:, shape[1] :] = mean, math.log(variance)
    layer.reseed([1, 2])
    z = place.get(layer.forward(place.put(stats), training=True)[0])
    assert z.dtype == dtype and z.shape == shape
    u = (z.astype(np.float64) - mean) / math.sqrt(variance)
    for moment, expected, deviation in ((u, 0, 1), (u**2, 1, math.sqrt(2)), (u**3, 0, math.sqrt(15)),
                                        (u**4, 3, math.sqrt(96))):  # fmt: skip
        assert abs(moment.mean() - expected) < 5 * deviation / math.sqrt(u.size), "samples have other moments"


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("variance", [0.09, 4.0])
def test_log_var_is_the_logarithm_of_the_variance(device, dtype, variance):
    with on(device) as place:
        check_moments(GaussianSample(), place, dtype, variance=variance)


class FromTheVariance(GaussianSample):
    """z = μ + σ² ε, with its correct derivative: only the moments are wrong."""

    def at(self, stats, noise):
        mean, log_var = self.split(stats)
        deviation = np.exp(log_var) * noise
        return mean + deviation, (noise, deviation)


class FromTheDeviation(GaussianSample):
    """z = μ + e^{log_var / 4} ε, as if log_var were the logarithm of σ⁴."""

    def at(self, stats, noise):
        mean, log_var = self.split(stats)
        deviation = np.exp(0.25 * log_var) * noise
        return mean + deviation, (noise, 0.25 * deviation)


for _wrong in (FromTheVariance, FromTheDeviation):
    del layers.Layer.registry[_wrong.__name__]


@pytest.mark.parametrize("wrong", [FromTheVariance, FromTheDeviation])
def test_another_meaning_of_log_var_passes_finite_differences_but_not_the_moments(wrong):
    gradcheck.check_layer(frozen(wrong), inputs((6, 8)), training=True)
    with on("cpu") as place, pytest.raises(AssertionError, match="other moments"):
        check_moments(wrong(), place)


# ---------------------------------------------------------------------- streams


@each_device
def test_a_seed_fixes_the_codes_of_all_steps(device):
    stats = np.zeros((20, 30), np.float32)
    with on(device) as place:

        def draws(layer, seed):
            layer.reseed(seed)
            return [place.get(layer.forward(place.put(stats), training=True)[0]).copy() for _ in range(2)]

        layer = GaussianSample()
        first, second = draws(layer, [5, 0, 1, 0])
        assert (first != second).all() and abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.3
        np.testing.assert_array_equal(draws(GaussianSample(), [5, 0, 1, 0]), [first, second])
        assert (draws(layer, [5, 1, 1, 0])[0] != first).all()
        layer.reseed([5, 0, 1, 0])
        np.testing.assert_array_equal(place.get(copy.deepcopy(layer).draw(place.put(stats))), first)


def test_noise_can_be_unfrozen():
    layer, stats = frozen(), np.zeros((6, 8))
    np.testing.assert_array_equal(*(layer.forward(stats, training=True)[0] for _ in range(2)))
    layer.freeze(None)
    a, b = (layer.forward(stats, training=True)[0] for _ in range(2))
    assert (a != b).all()


# ---------------------------------------------------------------------- tile


@each_device
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 5)])
@pytest.mark.parametrize("k", [1, 3])
def test_the_adjoint_of_tile(device, shape, k):
    """⟨tile(x), y⟩ = ⟨x, tile_adjoint(y)⟩ for all x, y."""
    x, y = inputs(shape, 1), inputs((k * shape[0], *shape[1:]), 2)
    with on(device) as place:
        xs, dx = place.get(tile(place.put(x), k)), place.get(tile_adjoint(place.put(y), k))
    np.testing.assert_array_equal(xs, np.concatenate([x] * k))
    assert dx.shape == x.shape
    assert (xs * y).sum() == pytest.approx((x * dx).sum(), rel=1e-12)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("call, words", [
    (lambda: GaussianSample()(np.zeros((3, 5))), r"GaussianSample\(\): expected rows \[mean \| log_var\].*\(3, 5\)"),
    (lambda: GaussianSample()(np.zeros((3, 2, 4))), r"of shape \(batch, 2d\), got \(3, 2, 4\)"),
    (lambda: frozen().forward(np.zeros((5, 8)), training=True), r"frozen noise's shape \(6, 4\), got \(5, 4\)"),
])  # fmt: skip
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
