"""The outlier detector: its scores, the two ways to choose the offset, parameters that reach the network, pickles."""

import pickle
import signal

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone, is_outlier_detector  # noqa: E402

from npae import Autoencoder, dense_autoencoder, layers  # noqa: E402
from npae.anomaly import AnomalyDetector, load_detector, roc_auc, save_detector  # noqa: E402
from npae.estimators import AutoencoderDetector, AutoencoderTransformer  # noqa: E402
from tests.devices import each_device, on  # noqa: E402

RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((3, 8))
NORMAL = np.tanh(RNG.standard_normal((300, 3))) @ MIX * 5 + 0.1 * RNG.standard_normal((300, 8)) + 20
STRANGE = RNG.standard_normal((40, 8)) * 6 + 20


def quick(**settings):
    return AutoencoderDetector(**{"epochs": 5, "folds": 2, "random_state": 0} | settings)


@each_device
def test_outliers_are_found_on_every_device(device):
    with on(device) as place:
        detector = quick(device=place.name, epochs=20).fit(NORMAL[:200])
        scores = detector.score_samples(np.vstack([NORMAL[200:], STRANGE]))
        flags = detector.predict(NORMAL[200:])
    assert roc_auc(np.arange(140) >= 100, -scores) > 0.95 and (flags == -1).mean() < 0.25
    assert is_outlier_detector(detector) and detector.n_iter_ == 20 == len(detector.history_)


def test_scores_decisions_and_labels_belong_together():
    detector = quick().fit(NORMAL)
    rows = np.vstack([NORMAL, STRANGE])
    scores, decisions = detector.score_samples(rows), detector.decision_function(rows)
    np.testing.assert_array_equal(decisions, scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(rows), np.where(decisions >= 0, 1, -1))
    np.testing.assert_array_equal(scores, -detector.detector_.distances(rows))
    np.testing.assert_array_equal(quick().fit_predict(NORMAL), detector.predict(NORMAL))
    assert detector.predict(STRANGE[:1]).shape == (1,)  # one row


@pytest.mark.parametrize("distance", ["reconstruction", "residual", "latent", "joint"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_contamination_is_the_share_of_the_training_rows(distance, share):
    flags = quick(distance=distance, contamination=share).fit_predict(NORMAL)
    assert (flags == -1).sum() == share * 300


def test_the_false_alarm_rate_is_that_of_new_rows():
    """100 rows of 29 features: by the training rows' own distances, most of the new rows are outliers."""
    auto, naive = [], []
    for seed in range(3):
        mix = np.random.default_rng([seed, 1]).standard_normal((29, 29))
        x = np.random.default_rng(seed).standard_normal((2100, 29)) @ mix
        settings = {"epochs": 50, "folds": 10, "random_state": seed, "dtype": "float32"}
        fitted = AutoencoderDetector(false_alarm_rate=0.05, **settings).fit(x[:100])
        auto.append((fitted.predict(x[100:]) == -1).mean())
        fitted = AutoencoderDetector(contamination=0.05, **settings).fit(x[:100])
        naive.append((fitted.predict(x[100:]) == -1).mean())
    assert np.mean(auto) < 0.08 and np.mean(naive) > 0.5


def test_it_is_the_detector_of_npae_anomaly():
    detector = quick(dtype="float32", distance="residual", shrinkage=0.1, contamination="auto").fit(NORMAL)
    settings = detector.detector_.settings | {"model": None}
    inside = AnomalyDetector(**settings).fit(NORMAL)  # whose default network is the default of the estimator
    np.testing.assert_allclose(inside.score_samples(STRANGE), detector.score_samples(STRANGE), rtol=1e-6)
    assert inside.offset_ == pytest.approx(detector.offset_, rel=1e-6)
    assert (settings["contamination"], settings["folds"], settings["shrinkage"]) == (0.1, 2, 0.1)
    assert quick(contamination=0.2).fit(NORMAL).detector_.folds == 0


def test_contributions_name_the_feature_that_was_changed():
    rows, j = NORMAL[:50].copy(), RNG.integers(0, 8, 50)
    rows[np.arange(50), j] += 8 * NORMAL.std(axis=0)[j]
    c = quick(epochs=20).fit(NORMAL).contributions(rows)
    assert c.shape == (50, 8) and (c.argmax(axis=1) == j).mean() > 0.9


def test_parameters_and_models_reach_the_network():
    detector = quick(n_components=2, hidden_layer_sizes=(6, 4), activation="relu", noise_level=0.1).fit(NORMAL)
    encoder = list(detector.model_.encoder)
    assert isinstance(encoder[0], layers.GaussianNoise) and [layer.n_out for layer in encoder[1:]] == [6, 4, 2]
    model = dense_autoencoder([8, 3], "linear", loss="mse")
    before = model.theta.value.copy()
    own = quick(model=model).fit(NORMAL)
    np.testing.assert_array_equal(model.theta.value, before)
    assert [layer.n_out for layer in own.model_.encoder] == [3] and own.model_.theta.value.dtype == np.float32
    made = quick(model=lambda d: dense_autoencoder([d, 3], loss="mse", seed=None)).fit(NORMAL)
    assert np.isfinite(made.score_samples(STRANGE)).all() and made.model_.theta.value.dtype == np.float64


def test_clones_and_refits_are_the_same_and_pickles_keep_everything(tmp_path):
    detector = quick().fit(NORMAL)
    scores = detector.score_samples(STRANGE)
    np.testing.assert_array_equal(clone(detector).fit(NORMAL).score_samples(STRANGE), scores)
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.score_samples(STRANGE), scores)
    assert again.offset_ == detector.offset_ and again.model_ is again.detector_.model
    np.testing.assert_array_equal(detector.fit(STRANGE).fit(NORMAL).score_samples(STRANGE), scores)
    save_detector(tmp_path / "d.npz", detector.detector_)
    np.testing.assert_array_equal(load_detector(tmp_path / "d.npz").score_samples(STRANGE), scores)


def test_columns_of_frames_are_compared():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NORMAL, columns=list("abcdefgh"))
    detector = quick().fit(frame)
    assert list(detector.feature_names_in_) == list("abcdefgh")
    np.testing.assert_array_equal(detector.predict(frame), quick().fit(NORMAL).predict(NORMAL))
    for use in (detector.predict, detector.contributions):
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            use(frame[frame.columns[::-1]])


def test_the_fitted_detector_knows_the_columns_after_saving_too(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NORMAL, columns=list("abcdefgh"))
    inside = quick(contamination=0.1).fit(frame).detector_
    for detector in (inside, load_detector(save_detector(tmp_path / "d", inside))):
        assert detector.feature_names == list("abcdefgh")
        np.testing.assert_array_equal(detector.distances(frame), inside.distances(NORMAL))
        with pytest.raises(ValueError, match="expected the columns in the order of training, 'a', 'b'"):
            detector.distances(frame[frame.columns[::-1]])
    assert quick(contamination=0.1).fit(NORMAL).detector_.feature_names is None


@pytest.mark.parametrize("estimator", [AutoencoderDetector, AutoencoderTransformer])
def test_ctrl_c_in_the_first_epoch_is_reported(estimator):
    class Interrupted(Autoencoder):
        def backpropagate(self, batch):
            signal.raise_signal(signal.SIGINT)
            return super().backpropagate(batch)

    model = Interrupted(layers.Dense(8, 3), layers.Dense(3, 8), "mse")
    settings = {"contamination": 0.1} if estimator is AutoencoderDetector else {}
    with pytest.warns(UserWarning, match=rf"{estimator.__name__}: training was interrupted in epoch 1 after 1 of 10"):
        fitted = estimator(model=model, batch_size=32, epochs=2, random_state=0, **settings).fit(NORMAL)
    assert len(fitted.history_) == 0 == fitted.n_iter_ and fitted.history_.stopped.startswith("interrupted")


@pytest.mark.parametrize("rows", [993, 1025, 1057])
def test_batch_normalization_with_any_number_of_rows(rows):
    """31, 32 or 33 batches of 32 rows would leave a single row, which has no variance."""
    x = np.random.default_rng(0).standard_normal((rows, 4))
    settings = {"hidden_layer_sizes": (4,), "n_components": 2, "batch_norm": True, "batch_size": 32, "epochs": 1}
    detector = AutoencoderDetector(contamination=0.1, random_state=0, **settings).fit(x)
    assert any(isinstance(layer, layers.BatchNorm) for layer in detector.model_.encoder)
    assert np.isfinite(detector.score_samples(x)).all()
    assert AutoencoderTransformer(random_state=0, **settings).fit_transform(x).shape == (rows, 2)


def test_a_trained_model_needs_no_epochs():
    trained = quick().fit(NORMAL).model_
    detector = quick(model=trained, epochs=0, contamination=0.1).fit(NORMAL)
    assert detector.n_iter_ == 0 == len(detector.history_) and (detector.predict(NORMAL) == -1).sum() == 30
