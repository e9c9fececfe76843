"""Saving a detector: after loading, the scores are the same; other files are refused with one sentence."""

import numpy as np
import pytest

from npae import load, save
from npae.anomaly import AnomalyDetector, Mahalanobis, load_detector, save_detector
from npae.anomaly.detector import SCORES
from npae.serialization.model_files import ModelFileError, load_all
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
NORMAL, STRANGE = RNG.standard_normal((120, 6)) + 3, 4 * RNG.standard_normal((20, 6))


@each_device
@pytest.mark.parametrize("score", SCORES)
def test_a_loaded_detector_gives_the_same_scores(tmp_path, device, score):
    with on(device) as place:
        detector = AnomalyDetector(score=score, epochs=2, contamination=0.2, device=place.name).fit(NORMAL)
        save_detector(tmp_path / "d.npz", detector)
        again = load_detector(tmp_path / "d.npz", place.name)
        np.testing.assert_array_equal(again.score_samples(STRANGE), detector.score_samples(STRANGE))
        np.testing.assert_array_equal(again.predict(NORMAL), detector.predict(NORMAL))
    assert again.threshold == detector.threshold and again.score == score and again.contamination == 0.2
    assert load(tmp_path / "d.npz").parameter_count == detector.model.parameter_count


def test_other_files_are_refused(tmp_path):
    with pytest.raises(RuntimeError, match=r"expected a fitted detector. Call fit\(x\)"):
        save_detector(tmp_path / "d.npz", AnomalyDetector())
    assert not any(tmp_path.iterdir())

    detector = AnomalyDetector(epochs=1).fit(NORMAL)
    save(tmp_path / "model.npz", detector.model)
    with pytest.raises(ModelFileError, match=r"model.npz holds no whole anomaly detector.*save_detector"):
        load_detector(tmp_path / "model.npz")

    save_detector(tmp_path / "d.npz", detector)
    parts = load_all(tmp_path / "d.npz")
    for name, wrong in (("mean", np.zeros(5)), ("_code.scaling", np.eye(9)), ("_joint.mean", np.zeros(2))):
        save(tmp_path / "wrong.npz", parts.model, extra=parts.extra, arrays=parts.arrays | {name: wrong})
        with pytest.raises(ModelFileError, match="no whole anomaly detector"):
            load_detector(tmp_path / "wrong.npz")


def test_a_mahalanobis_needs_parts_that_fit():
    squared = Mahalanobis(NORMAL)
    np.testing.assert_array_equal(Mahalanobis.of(squared.mean, squared.scaling)(STRANGE), squared(STRANGE))
    with pytest.raises(ValueError, match=r"expected a mean \(p,\) and scaling \(p, p\)"):
        Mahalanobis.of(squared.mean, np.eye(7))
