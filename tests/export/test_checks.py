"""What is not a Layer is refused with the cure for its kind."""

from pathlib import Path

import pytest

import npae
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector
from npae.export.checks import check_model, cure
from npae.layers import Dense
from npae.models import Stacked


@pytest.mark.parametrize("thing, words", [
    ("model.npz", r"got str\. Load it first: npae\.load\(path\)"), (Path("model.npz"), "Load it first: npae.load"),
    (Dense, "got type. Make an object of the class Dense first"), (Stacked([6, 3]), r"stack\.unroll\(\)"),
    (AnomalyDetector(), r"Take its network, detector\.model; save_onnx and anomaly\.save_detector write a whole"),
    ({}, "got dict. Name a model, or a part of one, such as model.encoder"), (None, "got NoneType. Name a model"),
])  # fmt: skip
def test_the_cure_is_that_of_the_kind(thing, words):
    with pytest.raises(TypeError, match=rf"^f: expected a model \(a Layer\), got .*{words.removeprefix('got ')}"):
        check_model(thing, "f")


def test_estimators_have_a_network():
    pytest.importorskip("sklearn")
    assert cure(npae.estimators.AutoencoderTransformer()) == "Take its network, model_, and standardise rows before it."


def test_models_and_their_parts_are_accepted():
    model = dense_autoencoder([6, 3])
    assert check_model(model, "f") is None and check_model(model.encoder, "f") is None
