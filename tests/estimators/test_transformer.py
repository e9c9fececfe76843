"""The transformer: codes, reconstructions, scores; parameters that reach the network; data of every dtype; frames."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

from npae import (  # noqa: E402
    AdversarialAutoencoder,
    Autoencoder,
    dense_autoencoder,
    fit,
    layers,
    losses,
    optim,
    penalties,
    variational_autoencoder,
)
from npae.estimators import AutoencoderTransformer  # noqa: E402
from npae.models.adversarial.priors import GaussianPrior  # noqa: E402
from npae.train.history import History  # noqa: E402
from tests.devices import each_device, on  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 2)) @ RNG.standard_normal((2, 6)) * [1, 10, 0.1, 5, 1, 1] + 100
QUICK = {"epochs": 3, "random_state": 0}


def quick(*sizes, **settings):
    return AutoencoderTransformer(*sizes, **QUICK | settings)


# ---------------------------------------------------------------------- codes, reconstructions, scores


def test_a_linear_network_comes_near_pca():
    noisy = X + RNG.standard_normal(X.shape) * X.std(axis=0) / 3
    linear = AutoencoderTransformer(2, hidden_layer_sizes=(), learning_rate=0.02, random_state=0).fit(noisy)
    z = (noisy - noisy.mean(axis=0)) / noisy.std(axis=0)
    best = PCA(2).fit(z).explained_variance_ratio_.sum()
    assert 0.8 < best - 0.01 < linear.score(noisy) < best + 1e-9


def test_codes_and_reconstructions_are_those_of_the_network_on_standardised_rows():
    encode = quick(3).fit(X)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(encode.transform(X), encode.model_.encode(z), rtol=1e-12)
    x_hat = encode.model_.reconstruct(z) * X.std(axis=0) + X.mean(axis=0)
    np.testing.assert_allclose(encode.inverse_transform(encode.transform(X)), x_hat, rtol=1e-12)
    np.testing.assert_allclose(encode.mean_, X.mean(axis=0))
    np.testing.assert_allclose(encode.scale_, X.std(axis=0))
    r2 = 1 - np.square(z - encode.model_.reconstruct(z)).sum() / np.square(z).sum()
    assert encode.score(X) == pytest.approx(r2) and encode.fit_transform(X).shape == (120, 3)
    assert encode.transform(X[5:6]).shape == (1, 3) and np.isfinite(encode.score(X[5:6]))  # one row


def test_rows_as_they_are():
    x = RNG.random((60, 5))
    encode = quick(2, standardize=False, loss="bce").fit(x)
    x_hat = encode.inverse_transform(encode.transform(x))
    assert x_hat.min() > 0 and x_hat.max() < 1 and encode.scale_ is None
    r2 = 1 - np.square(x - x_hat).sum() / np.square(x - x.mean(axis=0)).sum()
    assert encode.score(x) == pytest.approx(r2)


def test_the_score_of_rows_that_are_all_the_mean():
    constant = np.full((20, 3), 7.0)
    assert quick(1).fit(constant).score(constant) in (0, 1)


def test_fit_again_begins_anew_and_a_clone_is_the_same_estimator():
    encode = quick(2).fit(X)
    h = encode.transform(X)
    np.testing.assert_array_equal(encode.fit(X * 2).fit(X).transform(X), h)
    np.testing.assert_array_equal(clone(encode).fit(X).transform(X), h)
    assert encode.n_iter_ == len(encode.history_) == 3


def test_random_states_are_integers_objects_or_none():
    a, b = (quick(2, random_state=np.random.RandomState(5)).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    shared = np.random.RandomState(5)
    c, d = (quick(2, random_state=shared).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(a, c)
    assert np.abs(c - d).max() > 0
    e, f = (quick(2, random_state=None).fit(X).transform(X) for _ in range(2))
    assert np.abs(e - f).max() > 0


@each_device
def test_it_is_fitted_and_used_on_every_device(device):
    with on(device) as place:
        encode = quick(2, device=place.name).fit(X)
        h, x_hat, score = encode.transform(X), encode.inverse_transform(encode.transform(X)), encode.score(X)
    assert type(h) is type(x_hat) is np.ndarray and h.shape == (120, 2) and x_hat.shape == X.shape and score < 1


def test_a_fitted_one_is_pickled_with_all_that_it_needs():
    encode = quick(2, noise_level=0.1, dropout=0.1, batch_norm=True, l1=1e-3, loss=losses.SquaredError()).fit(X)
    again = pickle.loads(pickle.dumps(encode))
    np.testing.assert_array_equal(again.transform(X), encode.transform(X))
    assert again.n_iter_ == 3 and again.history_["loss"] == encode.history_["loss"]
    before = encode.transform(X)
    again.fit(X + 1)
    np.testing.assert_array_equal(encode.transform(X), before)


# ---------------------------------------------------------------------- parameters


def test_parameters_reach_the_network():
    encode = quick(2, hidden_layer_sizes=(8, 4), activation="relu", code_activation="sigmoid", noise="masking",
                   noise_level=0.2, weight_decay=1e-4, l1=1e-3, sparsity=0.1, dropout=0.1).fit(X)  # fmt: skip
    encoder = list(encode.model_.encoder)
    assert [layer.n_out for layer in encoder if isinstance(layer, layers.Dense)] == [8, 4, 2]
    assert isinstance(encoder[0], layers.MaskingNoise) and encoder[0].fraction == 0.2
    assert isinstance(encoder[1].activation, layers.ReLU) and isinstance(encoder[-1].activation, layers.Sigmoid)
    assert any(isinstance(layer, layers.Dropout) for layer in encoder)
    kinds = (penalties.WeightDecay, penalties.L1, penalties.KLSparsity)
    assert [type(p) for p in encode.model_.penalties] == list(kinds)
    assert [p.strength for p in encode.model_.penalties] == [1e-4, 1e-3, 0.1]
    assert {"weight_decay", "l1", "sparsity"} <= set(encode.history_.columns)


def test_every_kind_of_network():
    tied = quick(2, hidden_layer_sizes=8, tied=True).fit(X)
    assert isinstance(list(tied.model_.decoder)[0], layers.TiedDense)
    contractive = quick(2, hidden_layer_sizes=(), activation="tanh", contraction=0.1).fit(X)
    assert "contraction" in contractive.history_.columns
    for noise in ("gaussian", "salt_and_pepper"):
        assert np.isfinite(quick(2, noise=noise, noise_level=0.3).fit(X).score(X))
    assert np.isfinite(quick(2, batch_norm=True, hidden_layer_sizes=np.array([8, 8])).fit(X).score(X))


def test_the_default_network_depends_on_the_number_of_features():
    for d, sizes in ((1, [4, 1]), (6, [12, 3]), (100, [128, 32])):
        encoder = quick().fit(RNG.standard_normal((30, d))).model_.encoder
        assert [layer.n_out for layer in encoder] == sizes


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "SGD", optim.Adam, optim.SGD(1e-3, 0.9)])
def test_optimizers_and_their_learning_rate(optimizer):
    encode = quick(2, optimizer=optimizer, learning_rate=2e-3, schedule=None).fit(X)
    rate = optimizer.lr if isinstance(optimizer, optim.Optimizer) else 2e-3
    assert encode.history_["lr"] == [rate] * 3
    assert not getattr(optimizer, "state", None) or callable(optimizer)  # the given one has not been used


def test_early_stopping_keeps_the_best_weights():
    settings = {"early_stopping": True, "validation_fraction": 0.25, "schedule": None, "learning_rate": 0.05, "tol": 0}
    encode = quick(2, epochs=300, n_iter_no_change=3, **settings).fit(X)
    assert encode.n_iter_ < 300 and "early stopping" in encode.history_.stopped
    best = encode.history_.best("val_loss")["epoch"]
    assert best == encode.n_iter_ - 3
    as_long = quick(2, epochs=best, **settings).fit(X)  # the same run, which ends with its best epoch
    np.testing.assert_array_equal(encode.transform(X), as_long.transform(X))
    never = quick(2, epochs=12, early_stopping=True, n_iter_no_change=2, tol=1e9).fit(X)
    assert never.n_iter_ == 3  # the first epoch is the best; two more without enough of a decrease


def test_no_epochs_leave_the_first_weights():
    encode = quick(2, epochs=0).fit(X)
    assert encode.n_iter_ == 0 == len(encode.history_) and encode.transform(X).shape == (120, 2)


def test_progress_is_reported_if_asked_for(capsys):
    quick(2).fit(X)
    assert capsys.readouterr() == ("", "")
    quick(2, verbose=True).fit(X)
    assert "epoch" in "".join(capsys.readouterr())


def test_ctrl_c_is_reported_since_a_search_would_go_on(monkeypatch):
    stopped = History()
    stopped.stopped = "interrupted after epoch 1"
    monkeypatch.setattr("npae.estimators.transformer.train", lambda *arguments, **settings: stopped)
    with pytest.warns(UserWarning, match="AutoencoderTransformer: training was interrupted after epoch 1"):
        quick(2).fit(X)


def test_the_trained_network_knows_the_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    model = quick(2, standardize=False).fit(frame).model_
    assert model.feature_names == list("abcdef")
    np.testing.assert_array_equal(model.encode(frame), model.encode(X))
    with pytest.raises(ValueError, match="expected the columns in the order of training, 'a', 'b'"):
        model.encode(frame[frame.columns[::-1]])
    assert quick(2).fit(X).model_.feature_names is None


# ---------------------------------------------------------------------- a model of one's own


def test_a_copy_of_the_given_model_is_trained():
    model = dense_autoencoder([6, 5, 2], "silu", loss="mse", dtype=np.float64)
    before = model.theta.value.copy()
    encode = quick(model=model).fit(X)
    np.testing.assert_array_equal(model.theta.value, before)
    assert encode.model_ is not model and np.abs(encode.model_.theta.value - before).max() > 0
    assert encode.transform(X).shape == (120, 2) and list(encode.get_feature_names_out())[-1].endswith("1")


def test_a_function_makes_the_model_of_the_number_of_features():
    def make(n_features):
        return dense_autoencoder([n_features, 4], loss="mse", seed=None)  # weights come from random_state

    a, b, c = (quick(model=make, random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(a.transform(X), b.transform(X))
    assert np.abs(a.transform(X) - c.transform(X)).max() > 0 and a.model_.theta.value.dtype == np.float64
    assert quick(model=make).fit(X[:, :3]).transform(X[:, :3]).shape == (120, 4)


def test_a_trained_model_is_used_as_it_is():
    model = dense_autoencoder([6, 2], loss="mse")
    fit(model, X - 100, epochs=2, progress="none")
    encode = quick(model=model, epochs=0, standardize=False).fit(X - 100)
    np.testing.assert_array_equal(encode.transform(X - 100), model.encode(X - 100))
    assert encode.transform(X - 100).dtype == np.float32  # of the model
    assert quick(model=model, dtype="float64").fit(X).transform(X).dtype == np.float64


def test_models_of_images_and_of_several_objectives():
    pixels = RNG.random((40, 64))
    conv = (layers.Reshape((1, 8, 8)), layers.Conv2D(1, 2, 3, 2, "same", "relu"))
    back = (layers.ConvTranspose2D(2, 1, 3, 2, "same"), layers.Flatten())
    encode = quick(model=Autoencoder(layers.Sequential(*conv), layers.Sequential(*back), "mse")).fit(pixels)
    assert encode.transform(pixels).shape == (40, 32)  # 2 channels of 4 x 4
    assert encode.inverse_transform(encode.transform(pixels)).shape == (40, 64)
    inner = dense_autoencoder([6, 2], loss="mse")
    adversarial = AdversarialAutoencoder(inner, layers.Dense(2, 1), GaussianPrior(2))
    variational = variational_autoencoder([6, 5, 2], loss=losses.GaussianNLL(0.5))
    for model in (adversarial, variational):
        encode = quick(model=model).fit(X)
        assert encode.transform(X).shape == (120, 2) and np.isfinite(encode.score(X))
        assert encode.inverse_transform(encode.transform(X)).shape == (120, 6)


# ---------------------------------------------------------------------- data


@pytest.mark.parametrize(("dtype", "computed"), [
    ("float64", "float64"), ("float32", "float32"), ("float16", "float64"), ("int64", "float64"), ("int16", "float32"),
    ("uint8", "float32"), ("bool", "float32"), ("O", "float64"),
])  # fmt: skip
def test_the_network_computes_in_the_dtype_of_X(dtype, computed):
    x = RNG.integers(0, 2 if dtype == "bool" else 200, (50, 4)).astype(dtype)
    encode = quick(2).fit(x)
    h = encode.transform(x)
    assert h.dtype == computed == encode.model_.theta.value.dtype
    assert encode.inverse_transform(h).dtype == computed
    same = quick(2, dtype=computed).fit(x.astype(float))
    np.testing.assert_allclose(same.transform(x.astype(float)), h, atol=1e-4)


def test_bytes_are_numbers_here():
    pixels = RNG.integers(0, 256, (40, 9)).astype(np.uint8)
    for settings in ({"standardize": True}, {"standardize": False}):
        a, b = (quick(2, **settings).fit(x).transform(x) for x in (pixels, pixels.astype(np.float32)))
        np.testing.assert_array_equal(a, b)


def test_the_dtype_may_be_chosen():
    assert quick(2, dtype="float32").fit(X).transform(X).dtype == np.float32
    assert quick(2, dtype=np.float64).fit(X.astype("float32")).transform(X.astype("float32")).dtype == np.float64


def test_files_in_memory_and_lists(tmp_path):
    np.save(tmp_path / "x.npy", X)
    h = quick(2).fit_transform(X)
    np.testing.assert_array_equal(quick(2).fit_transform(np.load(tmp_path / "x.npy", mmap_mode="r")), h)
    np.testing.assert_array_equal(quick(2).fit_transform(X.tolist()), h)


def test_columns_of_frames_are_remembered_and_codes_come_as_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"), index=range(7, 127))
    encode = quick(2).set_output(transform="pandas").fit(frame)
    assert list(encode.feature_names_in_) == list("abcdef") and encode.n_features_in_ == 6
    codes = encode.transform(frame)
    assert list(codes.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
    assert list(codes.index) == list(range(7, 127))
    np.testing.assert_array_equal(encode.get_feature_names_out(), codes.columns)
    np.testing.assert_allclose(encode.inverse_transform(codes), encode.inverse_transform(codes.to_numpy()))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        encode.transform(frame[frame.columns[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        encode.transform(X)


def test_it_shows_what_was_set_and_whether_it_is_fitted():
    encode = AutoencoderTransformer(2, activation="relu")
    assert repr(encode) == "AutoencoderTransformer(activation='relu', n_components=2)"
    assert "AutoencoderTransformer" in encode._repr_html_() and "relu" in encode._repr_html_()
    with pytest.raises(ValueError, match="is not fitted yet"):
        check_is_fitted(encode)
    check_is_fitted(quick(2).fit(X))
