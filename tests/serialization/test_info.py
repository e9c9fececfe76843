"""What is in a model file, as text."""

import json
import re

import numpy as np
import pytest

from npae import anomaly, dense_autoencoder, fit, save
from npae.optim import Adam
from npae.serialization import ModelFileError, file_info
from npae.train import Callback, Checkpoint

X = np.random.default_rng(0).normal(size=(40, 6))


def test_a_model_that_was_not_trained(tmp_path):
    text = file_info(save(tmp_path / "tiny", dense_autoencoder([6, 2])))
    assert text.splitlines()[0].startswith(f"{tmp_path / 'tiny.npz'}: a model, format 2, ")
    assert "26 + 6" not in text and "32 parameters" in text
    assert re.search(r"^data +none", text, re.MULTILINE) and "optimizer" not in text
    assert file_info(tmp_path / "tiny") == text


def test_a_checkpoint_has_its_run(tmp_path):
    fit(dense_autoencoder([6, 2], loss="mse"), X, epochs=3, progress="none", callbacks=Checkpoint(tmp_path / "run"),
        optimizer=Adam(0.01))  # fmt: skip
    text = file_info(tmp_path / "run.npz")
    assert ": a checkpoint of a training run, format 2" in text
    assert "float, samples of 6, values from -" in text
    assert "Adam(lr=0.01" in text and "after 3 steps" in text
    assert re.search(r"^epochs +3 in ", text, re.MULTILINE) and ", loss " in text


def test_a_detector_has_its_threshold_and_its_columns(tmp_path):
    pandas = pytest.importorskip("pandas")
    detector = anomaly.AnomalyDetector(epochs=1, folds=0).fit(pandas.DataFrame(X, columns=list("abcdef")))
    text = file_info(anomaly.save_detector(tmp_path / "d", detector))
    assert ": an anomaly detector, format 2" in text
    assert re.search(rf"^threshold +{detector.threshold:.6g}$", text, re.MULTILINE)
    assert re.search("^features +a, b, c, d, e, f$", text, re.MULTILINE) and "distance='joint'" in text


def test_values_of_a_callback_may_be_texts(tmp_path):
    class Note(Callback):
        def on_epoch_end(self, trainer, row):
            row |= {"phase": "warm-up", "done": True, "none": None, "rate": np.float32(0.5)}

    callbacks = [Note(), Checkpoint(tmp_path / "c")]
    fit(dense_autoencoder([6, 2], loss="mse"), X, epochs=1, progress="none", callbacks=callbacks)
    assert "phase warm-up, done True, none None, rate 0.5" in file_info(tmp_path / "c.npz")


@pytest.mark.parametrize(("kind", "words"), [(np.uint8, "uint8, samples of 6, values from 0 to 255"),
                                             (bool, "bool, samples of 6, values from 0 to 1")])  # fmt: skip
def test_the_range_is_that_of_the_data_before_a_batch_is_made_of_them(kind, words, tmp_path):
    model = dense_autoencoder([6, 2])
    fit(model, np.array([0, 200], kind)[(X > 0).astype(int)], epochs=1, progress="none")
    assert words in file_info(save(tmp_path / "m", model))


def test_the_range_of_a_detector_is_called_standardised(tmp_path):
    for standardize, words in ((True, "values, standardised, from -"), (False, "values from -")):
        detector = anomaly.AnomalyDetector(epochs=1, folds=0, standardize=standardize).fit(X)
        assert words in file_info(anomaly.save_detector(tmp_path / "d", detector))


def test_small_sizes_are_stated_in_bytes_and_one_thing_in_the_singular(tmp_path):
    fit(dense_autoencoder([6, 2], loss="mse"), X, epochs=1, progress="none", callbacks=Checkpoint(tmp_path / "c"))
    text = file_info(tmp_path / "c.npz")
    assert "32 parameters, 128 bytes as float32" in text
    assert "after 1 step\n" in text and " MB" not in text


@pytest.mark.parametrize("history", [[{"loss": "much"}], [{"loss": 1.0}], [3], ["row"]])
def test_a_damaged_history_is_named(tmp_path, history):
    path = save(tmp_path / "m", dense_autoencoder([6, 2]), extra={"identity": {}, "history": history})
    with pytest.raises(ModelFileError, match="its run or detector is damaged"):
        file_info(path)


def test_what_is_no_model_file_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, about=np.frombuffer(json.dumps({"format": 99}).encode(), np.uint8))
    with pytest.raises(ModelFileError, match="format 99"):
        file_info(path)
    with pytest.raises(FileNotFoundError, match="There is no model file"):
        file_info(tmp_path / "none")
