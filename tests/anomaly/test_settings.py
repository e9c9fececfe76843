"""The settings of a detector: kept as they are given, changed for the next fit, and shown."""

import numpy as np
import pytest

from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector

X = np.random.default_rng(0).standard_normal((60, 5))


def test_the_constructor_keeps_every_argument_as_it_is():
    model = dense_autoencoder([5, 2], loss="mse")
    settings = {"model": model, "distance": "latent", "contamination": 0.2, "shrinkage": 0.5, "standardize": False,
                "epochs": 3, "batch_size": 7, "learning_rate": 0.1, "folds": 4, "seed": 9, "dtype": "float64",
                "device": "cpu", "progress": "lines"}  # fmt: skip
    got = AnomalyDetector(**settings).settings
    assert got == settings and got["model"] is model
    assert AnomalyDetector(distance=[1]).settings["distance"] == [1]  # checked in fit, not before


def test_settings_are_changed_for_the_next_fit():
    detector = AnomalyDetector(epochs=1, folds=0).fit(X)
    detector.distance, detector.given_model = "latent", dense_autoencoder([5, 3], loss="mse")
    assert detector.model.encode(X).shape == (60, 2)
    assert detector.fit(X).model.encode(X).shape == (60, 3) and detector.settings["distance"] == "latent"


def test_the_repr_shows_them():
    assert repr(AnomalyDetector(contamination=0.05)).startswith(
        "AnomalyDetector(model=None, distance='joint', contamination=0.05, shrinkage=0.01, standardize=True, epochs=150"
    )


@pytest.mark.parametrize(("activation", "mean"), [("tanh", 0), ("relu", 1)])
def test_a_model_may_be_a_function_that_makes_one_with_first_weights_that_suit_the_rows(activation, mean):
    made = []

    def make(shape, seed, dtype):
        made.append((shape, seed, dtype))
        return dense_autoencoder([5, 12, 2], activation, loss="mse", seed=seed, dtype=dtype)

    detector = AnomalyDetector(make, epochs=0, folds=0, seed=4, dtype="float64").fit(X)
    assert made == [((5,), 4, "float64")]
    dense, x = detector.model.encoder[0], detector.fitted.scale(X)
    a = x @ dense.W.value + dense.b.value
    np.testing.assert_allclose(a.mean(axis=0), mean, atol=1e-12)
    np.testing.assert_allclose(a.std(axis=0), 1, rtol=1e-12)
    trained = AnomalyDetector(make, epochs=5, folds=2).fit(X)
    assert len(made) == 4 and np.isfinite(trained.distances(X)).all()  # a new one for each of the three fits
