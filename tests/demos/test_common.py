"""What the demos share: names of metrics, the table, and results that are on disk before anything is printed."""

import io
import json
import sys

import numpy as np
import pytest

from demos import common
from npae import dense_autoencoder, load
from npae.models import data_dependent_init
from npae.optim import SGD


def settings(out, *options):
    return common.parse("deep", "The description.", 3, argv=["--quick", "--device", "cpu", "--out", str(out), *options])


@pytest.mark.parametrize(
    "name, key",
    [("masking 50 %", "masking_50"), ("Gaussian 0.4", "gaussian_0_4"), ("ReLU, L1", "relu_l1"), ("784-32", "784_32")],
)
def test_keys(name, key):
    assert common.key(name) == key


def test_a_table_by_hand():
    table = common.Table("digits", {"nats": ("nats per pixel", ".3f"), "count": ("units", "d")})
    table.add("784-32", {"nats": 0.12345, "count": 7, "seconds": 3}, "0.1")
    table.add("both", {"count": 12}, prefix="")
    table.row("PCA")
    assert str(table).splitlines() == [
        "",
        "digits  nats per pixel  units  published (60,000 digits)",
        "-" * 56,
        "784-32  0.123           7      0.1",
        "both                    12",
        "PCA",
    ]
    assert table.metrics == {"784_32_nats": 0.12345, "784_32_count": 7, "784_32_seconds": 3, "count": 12}
    assert str(common.Table("a", ["b", "c"], published=None)).split() == ["a", "b", "c", "-" * 7]


def test_results_are_on_disk_before_the_table_is_printed(tmp_path):
    class Broken(common.Table):
        def __str__(self):
            raise OSError("no paper")

    table = Broken("digits", {"nats": ("nats", ".1f")}, None)
    table.add("deep", {"nats": 1.5})
    with pytest.raises(OSError, match="no paper"):
        common.finish(settings(tmp_path), {"error": 2.5}, table)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (found["deep_nats"], found["error"], found["epochs"], found["stopped"]) == (1.5, 2.5, 1, None)


def test_a_console_without_mathematical_signs_prints_question_marks(tmp_path, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    common.finish(settings(tmp_path), {}, common.Table("‖x − x̂‖²", ["½"], None))
    console.flush()
    assert b"?x ? x??? " in console.buffer.getvalue()


def test_training_begins_with_the_weights_as_they_are_unless_the_recipe_says_otherwise(tmp_path):
    x, still = np.random.default_rng(0).random((20, 6), np.float32), {"optimizer": SGD(1e-300)}
    model, other = dense_autoencoder([6, 4, 2]), dense_autoencoder([6, 4, 2])
    common.train(settings(tmp_path), model, x, **still)
    np.testing.assert_array_equal(model.theta.value, dense_autoencoder([6, 4, 2]).theta.value)
    common.train(settings(tmp_path), other, x, **still, data_init=True)
    np.testing.assert_array_equal(other.theta.value, data_dependent_init(model, x).theta.value)


def test_dead_code_units_are_counted_without_a_warning(tmp_path):
    model = dense_autoencoder([6, 4, 2], code_activation="relu")
    model.encoder[1].b.value[...] = -100
    history = common.train(settings(tmp_path), model, np.random.default_rng(0).random((20, 6), np.float32))
    assert history["dead_units"] == [2]


def test_compare_trains_saves_and_notes_an_interruption(tmp_path, monkeypatch):
    here = settings(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (20, 6), np.uint8)
    models = {name: (dense_autoencoder([6, k]), {"batch_size": 5}) for name, k in (("a 1", 2), ("b", 3))}
    before = models["a 1"][0].theta.value.copy()
    found = {name: (model, history) for name, model, history in common.compare(here, models, x, x[:4])}
    assert list(found) == ["a 1", "b"] and [len(h["val_loss"]) for _, h in found.values()] == [1, 1]
    saved = load(tmp_path / "a_1.npz").theta.value
    assert np.array_equal(saved, found["a 1"][0].theta.value) and not np.array_equal(saved, before)
    assert here.stopped is None

    history = found["b"][1]
    history.stopped = "interrupted in epoch 2"
    monkeypatch.setattr(common, "fit", lambda *arguments, **options: history)
    common.train(here, found["b"][0], x)
    history.stopped = None
    common.train(here, found["b"][0], x)
    assert here.stopped == "interrupted in epoch 2"
    history.rows.clear()
    history.stopped = "interrupted in epoch 1"
    with pytest.raises(SystemExit, match="No results: interrupted in epoch 1"):
        common.train(here, found["b"][0], x)
