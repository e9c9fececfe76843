"""fit refuses wrong data and settings in one clear sentence, before anything is changed."""

import numpy as np
import pytest

from npae import Autoencoder, backend, dense_autoencoder, fit, layers, losses, optim

RNG = np.random.default_rng(0)
X = RNG.random((40, 6), np.float32)


def with_value(value, row=11, dtype=np.float32):
    data = X.astype(dtype)
    data[row, 2] = value
    return data


def assert_refused(error, words, data=X, validation=None, loss=None, **changes):
    model = dense_autoencoder([6, 4, 2], loss=loss)
    before, optimizer = model.theta.value.copy(), optim.Adam()
    arguments = {"epochs": 2, "batch_size": 8, "optimizer": optimizer, "progress": "none"} | changes
    with pytest.raises(error, match=words):
        fit(model, data, validation=validation, **arguments)
    assert (model.theta.value == before).all() and optimizer.t == 0
    history = fit(model, X, epochs=1, batch_size=8, optimizer=optimizer, progress="none")  # as if nothing had been
    assert np.isfinite(history["loss"][0])


SHAPES_AND_TYPES = [
    (X[:, :5], ValueError, "data: this model was made for 6 features, got 5"),
    (X.reshape(40, 2, 3), ValueError, r"expected x of shape \(batch, 6\).*Flatten"),
    (X[0], ValueError, r"data: expected an array \(samples, features…\).*got shape \(6,\).* is \w+\[None\]"),
    (np.float32(3), ValueError, r"data: expected an array .* got shape \(\)"),
    (X[:0], ValueError, r"data: expected an array .* got shape \(0, 6\)"), ([], ValueError, r"got shape \(0,\)"),
    (np.full((40, 6), 5, np.int32), TypeError, r"data: expected an array .*integers \(int32\) from 5 to 5.*float32"),
    (np.full((40, 6), 255), TypeError, r"integers \(int64\) from 255.*astype\(\"uint8\"\) if they are pixels"),
    (np.zeros((40, 6), object), TypeError, "got numbers as Python objects"),
    (np.full((40, 6), "a"), TypeError, "got text, 'a' in row 0"), (X.astype(complex), TypeError, "got complex numbers"),
    ([[0, 1, 0, 1, 0, 1]] * 10, TypeError, r"got integers.*np.asarray\(\w+\).astype\(bool\) if they are yes and no"),
    (None, TypeError, "data: expected an array .* got None"), ("digits", TypeError, "got 'digits'. Load it first"),
]  # fmt: skip


@pytest.mark.parametrize("data, error, words", SHAPES_AND_TYPES)
def test_data_of_a_wrong_shape_or_type(data, error, words):
    assert_refused(error, words, data)


@pytest.mark.parametrize("data, error, words", [
    (X[:, :5], ValueError, r"validation: expected rows of the data's shape \(6,\), got \(40, 5\)"),
    (X[0], ValueError, "validation: expected an array"), (X[:0], ValueError, "validation: expected an array"),
    (X.astype(int), TypeError, "validation: expected an array .* got integers"),
    (3, ValueError, "validation: expected an array"),
])  # fmt: skip
def test_validation_data_of_a_wrong_shape_or_type(data, error, words):
    assert_refused(error, words, validation=data)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", [losses.BinaryCrossEntropy(), losses.SquaredError()])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_inf_are_refused_with_their_row(value, loss, dtype):
    assert_refused(ValueError, "^data: row 11 contains NaN or Inf", with_value(value, dtype=dtype), loss=loss)
    assert_refused(ValueError, "^validation: row 11 contains", validation=with_value(value, dtype=dtype), loss=loss)


def test_nan_in_memory_mapped_validation_data_is_found_before_training(tmp_path):
    np.save(tmp_path / "v.npy", with_value(np.nan))
    assert_refused(
        ValueError, "^validation: row 11 contains", validation=np.load(tmp_path / "v.npy", mmap_mode="r")
    )  # fmt: skip


@pytest.mark.parametrize("value", [-0.01, 1.01, 255])
def test_cross_entropy_wants_data_in_0_to_1(value):
    words = r"BinaryCrossEntropy: expected targets in \[0, 1\], got values from .*loss=\"mse\""
    assert_refused(ValueError, words, with_value(value))
    assert_refused(ValueError, words, validation=with_value(value))
    model = dense_autoencoder([6, 2], loss=losses.SquaredError())
    fit(model, with_value(value), epochs=1, batch_size=8, progress="none")


@pytest.mark.parametrize("name, value, error, words", [
    ("epochs", 0, ValueError, "epochs: expected 1 or more, got 0"), ("epochs", -1, ValueError, "got -1"),
    ("epochs", 1.5, TypeError, "epochs: expected an integer, got 1.5"), ("epochs", "3", TypeError, "got '3'"),
    ("batch_size", 0, ValueError, "batch_size: expected 1 or more, got 0"), ("batch_size", -8, ValueError, "got -8"),
    ("batch_size", 8.0, TypeError, "batch_size: expected an integer, got 8.0"),
    ("seed", -1, ValueError, "seed: expected 0 or more, got -1"), ("seed", 0.5, TypeError, "seed: expected an integer"),
    ("seed", None, TypeError, "seed: expected an integer, got None"),
    ("progress", "loud", ValueError, "Unknown progress 'loud'"),
    ("validation", 1.0, ValueError, "fraction 1.0 of 40 rows"),
    ("validation", float("nan"), ValueError, "fraction nan"),
    ("clip_norm", 0, ValueError, "clip_norm: expected a number above 0, got 0. None: no clipping"),
    ("clip_norm", -1.0, ValueError, "got -1"), ("clip_norm", float("nan"), ValueError, "got nan"),
])  # fmt: skip
def test_settings_that_cannot_be_right(name, value, error, words):
    assert_refused(error, words, **{name: value})


def test_a_model_that_does_not_give_back_the_shape_of_its_input():
    model = Autoencoder(layers.Dense(6, 2), layers.Dense(2, 5))
    before = model.theta.value.copy()
    with pytest.raises(ValueError, match=r"BinaryCrossEntropy\(\): expected targets of the outputs' shape \(8, 5\)"):
        fit(model, X, epochs=1, batch_size=8, progress="none")
    assert (model.theta.value == before).all()


def test_a_device_that_does_not_exist():
    model = dense_autoencoder([6, 2])
    with pytest.raises(ValueError, match="Unknown device 'tpu': expected \"cpu\", \"gpu\" or \"auto\""):
        model.to("tpu")


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr("npae.backend.arrays.why_no_gpu", lambda: "CuPy is not installed.")
    model = dense_autoencoder([6, 2])
    before = model.theta.value.copy()
    with pytest.raises(RuntimeError, match='The device "gpu" cannot be used. CuPy is not installed'):
        model.to("gpu")
    assert (model.theta.value == before).all()
    assert backend.device_of(model.to("auto").theta.value) == "cpu"


@pytest.mark.parametrize("use", ["encode", "reconstruct", "reconstruction_error", "evaluate"])
@pytest.mark.parametrize("data, error, words", SHAPES_AND_TYPES)
def test_a_trained_model_refuses_the_same_data(use, data, error, words):
    model = dense_autoencoder([6, 4, 2])
    with pytest.raises(error, match=words.replace("data: ", "x: ")):
        getattr(model, use)(data)


@pytest.mark.parametrize("batch_size, error", [(0, ValueError), (-1, ValueError), (2.5, TypeError)])
def test_a_trained_model_wants_a_batch_size(batch_size, error):
    with pytest.raises(error, match="batch_size: expected"):
        dense_autoencoder([6, 2]).encode(X, batch_size=batch_size)


def test_codes_of_a_wrong_size():
    with pytest.raises(ValueError, match=r"Dense\(2 -> 6\): expected x of shape \(batch, 2\), got \(40, 6\)"):
        dense_autoencoder([6, 2]).decode(X)


@pytest.mark.filterwarnings("ignore:data. the values are large")
@pytest.mark.parametrize("value", [1e39, -1e300, 3.5e38])
@pytest.mark.parametrize("where", ["data", "validation", "target", "lazy"])
def test_values_beyond_float32_are_named_before_training(value, where):
    x = np.random.default_rng(0).random((40, 6))
    wrong = x.copy()
    wrong[17, 3] = value
    model = dense_autoencoder([6, 3], loss="mse")
    before = model.theta.value.copy()
    arguments: dict = {"data": {"data": wrong}, "validation": {"data": x, "validation": wrong},
                       "target": {"data": x, "target": wrong},
                       "lazy": {"data": backend.LazyRows(wrong)}}[where]  # fmt: skip
    name = {"lazy": "data"}.get(where, where)
    with pytest.raises(ValueError, match=rf"{name}: row 17 contains .* in column 3, too large for .* float32"):
        fit(model, arguments.pop("data"), epochs=1, batch_size=40, progress="none", **arguments)
    assert np.array_equal(model.theta.value, before)
    double = dense_autoencoder([6, 3], loss="mse", dtype="float64")
    with np.errstate(over="ignore"):
        assert np.isfinite(double.encode(wrong)).all()  # float64 holds it
