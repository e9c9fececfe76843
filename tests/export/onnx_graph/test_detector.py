"""A detector in ONNX gives the distances and labels of the detector."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae import convolutional_autoencoder, variational_autoencoder  # noqa: E402
from npae.anomaly import AnomalyDetector  # noqa: E402
from npae.export import to_onnx  # noqa: E402
from npae.losses import GaussianNLL  # noqa: E402
from tests.export.common import run  # noqa: E402

ROWS = 1e4 + 100 * np.random.default_rng(0).standard_normal((80, 9))
each_distance = pytest.mark.parametrize("distance", ["reconstruction", "residual", "latent", "joint"])


def agree(detector, x, bound=1e-5, **settings):
    distances, labels = run(to_onnx(detector, **settings), x)
    expected = detector.distances(x)
    assert distances.dtype == np.float64 and distances.shape == expected.shape
    assert np.abs(distances / expected - 1).max() <= bound
    clear = np.abs(expected / detector.threshold - 1) > bound  # the others may fall on either side
    assert clear.sum() >= len(x) - 1 and np.array_equal(labels[clear], detector.predict(x)[clear])


@each_distance
@pytest.mark.parametrize("dtype, bound", [("float32", 1e-5), ("float64", 1e-9)])
def test_distances_and_labels(distance, dtype, bound):
    detector = AnomalyDetector(distance=distance, epochs=2, folds=2, dtype=dtype).fit(ROWS)
    odd = ROWS[:9] + 900 * np.eye(9)
    agree(detector, np.concatenate([ROWS, odd]), bound)
    assert (run(to_onnx(detector), odd)[1] == -1).any()


@each_distance
def test_fewer_rows_than_features(distance):
    detector = AnomalyDetector(distance=distance, epochs=1, folds=0, contamination=0.3).fit(ROWS[:6])
    agree(detector, ROWS[6:])


def test_images_of_bytes_by_a_convolutional_network():
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8)).astype(np.uint8)
    model = convolutional_autoencoder([2, 2], image_shape=(1, 8, 8))
    detector = AnomalyDetector(model, "reconstruction", standardize=False, epochs=1, folds=0).fit(images)
    agree(detector, images, input_dtype="uint8")


def test_the_mean_code_of_a_variational_autoencoder():
    model = variational_autoencoder([9, 4], loss=GaussianNLL())
    agree(AnomalyDetector(model, "latent", epochs=1, folds=0).fit(ROWS), ROWS)


def test_what_cannot_be_computed_is_an_anomaly():
    detector = AnomalyDetector(epochs=1, folds=0).fit(ROWS)
    x = ROWS[:4].copy()
    x[1, 2], x[2, 3], x[3, 4] = np.nan, np.inf, 1e300
    distances, labels = run(to_onnx(detector), x)
    assert np.isfinite(distances).tolist() == [True, False, False, False] and labels[1:].tolist() == [-1, -1, -1]
    assert detector.distances(x[3:]) == np.inf


def test_float32_inputs_and_metadata():
    detector = AnomalyDetector(epochs=1, folds=0, contamination=0.2).fit(ROWS)
    proto = to_onnx(detector, input_dtype="float32")
    assert np.allclose(run(proto, ROWS.astype("f4"))[0], detector.distances(ROWS.astype("f4")), rtol=1e-5)
    about = {entry.key: entry.value for entry in proto.metadata_props}
    assert float(about["threshold"]) == detector.threshold and float(about["contamination"]) == 0.2


def test_it_must_be_fitted_and_has_one_part():
    with pytest.raises(RuntimeError, match=r"expected a fitted detector\. Call fit\(x\)"):
        to_onnx(AnomalyDetector())
    with pytest.raises(ValueError, match="a detector has one part"):
        to_onnx(AnomalyDetector(epochs=1, folds=0).fit(ROWS), "encode")


def test_the_detector_of_an_estimator():
    pytest.importorskip("sklearn")
    from npae.estimators import AutoencoderDetector

    detector = AutoencoderDetector(epochs=1, contamination=0.1, random_state=0).fit(ROWS)
    distances, labels = run(to_onnx(detector), ROWS)
    assert np.allclose(-distances, detector.score_samples(ROWS), rtol=1e-5)
    assert np.mean(labels == detector.predict(ROWS)) > 0.98
