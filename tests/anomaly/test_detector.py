"""The anomaly detector: each distance against its formula, linear networks against Mahalanobis, and bad input."""

import numpy as np
import pytest

from npae import dense_autoencoder, layers, losses
from npae.anomaly import AnomalyDetector, Mahalanobis, roc_auc
from npae.anomaly.detector import SCORES, default_model
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((3, 8))
NORMAL = np.tanh(RNG.standard_normal((300, 3))) @ MIX * 5 + 0.1 * RNG.standard_normal((300, 8)) + 20
STRANGE = RNG.standard_normal((40, 8)) * 6 + 20


def linear(seed=0, dtype=np.float64):
    return dense_autoencoder([8, 3], layers.Identity, loss=losses.SquaredError(), seed=seed, dtype=dtype)


def test_the_joint_distance_of_a_linear_network_is_the_mahalanobis_distance_of_the_input():
    detector = AnomalyDetector(linear(), shrinkage=1e-9, epochs=0).fit(NORMAL)  # untrained: any linear network
    expected = Mahalanobis(NORMAL, 1e-12)(STRANGE)
    np.testing.assert_allclose(-detector.score_samples(STRANGE), expected, rtol=1e-3)


def test_every_distance_is_its_formula():
    model = dense_autoencoder([8, 5, 2], layers.Tanh, layers.Identity, losses.SquaredError(), dtype=np.float64)
    detector = AnomalyDetector(model, shrinkage=0.3, epochs=2).fit(NORMAL)
    x, x0 = ((rows - NORMAL.mean(axis=0)) / NORMAL.std(axis=0) for rows in (STRANGE, NORMAL))
    h, h0, r, r0 = model.encode(x), model.encode(x0), x - model.reconstruct(x), x0 - model.reconstruct(x0)
    got = detector.distances(STRANGE)
    assert tuple(got) == SCORES
    np.testing.assert_allclose(got["reconstruction"], 2 * model.reconstruction_error(x), rtol=1e-9)
    np.testing.assert_allclose(got["residual"], Mahalanobis(r0, 0.3)(r), rtol=1e-9)
    np.testing.assert_allclose(got["latent"], Mahalanobis(h0)(h), rtol=1e-9)

    u, u0, rho = Mahalanobis(h0).whiten(h), Mahalanobis(h0).whiten(h0), np.sqrt(r0.var(axis=0).mean())
    joint = Mahalanobis(np.hstack([u0, r0 / rho]), 0.3)(np.hstack([u, r / rho]))
    np.testing.assert_allclose(got["joint"], joint, rtol=1e-9)
    np.testing.assert_allclose(detector.score_samples(STRANGE), -joint, rtol=1e-9)


def test_with_full_shrinkage_the_joint_distance_is_the_sum_of_code_and_residual():
    detector = AnomalyDetector(linear(), shrinkage=1, epochs=0).fit(NORMAL)
    standardized = ((rows - detector.mean) / detector.deviation for rows in (NORMAL, STRANGE))
    r0, r = (x - detector.model.reconstruct(x) for x in standardized)
    residual = ((r - r0.mean(axis=0)) ** 2).sum(axis=1) / r0.var(axis=0).mean()
    got = detector.distances(STRANGE)
    np.testing.assert_allclose(got["joint"], got["latent"] + residual, rtol=1e-5)


@each_device
@pytest.mark.parametrize("score", SCORES)
def test_anomalies_are_found_on_every_device(device, score):
    with on(device) as place:
        detector = AnomalyDetector(score=score, epochs=20, contamination=0.1, device=place.name).fit(NORMAL[:200])
        scores = detector.score_samples(np.vstack([NORMAL[200:], STRANGE]))
        predicted = detector.predict(NORMAL[:200])
    assert type(scores) is np.ndarray and scores.shape == (140,) and scores.dtype == np.float64
    strange = np.arange(140) >= 100
    assert roc_auc(strange, -scores) > {"latent": 0.6}.get(score, 0.95)
    assert set(predicted) == {-1, 1} and (predicted == -1).sum() == 20  # a tenth
    assert len(detector.history) == 20


def test_the_threshold_is_the_contamination_quantile_of_the_training_scores():
    for share in (0.01, 0.25, 0.5):
        detector = AnomalyDetector(linear(), contamination=share, epochs=0).fit(NORMAL)
        np.testing.assert_allclose(detector.training_scores, detector.score_samples(NORMAL), rtol=1e-9)
        assert (detector.predict(NORMAL) == -1).mean() == pytest.approx(share, abs=1 / 300)
        assert detector.threshold == np.quantile(detector.training_scores, share)


def test_units_and_offsets_of_features_change_nothing():
    scale, shift = np.array([1, 1e3, 1e-3, 5, 1, 1, 2, 1e6]), np.arange(8) * 100.0
    a = AnomalyDetector(epochs=3).fit(NORMAL).score_samples(STRANGE)
    b = AnomalyDetector(epochs=3).fit(NORMAL * scale + shift).score_samples(STRANGE * scale + shift)
    np.testing.assert_allclose(a, b, rtol=1e-3)


def test_constant_features_are_harmless():
    constant = np.full((300, 2), 0.1)
    detector = AnomalyDetector(epochs=1).fit(np.hstack([NORMAL, constant]))
    assert list(detector.deviation[8:]) == [1, 1]
    scores = detector.score_samples(np.hstack([STRANGE, constant[:40]]))
    assert np.isfinite(scores).all()
    moved = detector.score_samples(np.hstack([NORMAL[:40], constant[:40] + 50]))
    assert moved.max() < detector.threshold  # features that were constant have changed
    all_the_same = AnomalyDetector(epochs=1).fit(np.ones((20, 4)))
    assert np.isfinite(all_the_same.score_samples(np.eye(4))).all()


def test_the_seed_determines_the_scores():
    a, b, c = (AnomalyDetector(epochs=2, seed=s).fit(NORMAL).training_scores for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-6


def test_each_fit_makes_a_new_default_model():
    detector = AnomalyDetector(epochs=2)
    first = detector.fit(NORMAL).score_samples(STRANGE)
    np.testing.assert_array_equal(detector.fit(NORMAL).score_samples(STRANGE), first)


def test_a_trained_model_is_used_as_it_is():
    model = linear()
    theta = model.theta.value.copy()
    detector = AnomalyDetector(model, epochs=0).fit(NORMAL)
    assert detector.model is model and detector.history is None
    np.testing.assert_array_equal(model.theta.value, theta)
    AnomalyDetector(model, epochs=1).fit(NORMAL)
    assert not np.array_equal(model.theta.value, theta)


def test_images_of_bytes_under_cross_entropy():
    images = (RNG.random((60, 4, 4)) * 255).astype(np.uint8)
    model = dense_autoencoder([16, 5], image_shape=(4, 4))
    detector = AnomalyDetector(model, "reconstruction", standardize=False, epochs=1).fit(images)
    error = ((images / 255 - model.reconstruct(images)) ** 2).reshape(60, -1).sum(axis=1)
    np.testing.assert_allclose(detector.score_samples(images), -error, rtol=1e-5)
    standardised = AnomalyDetector(epochs=1).fit(images)  # the default model takes images too
    assert standardised.score_samples(images).shape == (60,)


def test_the_default_model_depends_on_the_number_of_features():
    sizes = {d: [layer.n_out for layer in default_model((d,)).encoder if hasattr(layer, "n_out")] for d in (1, 6, 784)}
    assert sizes == {1: [4, 1], 6: [12, 3], 784: [128, 32]}


@pytest.mark.parametrize(("arguments", "words"), [
    ({"score": "error"}, "expected a score of reconstruction, residual, latent, joint, got 'error'"),
    ({"contamination": 0}, "contamination 0 < share ≤ 0.5, got 0"),
    ({"contamination": 0.6}, "contamination 0 < share ≤ 0.5, got 0.6"),
    ({"shrinkage": 0}, "shrinkage 0 < α ≤ 1, got 0"),
    ({"epochs": -1}, "epochs of AnomalyDetector: expected 0 or more, got -1"),
])  # fmt: skip
def test_wrong_settings_raise(arguments, words):
    with pytest.raises(ValueError, match=words):
        AnomalyDetector(**arguments)


def test_a_detector_that_is_not_fitted_raises():
    for use in (AnomalyDetector().score_samples, AnomalyDetector().predict, AnomalyDetector().distances):
        with pytest.raises(RuntimeError, match=r"Call fit\(x\) with normal rows first"):
            use(NORMAL)


def test_wrong_data_raise():
    with pytest.raises(ValueError, match="row 2 contains NaN"):
        AnomalyDetector().fit(np.where(np.arange(300)[:, None] == 2, np.nan, NORMAL))
    with pytest.raises(ValueError, match="at least 2 rows"):
        AnomalyDetector().fit(NORMAL[:1])
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    with pytest.raises(ValueError, match=r"rows of shape \(8,\), those of fit, got \(7,\)"):
        detector.score_samples(NORMAL[:, :7])
    with pytest.raises(ValueError, match="row 0 contains NaN"):
        detector.predict(NORMAL[:3] * np.nan)
