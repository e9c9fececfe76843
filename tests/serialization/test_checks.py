"""What every reader checks: finite values, and training data that fit the network."""

import json
import math

import numpy as np
import pytest

from npae import anomaly, dense_autoencoder, fit, load, save
from npae.backend import Seen
from npae.layers import Dense
from npae.optim import Adam
from npae.serialization import ModelFileError, load_all
from npae.serialization.checks import check_values, remember

X = np.random.default_rng(0).normal(size=(40, 6))


def network():
    return dense_autoencoder([6, 4, 3], batch_norm=True, loss="mse")


def damaged(path, name, change):
    """Write a model file again, with an array of it changed by a function."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file}
    change(arrays[name])
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["encoder.0.W", "encoder.1.gamma", "encoder.1.mean", "encoder.1.variance"])
def test_nan_and_inf_are_refused_by_name(name, value, tmp_path):
    model = network()
    path = save(tmp_path / "m", model)
    before = path.read_bytes()
    dict((*model.named_parameters(), *model.named_buffers()))[name].value.flat[0] = value
    with pytest.raises(ModelFileError, match=rf"save: the file could not be loaded \(its {name} .*m is as it was"):
        save(tmp_path / "m", model)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]

    vector, part = ("statistics", model.statistics) if "mean" in name or "variance" in name else ("theta", model.theta)
    start = {key: first for key, _, first in part.table}[name]
    damaged(path, vector, lambda values: values.__setitem__(start, value))
    for read in (load, load_all):
        with pytest.raises(ModelFileError, match=rf"m\.npz: its {name} holds NaN or Inf.* take an earlier checkpoint"):
            read(path)


def test_a_negative_variance_is_refused(tmp_path):
    model = network()
    start = {key: first for key, _, first in model.statistics.table}["encoder.1.variance"]
    path = damaged(save(tmp_path / "m", model), "statistics", lambda values: values.__setitem__(start, -1))
    with pytest.raises(ModelFileError, match=r"its encoder\.1\.variance holds values below 0"):
        load(path)


def test_a_detector_with_nan_in_its_network_is_refused(tmp_path):
    detector = anomaly.AnomalyDetector(epochs=1, folds=0).fit(X)
    path = damaged(anomaly.save_detector(tmp_path / "d", detector), "theta", lambda values: values.fill(np.nan))
    with pytest.raises(ModelFileError, match=r"d\.npz: its encoder\.0\.W holds NaN or Inf"):
        anomaly.load_detector(path)


def test_a_state_that_is_not_finite_or_a_negative_mean_of_squares_is_refused(tmp_path):
    model, adam = network(), Adam(0.01)
    fit(model, X, epochs=1, optimizer=adam, progress="none")
    path = save(tmp_path / "m", model, adam)
    whole = path.read_bytes()
    for name in ("m", "v"):
        for value in (np.nan, np.inf, -np.inf, *([-1e-9] if name == "v" else [])):
            path.write_bytes(whole)
            damaged(path, f"optimizer.{name}", lambda values, value=value: values.__setitem__(1, value))
            with pytest.raises(ModelFileError, match=rf"m\.npz: The optimizer's {name} holds NaN.*: its run diverged"):
                load_all(path)
    assert (load_all(damaged(path, "optimizer.v", lambda values: values.fill(1))).optimizer.state["v"] == 1).all()
    adam.state["m"][1] = np.nan
    with pytest.raises(ModelFileError, match="save: .*The optimizer's m holds NaN or Inf"):
        save(tmp_path / "m", model, adam)


@pytest.mark.parametrize("change, words", [
    ({"shape": (7,)}, "its training data: this model was made for 6 features, got 7"),
    ({"names": ["a", "b"]}, r"have the shape \(6,\), but 2 names"),
    ({"low": -math.inf}, "are float, but range from -inf to 1"),
    ({"kind": "bool", "high": 5.0}, "are bool, but range from 0 to 5"),
])  # fmt: skip
def test_training_data_that_contradict_the_network_are_refused(change, words, tmp_path):
    model = network()
    model.seen = Seen(**{"names": None, "low": 0.0, "high": 1.0, "kind": "float", "shape": (6,)} | change)
    with pytest.raises(ModelFileError, match=words) as caught:
        load(save(tmp_path / "m", model))
    assert "m.npz" in str(caught.value)


def test_what_fits_is_remembered_and_layers_remember_nothing():
    seen = Seen(list("abcdef"), -1.0, 1.0, "float", (6,))
    tree, model = json.loads(json.dumps(seen.to_json())), network()
    remember(model, tree)
    assert model.seen == seen
    layer = Dense(6, 3).initialize(seed=0)
    remember(layer, tree)
    check_values(layer)
    assert not hasattr(layer, "seen")
