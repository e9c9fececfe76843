"""The four distances: against their formulas, their derivatives, and only what is needed is computed."""

import time
import tracemalloc
from unittest import mock

import numpy as np
import pytest

from npae import dense_autoencoder, gradcheck, losses, variational_autoencoder
from npae.anomaly import AnomalyDetector, Mahalanobis
from npae.anomaly.distances import DISTANCES

RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((3, 8))
NORMAL = np.tanh(RNG.standard_normal((300, 3))) @ MIX * 5 + 0.1 * RNG.standard_normal((300, 8)) + 20
STRANGE = RNG.standard_normal((40, 8)) * 6 + 20


def linear(seed=0, dtype=np.float64):
    return dense_autoencoder([8, 3], "linear", loss="mse", seed=seed, dtype=dtype)


def test_the_joint_distance_of_a_linear_network_is_the_mahalanobis_distance_of_the_input():
    detector = AnomalyDetector(linear(), shrinkage=1e-9, epochs=0).fit(NORMAL)  # untrained: any linear network
    np.testing.assert_allclose(detector.distances(STRANGE), Mahalanobis(NORMAL, 1e-12)(STRANGE), rtol=1e-3)


def test_every_distance_is_its_formula():
    model = dense_autoencoder([8, 5, 2], "tanh", loss="mse", dtype=np.float64)
    detectors = {name: AnomalyDetector(model, name, shrinkage=0.3, epochs=2).fit(NORMAL) for name in DISTANCES}
    got = {name: detector.distances(STRANGE) for name, detector in detectors.items()}
    model = detectors["joint"].model
    x, x0 = ((rows - NORMAL.mean(axis=0)) / NORMAL.std(axis=0) for rows in (STRANGE, NORMAL))
    h, h0, r, r0 = model.encode(x), model.encode(x0), x - model.reconstruct(x), x0 - model.reconstruct(x0)
    np.testing.assert_allclose(got["reconstruction"], 2 * model.reconstruction_error(x), rtol=1e-9)
    np.testing.assert_allclose(got["residual"], Mahalanobis(r0, 0.3)(r), rtol=1e-9)
    np.testing.assert_allclose(got["latent"], Mahalanobis(h0)(h), rtol=1e-9)

    u, u0, rho = Mahalanobis(h0).whiten(h), Mahalanobis(h0).whiten(h0), np.sqrt(r0.var(axis=0).mean())
    joint = Mahalanobis(np.hstack([u0, r0 / rho]), 0.3)(np.hstack([u, r / rho]))
    np.testing.assert_allclose(got["joint"], joint, rtol=1e-9)
    np.testing.assert_allclose(detectors["joint"].score_samples(STRANGE), -joint, rtol=1e-9)


def test_with_full_shrinkage_the_joint_distance_is_the_sum_of_code_and_residual():
    joint = AnomalyDetector(linear(), shrinkage=1, epochs=0).fit(NORMAL)
    latent = AnomalyDetector(linear(), "latent", epochs=0).fit(NORMAL)
    standardized = ((rows - joint.mean) / joint.deviation for rows in (NORMAL, STRANGE))
    r0, r = (x - joint.model.reconstruct(x) for x in standardized)
    residual = ((r - r0.mean(axis=0)) ** 2).sum(axis=1) / r0.var(axis=0).mean()
    np.testing.assert_allclose(joint.distances(STRANGE), latent.distances(STRANGE) + residual, rtol=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
def test_the_derivatives_are_those_of_finite_differences(name):
    rng = np.random.default_rng(1)
    h0, r0 = rng.standard_normal((50, 3)), rng.standard_normal((50, 7)) @ rng.standard_normal((7, 7))
    parts = {"h": rng.standard_normal((4, 3)), "r": rng.standard_normal((4, 7))}
    D = DISTANCES[name](0.1).fit(lambda: iter([(h0[:20], r0[:20]), (h0[20:], r0[20:])]), 50)
    for which, d in zip("hr", D.derivatives(**parts), strict=True):
        if d is None:  # D does not depend on it
            moved = parts | {which: parts[which] + 1}
            np.testing.assert_array_equal(D(**moved), D(**parts))
        else:
            gradcheck.check_gradient(lambda: D(**parts).sum(), {which: (parts[which], d)}, name=name)


@pytest.mark.parametrize("name", DISTANCES)
def test_batches_do_not_change_the_fit(name):
    rng = np.random.default_rng(1)
    h, r = rng.standard_normal((50, 3)), rng.standard_normal((50, 7))
    whole = DISTANCES[name](0.1).fit(lambda: iter([(h, r)]), 50)
    cut = DISTANCES[name](0.1).fit(lambda: ((h[k : k + 8], r[k : k + 8]) for k in range(0, 50, 8)), 50)
    np.testing.assert_allclose(cut(h, r), whole(h, r), rtol=1e-9)


def test_only_what_the_distance_needs_is_computed():
    x = RNG.standard_normal((30, 6))
    with mock.patch("npae.anomaly.distances.Mahalanobis.of_batches", side_effect=AssertionError("a covariance")):
        AnomalyDetector(distance="reconstruction", epochs=1).fit(x).distances(x)
        with pytest.raises(AssertionError, match="a covariance"):
            AnomalyDetector(distance="latent", epochs=1).fit(x)
    detector = AnomalyDetector(distance="latent", epochs=1).fit(x)
    with mock.patch.object(detector.fitted, "decoder", None):
        assert detector.fitted.parts(np.zeros((2, 6)))[1] is None


@pytest.mark.parametrize("name", DISTANCES)
def test_many_features_take_little_time_and_memory(name):
    """4,000 features: a covariance matrix of them would take 128 MB, its eigenvectors a minute."""
    x = RNG.standard_normal((60, 4000))
    AnomalyDetector(distance=name, epochs=1, folds=2).fit(x[:, :10])
    began = time.perf_counter()
    tracemalloc.start()
    detector = AnomalyDetector(distance=name, epochs=1, folds=2).fit(x)
    assert np.isfinite(detector.distances(x)).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6 and time.perf_counter() - began < 20


def test_a_variational_autoencoder_is_judged_by_its_mean_code():
    model = variational_autoencoder([8, 6, 2], "tanh", loss=losses.GaussianNLL(), dtype=np.float64)
    detector = AnomalyDetector(model, "joint", epochs=1).fit(NORMAL)
    x = (STRANGE - detector.mean) / detector.deviation
    h, r = detector.fitted.parts(x)
    np.testing.assert_allclose(h, detector.model.encode(x), rtol=1e-12)
    np.testing.assert_allclose(r, x - detector.model.reconstruct(x), rtol=1e-9, atol=1e-12)
    c = detector.contributions(STRANGE)
    whole = detector.distances(STRANGE) - detector.distances(detector.mean[None])
    np.testing.assert_allclose(c.sum(axis=1), whole, rtol=1e-3)
