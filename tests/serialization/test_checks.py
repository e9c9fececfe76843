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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["encoder.0.W", "encoder.1.gamma", "encoder.1.mean", "encoder.1.variance"])
def test_nan_and_inf_are_refused_by_name(name, value, tmp_path):
    model = network()
    dict((*model.named_parameters(), *model.named_buffers()))[name].value.flat[0] = value
    path = save(tmp_path / "m", model)  # saving does not look: a checkpoint is written whatever the values are
    for read in (load, load_all):
        with pytest.raises(ModelFileError, match=rf"m\.npz: its {name} holds NaN or Inf.* take an earlier checkpoint"):
            read(path)


def test_a_detector_with_nan_in_its_network_is_refused(tmp_path):
    detector = anomaly.AnomalyDetector(epochs=1, folds=0).fit(X)
    detector.model.encoder[0].W.value[0, 0] = np.nan
    with pytest.raises(ModelFileError, match=r"d\.npz: its encoder\.0\.W holds NaN or Inf"):
        anomaly.load_detector(anomaly.save_detector(tmp_path / "d", detector))


def test_an_optimizer_may_hold_inf_but_not_nan(tmp_path):
    """Squares of gradients overflow long before θ does; Adam then leaves the parameter as it is."""
    model, adam = network(), Adam(0.01)
    fit(model, X, epochs=1, optimizer=adam, progress="none")
    adam.state["v"][0] = np.inf
    assert math.isinf(load_all(save(tmp_path / "m", model, adam)).optimizer.state["v"][0])
    adam.state["m"][1] = np.nan
    with pytest.raises(ModelFileError, match=r"m\.npz: The optimizer's m holds NaN: its run diverged"):
        load_all(save(tmp_path / "m", model, adam))


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
