"""What the estimators refuse, each with one sentence; and what happens without scikit-learn."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.exceptions import NotFittedError  # noqa: E402

from npae import Classifier, dense_autoencoder, layers  # noqa: E402
from npae.estimators import AutoencoderDetector, AutoencoderTransformer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).standard_normal((40, 5))
BOTH = pytest.mark.parametrize("kind", [AutoencoderTransformer, AutoencoderDetector])


@BOTH
@pytest.mark.parametrize(("settings", "words"), [
    ({"n_components": 0}, "n_components of Autoencoder.*: expected 1 or more, got 0"),
    ({"n_components": 2.5}, "n_components of Autoencoder.*: expected an integer, got 2.5"),
    ({"hidden_layer_sizes": (8, -1)}, "hidden_layer_sizes of Autoencoder.*: expected 1 or more, got -1"),
    ({"hidden_layer_sizes": "64"}, "hidden_layer_sizes of Autoencoder.*: expected an integer, got '64'"),
    ({"activation": "tan"}, "unknown activation 'tan'. Expected one of .*tanh"),
    ({"loss": "mae"}, "unknown loss 'mae'"),
    ({"noise": "gauss"}, "expected a noise of gaussian, masking, salt_and_pepper, got 'gauss'"),
    ({"noise_level": -1}, "noise_level of Autoencoder.*: expected a number of at least 0, got -1. 0 leaves it out"),
    ({"noise": "masking", "noise_level": 2}, "fraction of MaskingNoise: expected .* at most 1, got 2"),
    ({"l1": "a"}, "l1 of Autoencoder.*: expected a number, got 'a'"),
    ({"weight_decay": float("nan")}, "weight_decay of Autoencoder.*: .* got nan"),
    ({"contraction": 0.1}, "expected an encoder of one Dense layer"),
    ({"sparsity": 0.1}, "expected an encoder that ends in Sigmoid"),
    ({"tied": True, "dropout": 0.1}, "expected no dropout and batch_norm with tied=True"),
    ({"epochs": -1}, "epochs of Autoencoder.*: expected 0 or more, got -1"),
    ({"epochs": 2.5}, "epochs of Autoencoder.*: expected an integer, got 2.5"),
    ({"batch_size": 0}, "batch_size of Autoencoder.*: expected 1 or more, got 0"),
    ({"learning_rate": 0}, "learning_rate of Autoencoder.*: expected a number above 0, got 0"),
    ({"learning_rate": "fast"}, "learning_rate of .*: expected a number, got 'fast'"),
    ({"dtype": "int8"}, "expected dtype \"float32\", \"float64\" or None .*, got 'int8'"),
    ({"random_state": "a"}, "'a' cannot be used to seed"),
    ({"device": "tpu"}, "tpu"),
    ({"loss": "bce"}, "Detector|Transformer.*cannot take standardised features.*use standardize=False"),
    ({"model": "small"}, r"expected a model that encodes and decodes, .* dense_autoencoder\(\[5, 8\].*, got 'small'"),
    ({"model": Classifier(layers.Dense(5, 2), 2)}, "expected a model that encodes and decodes, .* got Classifier"),
    ({"model": lambda d: d}, "or a function that makes one of the number of features, got 5"),
    ({"model": dense_autoencoder([4, 2], loss="mse")}, "this model was made for 4 features, got 5"),
])  # fmt: skip
def test_wrong_parameters_raise_in_fit(kind, settings, words):
    estimator = kind(**{"epochs": 1} | settings)
    with pytest.raises((ValueError, TypeError), match=words):
        estimator.fit(X)


@pytest.mark.parametrize(("settings", "words"), [
    ({"optimizer": "rms"}, "AutoencoderTransformer: unknown optimizer 'rms'"),
    ({"schedule": 3}, "schedule: expected a schedule such as"),
    ({"early_stopping": True, "validation_fraction": 1}, "expected 0 < validation_fraction < 1, such as 0.1, got 1"),
    ({"early_stopping": True, "validation_fraction": 1e-9}, "leaves nothing to train or to validate on"),
    ({"early_stopping": True, "n_iter_no_change": 0}, "n_iter_no_change of AutoencoderTransformer: .* got 0"),
])  # fmt: skip
def test_wrong_parameters_of_the_transformer(settings, words):
    with pytest.raises((ValueError, TypeError), match=words):
        AutoencoderTransformer(epochs=1, **settings).fit(X)


@pytest.mark.parametrize(("settings", "words"), [
    ({"contamination": 0}, r'AutoencoderDetector: contamination must be in \(0, 0.5\] or "auto", got 0'),
    ({"contamination": 0.6}, r'contamination must be in \(0, 0.5\] or "auto", got 0.6'),
    ({"contamination": "all"}, r'contamination must be in \(0, 0.5\] or "auto", got \'all\''),
    ({"false_alarm_rate": None}, r"AutoencoderDetector: false_alarm_rate must be in \(0, 0.5\], got None"),
    ({"distance": "error"}, "expected a distance of reconstruction, residual, latent, joint, got 'error'"),
    ({"shrinkage": 0}, "shrinkage of .*: expected a number above 0 and at most 1, got 0. Take 0.01"),
    ({"folds": 1}, "expected 2 or more, or 0 for no cross-fitting, got 1"),
])  # fmt: skip
def test_wrong_parameters_of_the_detector(settings, words):
    with pytest.raises(ValueError, match=words):
        AutoencoderDetector(epochs=1, **settings).fit(X)


@BOTH
@pytest.mark.parametrize(("data", "words"), [
    (X[:1], r"1 sample\(s\).* while a minimum of 2 is required by Autoencoder"),
    (np.where(X > 2, np.nan, X), "Input X contains NaN.\nAutoencoder.* does not accept missing values"),
    (np.where(X > 2, np.inf, X), "Input X contains infinity"),
    (X[0], "Expected 2D array, got 1D array instead"),
    (X[None], "Found array with dim 3"),
    (X + 1j, "Complex data not supported"),
    (X[:, :0], r"0 feature\(s\)"),
    ([["a", "b"], ["c", "d"]], "could not convert string to float"),
])  # fmt: skip
def test_wrong_data_raise(kind, data, words):
    with pytest.raises(ValueError, match=words):
        kind(epochs=1).fit(data)


@BOTH
def test_sparse_data_are_refused(kind):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"Sparse data was passed.*\.toarray\(\)"):
        kind(epochs=1).fit(sparse.csr_matrix(X))


@BOTH
def test_later_data_have_the_same_features(kind):
    fitted = kind(epochs=1).fit(X)
    use = fitted.transform if kind is AutoencoderTransformer else fitted.predict
    with pytest.raises(ValueError, match="X has 4 features, but Autoencoder.* is expecting 5 features"):
        use(X[:, :4])
    with pytest.raises(ValueError, match="contains NaN"):
        use(np.full((2, 5), np.nan))


def test_codes_have_the_columns_that_transform_returns():
    encode = AutoencoderTransformer(2, epochs=1).fit(X)
    with pytest.raises(ValueError, match="AutoencoderTransformer: expected codes of 2 columns, .* got 3"):
        encode.inverse_transform(X[:, :3])
    with pytest.raises(ValueError, match="contains NaN"):
        encode.inverse_transform(np.full((2, 2), np.nan))


@pytest.mark.parametrize(("kind", "method"), [
    *((AutoencoderTransformer, name) for name in ("transform", "inverse_transform", "score", "get_feature_names_out")),
    *((AutoencoderDetector, name) for name in ("predict", "score_samples", "decision_function", "contributions")),
])  # fmt: skip
def test_an_estimator_that_is_not_fitted_raises(kind, method):
    with pytest.raises(NotFittedError, match="is not fitted yet. Call 'fit'"):
        getattr(kind(), method)(*[X] * (method != "get_feature_names_out"))


def test_a_detector_of_npae_anomaly_is_no_estimator():
    from sklearn.base import clone

    from npae.anomaly import AnomalyDetector

    with pytest.raises(TypeError, match="does not seem to be a scikit-learn estimator"):
        clone(AnomalyDetector())


@pytest.mark.parametrize("missing", ["sklearn", "sklearn.utils.validation"])
def test_without_scikit_learn_one_sentence_says_what_to_install(missing):
    program = (
        f"import sys\nsys.modules[{missing!r}] = None\nimport npae\n"
        "assert 'npae.estimators' not in sys.modules\nimport npae.estimators"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "ModuleNotFoundError: npae.estimators: scikit-learn 1.6 or newer is not installed: pip install "
    )
    assert "[sklearn]" in done.stderr.splitlines()[-1]


def test_npae_imports_no_scikit_learn():
    program = "import sys, npae; print(sorted(m for m in sys.modules if m.partition('.')[0] in ('sklearn', 'scipy')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
