"""Saving a detector: after loading, the distances are the same; other files are refused with one sentence."""

import numpy as np
import pytest

from npae import dense_autoencoder, load, save
from npae.anomaly import AnomalyDetector, load_detector, save_detector
from npae.anomaly.distances import DISTANCES
from npae.serialization import load_all
from npae.serialization.model_files import ModelFileError
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
NORMAL, STRANGE = RNG.standard_normal((120, 6)) + 3, 4 * RNG.standard_normal((20, 6))


@each_device
@pytest.mark.parametrize("distance", DISTANCES)
def test_a_loaded_detector_gives_the_same_distances(tmp_path, device, distance):
    with on(device) as place:
        detector = AnomalyDetector(distance=distance, epochs=2, contamination=0.2, device=place.name).fit(NORMAL)
        save_detector(tmp_path / "d.npz", detector)
        again = load_detector(tmp_path / "d.npz", place.name)
        np.testing.assert_array_equal(again.distances(STRANGE), detector.distances(STRANGE))
        np.testing.assert_array_equal(again.predict(NORMAL), detector.predict(NORMAL))
        np.testing.assert_array_equal(again.contributions(STRANGE), detector.contributions(STRANGE))
    assert again.threshold == detector.threshold and again.distance == distance and again.contamination == 0.2
    np.testing.assert_array_equal(again.held_out_distances, detector.held_out_distances)
    np.testing.assert_array_equal(again.mean, detector.mean)
    assert load(tmp_path / "d.npz").parameter_count == detector.model.parameter_count


@pytest.mark.parametrize("distance", DISTANCES)
def test_without_standardisation_and_with_few_rows(tmp_path, distance):
    images = RNG.integers(0, 256, (9, 4, 4)).astype(np.uint8)
    model = dense_autoencoder([16, 5, 3], "tanh", image_shape=(4, 4))
    detector = AnomalyDetector(model, distance, standardize=False, epochs=1, dtype=np.float32).fit(images)
    path = save_detector(tmp_path / "d", detector)
    again = load_detector(path)
    np.testing.assert_array_equal(again.distances(images), detector.distances(images))
    np.testing.assert_array_equal(again.contributions(images), detector.contributions(images))
    assert again.fit(images).threshold is not None  # settings are whole


def test_save_names_the_function_for_detectors(tmp_path):
    with pytest.raises(TypeError, match=r"AnomalyDetector. A detector is written by anomaly.save_detector"):
        save(tmp_path / "d.npz", AnomalyDetector(epochs=1).fit(NORMAL))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(RuntimeError, match=r"expected a fitted detector. Call fit\(x\)"):
        save_detector(tmp_path / "d.npz", AnomalyDetector())
    assert not any(tmp_path.iterdir())

    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    save(tmp_path / "model.npz", detector.model)
    with pytest.raises(ModelFileError, match=r"model.npz holds no whole anomaly detector.*save_detector"):
        load_detector(tmp_path / "model.npz")


NAN = np.full(6, np.nan)


@pytest.mark.parametrize(("name", "wrong"), [
    ("mean", np.zeros(5)), ("mean", NAN), ("deviation", NAN), ("deviation", np.zeros(6)), ("deviation", -np.ones(6)),
    ("code.V", np.eye(9)), ("joint.mean", np.zeros(2)), ("joint.V", np.full((9, 9), np.nan)),
    ("joint.scale", np.zeros(9)), ("joint.rest", np.zeros(0)), ("code.mean", np.zeros(4)), ("joint.mean", None),
    ("held_out_rows", None), ("held_out_rows", np.zeros(3)), ("held_out_distances", np.full(120, np.nan)),
    ("mean", np.zeros(6, int)), ("joint.rest", np.array([np.inf])), ("code.scale", np.full(3, np.inf)),
])  # fmt: skip
def test_parts_that_do_not_fit_are_refused(tmp_path, name, wrong):
    save_detector(tmp_path / "d.npz", AnomalyDetector(epochs=1).fit(NORMAL))
    parts = load_all(tmp_path / "d.npz")
    assert name in parts.arrays
    arrays = parts.arrays | {name: wrong}
    save(tmp_path / "wrong.npz", parts.model, extra=parts.extra,
         arrays={key: array for key, array in arrays.items() if array is not None})  # fmt: skip
    with pytest.raises(ModelFileError, match="no whole anomaly detector"):
        load_detector(tmp_path / "wrong.npz")


@pytest.mark.parametrize(("name", "wrong", "words"), [
    ("deviation", np.r_[0.0, np.ones(5)], "its standard deviations are at least 0: expected numbers above 0"),
    ("deviation", np.r_[-1.0, np.ones(5)], "its standard deviations are at least -1: expected numbers above 0"),
    ("deviation", np.ones(5), r"means \(6,\), their deviations \(5,\)"),
    ("deviation", NAN, "its array deviation contains NaN or Inf"),
    ("mean", np.zeros(6, int), "its array mean has the dtype int64: expected floats"),
    ("held_out_rows", np.r_[-1, np.arange(119)], "its held-out rows contain a negative number"),
    ("held_out_rows", np.zeros(3), r"its held-out rows are float64 \(3,\), their distances float64 \(120,\)"),
])  # fmt: skip
def test_the_cause_is_named(tmp_path, name, wrong, words):
    save_detector(tmp_path / "d.npz", AnomalyDetector(epochs=1).fit(NORMAL))
    parts = load_all(tmp_path / "d.npz")
    save(tmp_path / "wrong.npz", parts.model, extra=parts.extra, arrays=parts.arrays | {name: wrong})
    with pytest.raises(ModelFileError, match=words):
        load_detector(tmp_path / "wrong.npz")


@pytest.mark.parametrize("wrong", [
    {"threshold": float("nan")}, {"threshold": "a"}, {"rho": float("inf")}, {"rho": 10**400}, {"row_shape": [7]},
    {"row_shape": None}, {"detector": {"distance": "wrong"}}, {"detector": {"score": "joint"}},
    {"detector": {"contamination": float("nan")}}, {"detector": 3}, {"feature_names": ["a", "b"]},
    {"feature_names": 3}, {"rho": 0.0}, {"rho": -1.0}, {"rho": True}, {"threshold": 10**400}, {"row_shape": [6.5]},
    {"row_shape": [10**12]}, {"row_shape": [0]},
])  # fmt: skip
def test_values_that_are_not_a_detectors_are_refused(tmp_path, wrong):
    save_detector(tmp_path / "d.npz", AnomalyDetector(epochs=1).fit(NORMAL))
    parts = load_all(tmp_path / "d.npz")
    save(tmp_path / "wrong.npz", parts.model, extra=parts.extra | wrong, arrays=parts.arrays)
    with pytest.raises(ModelFileError, match="no whole anomaly detector"):
        load_detector(tmp_path / "wrong.npz")


def test_settings_that_a_later_fit_could_not_use_are_refused(tmp_path):
    save_detector(tmp_path / "d.npz", AnomalyDetector(epochs=1).fit(NORMAL))
    parts = load_all(tmp_path / "d.npz")
    for wrong in ({"dtype": "int8"}, {"dtype": 3}, {"standardize": "no"}, {"learning_rate": float("nan")},
                  {"epochs": 0.5}, {"folds": 1}, {"seed": "a"}, {"batch_size": 0}, {"device": "cpu"}):  # fmt: skip
        extra = parts.extra | {"detector": parts.extra["detector"] | wrong}
        save(tmp_path / "wrong.npz", parts.model, extra=extra, arrays=parts.arrays)
        with pytest.raises(ModelFileError, match="wrong.npz holds no whole anomaly detector"):
            load_detector(tmp_path / "wrong.npz")


def test_a_size_of_rows_that_the_file_only_declares_is_not_allocated(tmp_path):
    images = RNG.integers(0, 256, (20, 16)).astype(np.uint8)
    save_detector(tmp_path / "d.npz", AnomalyDetector(standardize=False, epochs=1, folds=0).fit(images))
    parts = load_all(tmp_path / "d.npz")
    save(tmp_path / "wrong.npz", parts.model, extra=parts.extra | {"row_shape": [10**12]}, arrays=parts.arrays)
    with pytest.raises(ModelFileError, match=r"rows have the shape \(1000000000000,\), their mean \(16,\)"):
        load_detector(tmp_path / "wrong.npz")


def test_a_detector_that_could_not_be_loaded_does_not_replace_an_older_file(tmp_path):
    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    path = save_detector(tmp_path / "d.npz", detector)
    before, detector.threshold = path.read_bytes(), np.inf
    with pytest.raises(ValueError, match=r"save_detector: the file could not be loaded \(ValueError: threshold: .*inf"):
        save_detector(path, detector)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
