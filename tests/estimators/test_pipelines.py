"""Estimators in pipelines, searches, other processes and files."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
import joblib  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

from npae import dense_autoencoder, layers  # noqa: E402
from npae.estimators import AutoencoderDetector, AutoencoderTransformer  # noqa: E402

RNG = np.random.default_rng(0)
H = RNG.standard_normal((150, 2))
X = H @ RNG.standard_normal((2, 6)) + 0.1 * RNG.standard_normal((150, 6))
Y = (H[:, 0] > 0).astype(int)


@pytest.fixture
def frame():
    return pytest.importorskip("pandas").DataFrame(X, columns=list("abcdef"))


def chain(**settings):
    encode = AutoencoderTransformer(2, **{"epochs": 60, "random_state": 0} | settings)
    return Pipeline([("scale", StandardScaler()), ("encode", encode), ("classify", LogisticRegression())])


def test_a_pipeline_on_a_frame(frame):
    fitted = chain().fit(frame, Y)
    assert fitted.score(frame, Y) > 0.9 and list(fitted.feature_names_in_) == list("abcdef")
    names = fitted[:-1].get_feature_names_out()
    assert list(names) == ["autoencodertransformer0", "autoencodertransformer1"]
    assert fitted[:-1].inverse_transform(fitted[:-1].transform(frame)).shape == (150, 6)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        fitted.predict(frame[frame.columns[::-1]])


@pytest.mark.slow
def test_a_search_in_two_processes_on_a_frame(frame):
    grid = {"encode__n_components": [1, 2], "encode__hidden_layer_sizes": [(), (8,)], "encode__noise_level": [0.0, 0.1]}
    search = GridSearchCV(chain(epochs=20), grid, cv=2, n_jobs=2, error_score="raise").fit(frame, Y)
    assert len(search.cv_results_["params"]) == 8 and search.best_params_["encode__n_components"] == 2
    assert search.best_score_ > 0.85 and search.predict(frame).shape == (150,)
    alone = GridSearchCV(chain(epochs=20), grid, cv=2, error_score="raise").fit(frame, Y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_a_search_over_the_transformer_alone_compares_reconstructions():
    encode = AutoencoderTransformer(epochs=60, random_state=0)
    search = GridSearchCV(encode, {"n_components": [1, 2]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 2}
    assert search.best_score_ > search.cv_results_["mean_test_score"][0] + 0.2


def test_a_search_over_models_and_objects():
    models = [dense_autoencoder([6, 1], loss="mse"), lambda d: dense_autoencoder([d, 3], loss="mse")]
    search = GridSearchCV(AutoencoderTransformer(epochs=20, random_state=0), {"model": models}, cv=2).fit(X)
    assert search.best_estimator_.transform(X).shape == (150, 3)
    search = GridSearchCV(
        AutoencoderTransformer(2, epochs=5, random_state=0), {"activation": ["relu", layers.SiLU()]}, cv=2
    ).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_columns_of_numbers_beside_columns_of_categories(frame):
    frame["kind"] = np.where(Y, "x", "y")
    parts = ColumnTransformer(
        [("codes", AutoencoderTransformer(2, epochs=2, random_state=0), list("abcdef")),
         ("kind", OneHotEncoder(sparse_output=False), ["kind"])]
    ).set_output(transform="pandas")  # fmt: skip
    codes = parts.fit_transform(frame)
    assert list(codes.columns) == [
        "codes__autoencodertransformer0", "codes__autoencodertransformer1", "kind__kind_x", "kind__kind_y",
    ]  # fmt: skip


def test_the_detector_in_a_pipeline_and_in_a_search(frame):
    detector = AutoencoderDetector(epochs=10, folds=2, random_state=0)
    fitted = make_pipeline(StandardScaler(), detector).fit(frame)
    np.testing.assert_array_equal(fitted.predict(frame) == -1, fitted.decision_function(frame) < 0)
    np.testing.assert_allclose(fitted.score_samples(frame), clone(detector).fit(frame).score_samples(frame), rtol=1e-3)
    odd = RNG.permutation(150) < 15
    rows = frame + 4 * odd[:, None] * RNG.standard_normal((150, 6))
    grid = {"distance": ["latent", "reconstruction"], "n_components": [2]}
    search = GridSearchCV(clone(detector), grid, cv=2, scoring="roc_auc", n_jobs=2).fit(rows, np.where(odd, 0, 1))
    assert search.best_params_["distance"] == "reconstruction" and search.best_score_ > 0.9
    assert cross_val_score(detector, rows, np.where(odd, -1, 1), scoring="balanced_accuracy", cv=2).mean() > 0.7


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_writes_and_reads_them(tmp_path, frame, mmap_mode):
    for fitted in (chain(epochs=2).fit(frame, Y), AutoencoderDetector(epochs=2, folds=2).fit(frame)):
        joblib.dump(fitted, tmp_path / "fitted.joblib")
        again = joblib.load(tmp_path / "fitted.joblib", mmap_mode=mmap_mode)
        np.testing.assert_array_equal(again.predict(frame), fitted.predict(frame))
        np.testing.assert_array_equal(again.decision_function(frame), fitted.decision_function(frame))
        assert list(again.feature_names_in_) == list("abcdef")
        clone(again)
