"""The anomaly detector: rankings, labels, what a second fit does, extreme values, and bad input."""

import copy
import tracemalloc
from unittest import mock

import numpy as np
import pytest

from npae import Classifier, dense_autoencoder, fit, layers
from npae.anomaly import AnomalyDetector, load_detector, roc_auc, save_detector
from npae.anomaly.distances import DISTANCES
from npae.anomaly.training import default_model
from npae.backend import DataWarning
from npae.serialization import load_all
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((3, 8))
NORMAL = np.tanh(RNG.standard_normal((300, 3))) @ MIX * 5 + 0.1 * RNG.standard_normal((300, 8)) + 20
STRANGE = RNG.standard_normal((40, 8)) * 6 + 20


def linear(seed=0, dtype=np.float64):
    return dense_autoencoder([8, 3], "linear", loss="mse", seed=seed, dtype=dtype)


@each_device
@pytest.mark.parametrize("distance", DISTANCES)
def test_anomalies_are_found_on_every_device(device, distance):
    with on(device) as place:
        detector = AnomalyDetector(distance=distance, epochs=20, device=place.name, folds=2).fit(NORMAL[:200])
        D = detector.distances(np.vstack([NORMAL[200:], STRANGE]))
        predicted = detector.predict(NORMAL[200:])
    assert type(D) is np.ndarray and D.shape == (140,) and D.dtype == np.float64
    assert roc_auc(np.arange(140) >= 100, D) > {"latent": 0.6}.get(distance, 0.95)
    assert set(predicted) <= {-1, 1} and (predicted == -1).mean() < 0.2
    assert len(detector.history) == 20 and detector.history["loss"][-1] < detector.history["loss"][0]


def test_scores_decisions_and_labels_are_those_of_scikit_learn():
    detector = AnomalyDetector(epochs=2).fit(NORMAL)
    rows = np.vstack([NORMAL, STRANGE])
    scores, decisions = detector.score_samples(rows), detector.decision_function(rows)
    np.testing.assert_array_equal(scores, -detector.distances(rows))
    np.testing.assert_array_equal(decisions, scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(rows), np.where(decisions < 0, -1, 1))
    assert detector.offset_ == -detector.threshold
    assert roc_auc(np.arange(340) >= 300, -scores) == roc_auc(np.arange(340) >= 300, detector.distances(rows)) > 0.9


def test_units_and_offsets_of_features_change_nothing():
    scale, shift = np.array([1, 1e3, 1e-3, 5, 1, 1, 2, 1e6]), np.arange(8) * 100.0
    a = AnomalyDetector(epochs=3).fit(NORMAL).distances(STRANGE)
    b = AnomalyDetector(epochs=3).fit(NORMAL * scale + shift).distances(STRANGE * scale + shift)
    np.testing.assert_allclose(a, b, rtol=1e-3)


def test_constant_features_are_harmless():
    constant = np.full((300, 2), 0.1)
    detector = AnomalyDetector(epochs=1).fit(np.hstack([NORMAL, constant]))
    assert list(detector.deviation[8:]) == [1, 1]
    assert np.isfinite(detector.distances(np.hstack([STRANGE, constant[:40]]))).all()
    moved = detector.distances(np.hstack([NORMAL[:40], constant[:40] + 50]))
    assert moved.min() > detector.threshold  # features that were constant have changed
    all_the_same = AnomalyDetector(epochs=1).fit(np.ones((20, 4)))
    assert np.isfinite(all_the_same.distances(np.eye(4))).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_feature_that_is_constant_up_to_rounding_is_constant(distance):
    """0.1 · 3 is not 0.3 everywhere; and one cell was 1e-12 off. A change in the ninth digit is no anomaly."""
    x = np.hstack([NORMAL, np.full((300, 2), 0.3), np.full((300, 1), 7.0)])
    x[::2, 8] = 0.1 * 3
    x[5, 10] += 1e-12
    detector = AnomalyDetector(distance=distance, epochs=1).fit(x)
    assert list(detector.deviation[8:]) == [1, 1, 1]
    rows = np.repeat(x[:1], 4, axis=0)
    rows[1, 8], rows[2, 10], rows[3, 10] = 0.30001, 7 + 1e-9, 60
    plain, small, tiny, large = detector.distances(rows)
    assert small == pytest.approx(plain, rel=1e-2) and tiny == pytest.approx(plain, rel=1e-6)
    assert distance == "latent" or large > detector.threshold


@each_device
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("columns", [[2], [2, 3]], ids=str)
def test_nothing_fails_open(device, distance, activation, columns):
    """Values that the network's dtype cannot hold: Inf − Inf is NaN, and NaN < threshold is false."""
    model = activation and dense_autoencoder([8, 8, 2], activation, loss="mse")
    with on(device) as place:
        detector = AnomalyDetector(model, distance, epochs=3, folds=2, device=place.name).fit(NORMAL)
        for value in (1e38, 1e39, 1e200, 1e300, -1.7e308):
            rows = NORMAL[:2].copy()
            rows[1, columns] = value
            D = detector.distances(rows)
            assert np.isfinite(D[0]) and not np.isnan(D[1])
            far = abs(value) > 1e39 or distance in ("reconstruction", "residual")
            assert not far or detector.predict(rows)[1] == -1
            assert abs(value) <= 1e39 or (D[1], detector.score_samples(rows)[1]) == (np.inf, -np.inf)
    y = [0, 1]
    assert roc_auc(y, D) == 1


def test_an_infinite_threshold_calls_nothing_normal_that_is_infinite():
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    rows = NORMAL[:1] + 1e300
    for detector.threshold in (1e300, -np.inf):
        assert detector.predict(rows) == [-1]


@pytest.mark.parametrize("value", [1e6, 1e155, 1e300])
def test_one_enormous_value_in_training_is_an_anomaly_and_named(value):
    """By the standard deviation, all other rows are alike in this feature."""
    x = NORMAL.copy()
    x[17, 2] = value
    for distance in ("reconstruction", "joint"):
        detector = AnomalyDetector(distance=distance, epochs=5)
        with pytest.warns(DataWarning, match=r"feature 2 is 1e\+\d+ in row 17, and from .* anomalies among them"):
            detector.fit(x)
        assert detector.deviation[2] == pytest.approx(value / np.sqrt(300), rel=0.01)
        assert detector.predict(x)[17] == -1 and np.isfinite(detector.threshold)


def test_rare_categories_and_long_tails_are_no_mistakes():
    x = np.hstack([NORMAL, np.zeros((300, 2))])
    x[5, 8] = 1  # one row of a category
    x[:, 9] = np.exp(2 * RNG.standard_normal(300))
    AnomalyDetector(epochs=1, folds=0).fit(x)  # warnings are errors


# ---------------------------------------------------------------------- fit again


def test_the_seed_determines_the_distances():
    a, b, c = (AnomalyDetector(epochs=2, seed=s).fit(NORMAL) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.held_out_distances, b.held_out_distances)
    assert a.threshold == b.threshold != c.threshold
    assert np.abs(a.distances(NORMAL) - c.distances(NORMAL)).max() > 1e-6


@pytest.mark.parametrize("model", [None, "given"])
def test_a_second_fit_starts_anew(model):
    detector = AnomalyDetector(model and linear(), epochs=2, standardize=True)
    first = detector.fit(NORMAL).distances(STRANGE)
    again = detector.fit(STRANGE).fit(NORMAL)
    assert again is detector
    np.testing.assert_array_equal(detector.distances(STRANGE), first)


def test_a_model_that_is_given_is_copied():
    model = linear()
    theta = model.theta.value.copy()
    detector = AnomalyDetector(model, epochs=1).fit(NORMAL)
    np.testing.assert_array_equal(model.theta.value, theta)
    assert detector.model is not model and not np.array_equal(detector.model.theta.value, theta)
    assert detector.settings["model"] is model
    untrained = AnomalyDetector(model, epochs=0).fit(NORMAL)
    np.testing.assert_array_equal(untrained.model.theta.value, theta)
    assert len(untrained.history) == 0


def test_a_detector_can_be_copied():
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    other = copy.deepcopy(detector)
    other.fit(STRANGE)
    assert np.abs(other.distances(NORMAL) - detector.distances(NORMAL)).max() > 1


@pytest.mark.parametrize("n", range(2, 11))
def test_a_handful_of_rows_works_and_says_what_it_cannot_show(n):
    sentence = f"{n} rows cannot show a share below 1/{n + 1}, and contamination is 0.05: .* Give 19 rows or more"
    with pytest.warns(UserWarning, match=sentence):
        detector = AnomalyDetector(contamination=0.05, epochs=3).fit(NORMAL[:n])
    assert np.isfinite(detector.distances(NORMAL)).all() and np.isfinite(detector.threshold)
    assert detector.threshold == detector.held_out_distances.max()
    assert (detector.predict(NORMAL[:n] + 1e6) == -1).all()


@pytest.mark.parametrize(("n", "sizes"), [(128, [128]), (129, [65, 64]), (300, [100, 100, 100]), (515, [103] * 5)])
def test_batches_are_of_equal_size(n, sizes):
    """A last batch of a few rows is a step of noise; one of one row has no variance for BatchNorm."""
    model, seen = dense_autoencoder([8, 6, 2], "tanh", loss="mse", batch_norm=True), []

    def size(self, x, training=False):
        seen.extend([len(x)] * training)
        return forward(self, x, training)

    forward = layers.BatchNorm.forward
    with mock.patch.object(layers.BatchNorm, "forward", size):
        AnomalyDetector(model, epochs=1, folds=0).fit(RNG.standard_normal((n, 8)))
    norms = sum(isinstance(layer, layers.BatchNorm) for _, layer in model.leaves())
    assert norms > 0 and set(seen) == set(sizes) and len(seen) >= norms * len(sizes)


def test_ctrl_c_during_cross_fitting_ends_the_fit_and_during_the_last_training_ends_the_training():
    detector, calls = AnomalyDetector(epochs=2, folds=2).fit(NORMAL), []
    threshold = detector.threshold

    def interrupted(at):
        def training(*arguments, **settings):
            calls.append(1)
            history = fit(*arguments, **settings)
            history.stopped = "interrupted after epoch 1" if len(calls) == at else None
            return history

        calls.clear()
        return mock.patch("npae.anomaly.training.fit", training)

    with interrupted(at=2), pytest.raises(KeyboardInterrupt, match="after epoch 1, before the detector was fitted"):
        detector.fit(STRANGE)
    assert detector.threshold == threshold and len(calls) == 2  # as it was
    with interrupted(at=3):
        assert detector.fit(NORMAL).history.stopped == "interrupted after epoch 1"


# ---------------------------------------------------------------------- images, frames, files


def test_images_of_bytes_under_cross_entropy():
    images = (RNG.random((60, 4, 4)) * 255).astype(np.uint8)
    model = dense_autoencoder([16, 5], image_shape=(4, 4))
    detector = AnomalyDetector(model, "reconstruction", standardize=False, epochs=1).fit(images)
    error = ((images / 255 - detector.model.reconstruct(images)) ** 2).reshape(60, -1).sum(axis=1)
    np.testing.assert_allclose(detector.distances(images), error, rtol=1e-5)
    assert detector.mean is None and detector.deviation is None
    standardised = AnomalyDetector(epochs=1).fit(images)  # the default model takes images too
    assert standardised.distances(images).shape == (60,)


def test_images_of_bytes_with_a_model_of_cross_entropy_need_no_standardisation():
    images = RNG.integers(0, 256, (30, 784)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"cannot take standardised features.*use standardize=False; for a table give "
                       r'the model loss="mse"'):  # fmt: skip
        AnomalyDetector(dense_autoencoder([784, 32])).fit(images)
    AnomalyDetector(dense_autoencoder([784, 32]), standardize=False, epochs=1, folds=0).fit(images)


def test_the_default_model_depends_on_the_number_of_features():
    sizes = {d: [layer.n_out for layer in default_model((d,)).encoder if hasattr(layer, "n_out")] for d in (1, 6, 784)}
    assert sizes == {1: [4, 1], 6: [12, 3], 784: [128, 32]}
    assert AnomalyDetector(epochs=1, folds=0, dtype="float64").fit(NORMAL).model.theta.value.dtype == np.float64


def test_a_frame_with_other_columns_is_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NORMAL, columns=list("abcdefgh"))
    detector = AnomalyDetector(epochs=1).fit(frame)
    np.testing.assert_array_equal(detector.distances(frame), detector.distances(NORMAL))
    save_detector(tmp_path / "d.npz", detector)
    for fitted in (detector, load_detector(tmp_path / "d.npz")):
        with pytest.raises(ValueError, match="columns in the order of training"):
            fitted.distances(frame[frame.columns[::-1]])


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_memory_mapped_file_is_as_the_array(tmp_path, distance):
    np.save(tmp_path / "x.npy", NORMAL)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    a, b = (AnomalyDetector(distance=distance, epochs=2).fit(x) for x in (NORMAL, mapped))
    assert a.threshold == b.threshold
    np.testing.assert_array_equal(a.distances(NORMAL), b.distances(mapped))
    np.testing.assert_array_equal(a.contributions(NORMAL), b.contributions(mapped))


@pytest.mark.slow
def test_a_memory_mapped_file_is_never_in_memory_as_a_whole(tmp_path):
    big = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (50_000, 500))  # 100 MB, as float64 200 MB
    big[:, 0] = RNG.standard_normal(50_000)
    tracemalloc.start()
    detector = AnomalyDetector(epochs=1, contamination=0.5).fit(big)
    assert detector.distances(big).shape == (50_000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6


# ---------------------------------------------------------------------- wrong settings, wrong data


@pytest.mark.parametrize(("settings", "words"), [
    ({"distance": "error"}, "expected a distance of reconstruction, residual, latent, joint, got 'error'"),
    ({"distance": ["joint"]}, r"expected a distance of .*, got \['joint'\]"),
    ({"contamination": 0}, "contamination of AnomalyDetector: expected a number above 0 and at most 0.5, got 0"),
    ({"contamination": 0.6}, "contamination of AnomalyDetector: expected a number above 0 and at most 0.5, got 0.6"),
    ({"contamination": float("nan")}, "contamination of AnomalyDetector: expected a number .*, got nan"),
    ({"contamination": "auto"}, "contamination of AnomalyDetector: expected a number, got 'auto'. Estimate the share"),
    ({"contamination": None}, "expected a number, got None"),
    ({"shrinkage": 0}, "shrinkage of .*: expected a number above 0 and at most 1, got 0. Take 0.01"),
    ({"learning_rate": float("inf")}, "learning_rate of AnomalyDetector: expected a number above 0, got inf"),
    ({"epochs": -1}, "epochs of AnomalyDetector: expected 0 or more, got -1"),
    ({"epochs": 2.5}, "epochs of AnomalyDetector: expected an integer, got 2.5"),
    ({"folds": -1}, "folds of AnomalyDetector: expected 0 or more, got -1"),
    ({"folds": 1}, "folds of AnomalyDetector: expected 2 or more, or 0 for no cross-fitting, got 1"),
    ({"batch_size": 0}, "batch_size of AnomalyDetector: expected 1 or more, got 0"),
    ({"seed": "a"}, "seed of AnomalyDetector: expected an integer, got 'a'"),
    ({"model": "small"}, "with an encoder and a decoder, such as .*, got str"),
    ({"model": Classifier(layers.Dense(8, 2), 2)}, "with an encoder and a decoder, such as .*, got Classifier"),
])  # fmt: skip
def test_wrong_settings_raise_in_fit(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        AnomalyDetector(**settings).fit(NORMAL)


def test_a_detector_that_is_not_fitted_raises():
    detector = AnomalyDetector()
    for use in (detector.score_samples, detector.predict, detector.distances, detector.decision_function):
        with pytest.raises(RuntimeError, match=r"Call fit\(x\) with normal rows first"):
            use(NORMAL)
    with pytest.raises(RuntimeError, match=r"Call fit\(x\) with normal rows first"):
        detector.history  # noqa: B018
    assert detector.model is None


def test_wrong_data_raise():
    with pytest.raises(ValueError, match="row 2 contains NaN"):
        AnomalyDetector().fit(np.where(np.arange(300)[:, None] == 2, np.nan, NORMAL))
    with pytest.raises(ValueError, match=r"at least 2 rows, got 1 \(1 sample\)"):
        AnomalyDetector().fit(NORMAL[:1])
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    with pytest.raises(ValueError, match=r"rows of shape \(8,\), those of fit, got \(7,\)"):
        detector.score_samples(NORMAL[:, :7])
    for bad in (np.nan, np.inf):
        rows = NORMAL[:3].copy()
        rows[1, 1] = bad
        for use in (detector.predict, detector.distances, detector.score_samples, detector.decision_function):
            with pytest.raises(ValueError, match="row 1 contains NaN"):
                use(rows)


def test_what_is_written_is_read(tmp_path):
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    save_detector(tmp_path / "d.npz", detector)
    assert load_all(tmp_path / "d.npz").extra["detector"]["distance"] == "joint"
