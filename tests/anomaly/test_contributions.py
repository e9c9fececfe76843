"""Contributions: their sum, the closed form of linear networks, the derivative, and the feature that was changed."""

import numpy as np
import pytest

from npae import dense_autoencoder, gradcheck
from npae.anomaly import AnomalyDetector, Mahalanobis
from npae.anomaly.contributions import gradient
from npae.anomaly.distances import DISTANCES
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((3, 8))
NORMAL = np.tanh(RNG.standard_normal((400, 3))) @ MIX * 5 + 0.1 * RNG.standard_normal((400, 8)) + 20


def smooth(distance, **settings):
    model = dense_autoencoder([8, 12, 3], "tanh", loss="mse", dtype=np.float64)
    return AnomalyDetector(model, distance, epochs=20, folds=0, **settings).fit(NORMAL[:300])


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_derivative_through_the_network_is_that_of_finite_differences(distance):
    fitted = smooth(distance).fitted
    x = RNG.standard_normal((4, 8))
    gradcheck.check_gradient(
        lambda: fitted.distance(*fitted.parts(x)).sum(), {"x": (x, gradient(fitted, x))}, name=distance
    )


@each_device
@pytest.mark.parametrize("distance", DISTANCES)
def test_they_add_up_to_the_distance_minus_that_of_the_mean_row(device, distance):
    odd = NORMAL[300:] + 3 * RNG.standard_normal((100, 8))
    with on(device) as place:
        detector = smooth(distance, device=place.name)
        c, D, origin = detector.contributions(odd), detector.distances(odd), detector.distances(detector.mean[None])
    assert type(c) is np.ndarray and c.shape == (100, 8) and c.dtype == np.float64
    np.testing.assert_allclose(c.sum(axis=1), D - origin, rtol=1e-3, atol=1e-3 * D.max())


def test_those_of_a_linear_network_are_those_of_the_mahalanobis_distance():
    linear = dense_autoencoder([8, 3], "linear", loss="mse", dtype=np.float64)
    detector = AnomalyDetector(linear, "joint", shrinkage=1e-10, epochs=0).fit(NORMAL)
    M, y = Mahalanobis(NORMAL, 1e-13), NORMAL[:20] + 1 - NORMAL.mean(axis=0)
    np.testing.assert_allclose(detector.contributions(NORMAL[:20] + 1), y * M.gradient(NORMAL[:20] + 1) / 2, rtol=1e-3)


@pytest.mark.parametrize(("distance", "share"), [("reconstruction", 0.9), ("residual", 0.9), ("joint", 0.9)])
def test_the_feature_that_was_changed_contributes_most(distance, share):
    rows, j = NORMAL[300:].copy(), RNG.integers(0, 8, 100)
    rows[np.arange(100), j] += RNG.choice([-1, 1], 100) * RNG.uniform(3, 6, 100) * NORMAL.std(axis=0)[j]
    c = smooth(distance).contributions(rows)
    assert (c.argmax(axis=1) == j).mean() > share


def test_images_and_cross_entropy():
    images = RNG.integers(0, 256, (40, 4, 4)).astype(np.uint8)
    model = dense_autoencoder([16, 6, 3], "tanh", image_shape=(4, 4), dtype=np.float64)
    for distance in DISTANCES:
        detector = AnomalyDetector(model, distance, standardize=False, epochs=2).fit(images)
        c, D = detector.contributions(images), detector.distances(images)
        assert c.shape == images.shape
        mean = images.mean(axis=0, keepdims=True) / 255
        origin = detector.fitted.distance(*detector.fitted.parts(mean))
        np.testing.assert_allclose(c.sum(axis=(1, 2)), D - origin, rtol=1e-4, atol=1e-4 * D.max())
        fitted, x = detector.fitted, images[:3] / 255
        gradcheck.check_gradient(
            lambda f=fitted, x=x: f.distance(*f.parts(x)).sum(), {"x": (x, gradient(fitted, x))}, name=distance
        )


def test_a_value_beyond_the_range_of_the_network_has_all_of_it():
    rows = NORMAL[:3].copy()
    rows[1, 4] = 1e300
    for detector in (smooth("joint"), AnomalyDetector(epochs=1).fit(NORMAL)):  # of float64 and of float32
        c = detector.contributions(rows)
        assert np.isfinite(c[[0, 2]]).all() and detector.distances(rows)[1] == np.inf == c[1, 4]
    np.testing.assert_array_equal(c[1], [0, 0, 0, 0, np.inf, 0, 0, 0])


def test_the_gradients_of_the_parameters_do_not_pile_up():
    detector = smooth("joint")
    detector.contributions(NORMAL[:5])
    once = np.abs(detector.model.theta.grad).max()
    detector.contributions(NORMAL[:5])
    assert np.abs(detector.model.theta.grad).max() == once


def test_bad_rows_raise():
    detector = smooth("joint")
    with pytest.raises(ValueError, match="row 1 contains NaN"):
        detector.contributions(np.where(np.arange(3)[:, None] == 1, np.nan, NORMAL[:3]))
    with pytest.raises(RuntimeError, match=r"Call fit\(x\)"):
        AnomalyDetector().contributions(NORMAL)
