"""What the demos share: the command line, training, comparison."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demos import common
from npae import dense_autoencoder, load
from npae.backend import install_command
from npae.models import data_dependent_init
from npae.optim import SGD

ROOT = Path(__file__).resolve().parents[2]


def settings(out, *options):
    return common.parse("deep", "The description.", 3, argv=["--quick", "--device", "cpu", "--out", str(out), *options])


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


def test_compare_trains_and_saves(tmp_path):
    here = settings(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (20, 6), np.uint8)
    models = {name: (dense_autoencoder([6, k]), {"batch_size": 5}) for name, k in (("a 1", 2), ("b", 3))}
    before = models["a 1"][0].theta.value.copy()
    found = {name: (model, history) for name, model, history in common.compare(here, models, x, x[:4])}
    assert list(found) == ["a 1", "b"] and [len(h["val_loss"]) for _, h in found.values()] == [1, 1]
    saved = load(tmp_path / "a_1.npz").theta.value
    assert np.array_equal(saved, found["a 1"][0].theta.value) and not np.array_equal(saved, before)
    assert here.stopped is None


def test_a_demo_is_a_program(tmp_path):
    @common.demo("simple", "The description.", epochs=50, quick_epochs=6, own={"only": {"type": int, "default": 3}})
    def main(settings):
        """Do nothing."""
        settings.metrics["seen"] = [settings.epochs, settings.own.only]

    result = main(["--quick", "--device", "cpu", "--out", str(tmp_path), "--only", "4"])
    assert result["seen"] == [6, 4] and result["name"] == "simple" and main.__doc__ == "Do nothing."
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == result


@pytest.mark.parametrize("kind, magic", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_pictures_have_the_format_of_the_command_line(kind, magic, tmp_path):
    figures = pytest.importorskip("demos.figures")
    here = settings(tmp_path, "--format", kind)
    figures.learning_curves(here.out / "loss.png", [("one", [1.0, 0.5], "-")], "loss")
    settings(tmp_path)  # png again, for other tests
    (picture,) = tmp_path.iterdir()
    assert picture.name == f"loss.{kind}" and picture.read_bytes().startswith(magic)


def program(*arguments, missing=()):
    """The outcome of `python -m demos.…` where some packages are not installed."""
    code = (
        "import runpy, sys\n"
        f"sys.modules.update(dict.fromkeys({list(missing)!r}))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__')\n"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, encoding="utf-8",
                          cwd=ROOT)  # fmt: skip


def test_without_matplotlib_a_demo_ends_with_one_sentence(tmp_path):
    done = program("demos.deep", "--quick", "--out", str(tmp_path / "new"), missing=["matplotlib", "tqdm"])
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [f"matplotlib is not installed: {install_command('demos')}."]
    assert not (tmp_path / "new").exists()


def test_the_help_needs_no_matplotlib():
    done = program("demos.deep", "--help", missing=["matplotlib"])
    assert done.returncode == 0 and "--quick" in done.stdout and "784-256" in done.stdout


def test_a_demo_runs_without_tqdm(tmp_path):
    pytest.importorskip("matplotlib")
    done = program("demos.codes2d", "--quick", "--epochs", "1", "--out", str(tmp_path), missing=["tqdm"])
    assert done.returncode == 0, done.stderr
