"""The settings of a detector: read, changed, shown, and copied by scikit-learn."""

import numpy as np
import pytest

from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, roc_auc

X = np.random.default_rng(0).standard_normal((60, 5))


def test_the_constructor_keeps_every_argument_as_it_is():
    model = dense_autoencoder([5, 2], loss="mse")
    settings = {"model": model, "distance": "latent", "contamination": 0.2, "shrinkage": 0.5, "standardize": False,
                "epochs": 3, "batch_size": 7, "learning_rate": 0.1, "folds": 4, "seed": 9, "dtype": "float64",
                "device": "cpu", "progress": "lines"}  # fmt: skip
    got = AnomalyDetector(**settings).get_params()
    assert got == settings and got["model"] is model
    assert AnomalyDetector(distance=[1]).get_params()["distance"] == [1]  # checked in fit, not before


def test_settings_are_changed_for_the_next_fit():
    detector = AnomalyDetector(epochs=1, folds=0)
    assert detector.set_params(distance="latent", model=dense_autoencoder([5, 2], loss="mse")) is detector
    detector.fit(X)
    assert detector.model.encode(X).shape == (60, 2) and detector.distance == "latent"
    with pytest.raises(ValueError, match="AnomalyDetector: expected settings model, distance, .*, got 'score'"):
        detector.set_params(score="latent")


def test_the_repr_shows_them():
    assert repr(AnomalyDetector(contamination=0.05)).startswith(
        "AnomalyDetector(model=None, distance='joint', contamination=0.05, shrinkage=0.01, standardize=True, epochs=50"
    )


def test_scikit_learn_clones_it_and_puts_it_into_a_pipeline():
    base, pipeline = pytest.importorskip("sklearn.base"), pytest.importorskip("sklearn.pipeline")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    detector = AnomalyDetector(epochs=2, contamination=0.2).fit(X)
    again = base.clone(detector).fit(X)
    np.testing.assert_array_equal(again.distances(X), detector.distances(X))
    chain = pipeline.make_pipeline(scaler, AnomalyDetector(epochs=2, contamination=0.2)).fit(X, np.zeros(60))
    np.testing.assert_allclose(chain.score_samples(X), detector.score_samples(X), rtol=1e-3)
    np.testing.assert_array_equal(chain.predict(X) == -1, chain.decision_function(X) < 0)


def test_scikit_learn_searches_its_settings():
    selection = pytest.importorskip("sklearn.model_selection")
    y = np.arange(60) % 6 == 0
    found = selection.GridSearchCV(
        AnomalyDetector(epochs=1, folds=0), {"distance": ["latent", "reconstruction"]}, cv=2,
        scoring=lambda detector, x, y: roc_auc(y, detector.distances(x)),
    ).fit(X + 5 * y[:, None] * np.sign(X), y)  # fmt: skip
    assert found.best_params_ == {"distance": "reconstruction"} and found.best_score_ > 0.8
