"""Ctrl-C in a demo: what there is gets measured and written, nothing more is trained, and the status is 130."""

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from demos import common, results

ROOT = Path(__file__).resolve().parents[2]


def settings(out):
    return common.parse("deep", "", 50, argv=["--device", "cpu", "--out", str(out)])


def history(rows, stopped=None):
    """A history of so many rows."""
    return type("History", (), {"stopped": stopped, "__len__": lambda self: rows})()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to all programs of a console, not to one")
def test_a_real_signal(tmp_path):
    command = [sys.executable, "-u", "-m", "demos.simple", "--device", "cpu", "--out", str(tmp_path)]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"})  # fmt: skip
    lines = []
    for line in run.stdout:  # a line per epoch
        lines.append(line)
        if line.startswith("epoch 2/50"):
            run.send_signal(signal.SIGINT)
            break
    rest, errors = run.communicate(timeout=60)
    printed = "".join(lines) + rest
    assert run.returncode == 130, errors
    assert "Traceback" not in errors
    reason = "interrupted after 2 of 50 epochs of 784-32"
    assert printed.count(f"Training was {reason}.") == 2, "at once, and below the table"
    assert "784-128-64-32" not in printed and "0.0914" not in printed and "Published numbers are left out" in printed
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["stopped"] == reason and found["published_numbers"] == f"not comparable: {reason}"
    assert found["784_32_test_cross_entropy_nats_per_pixel"] < 0.3
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"784_32.npz", "loss.png", "reconstructions.png", "metrics.json"}


def test_the_interrupted_model_is_the_last_one_of_a_comparison(tmp_path, monkeypatch):
    here, trained = settings(tmp_path), []

    def fit(model, data, **options):
        trained.append(model)
        return history(3, "interrupted in epoch 4 after 1 of 9 steps" if len(trained) == 2 else None)

    monkeypatch.setattr(common, "fit", fit)
    monkeypatch.setattr(common, "save", lambda path, model: path)
    model = types.SimpleNamespace(to=lambda device: None)
    found = [name for name, _, _ in common.compare(here, dict.fromkeys("abc", (model, {})), None)]
    assert found == ["a", "b"] and here.stopped == "interrupted after 3 of 50 epochs of b"
    with pytest.raises(KeyboardInterrupt):
        common.train(here, model, None)
    assert len(trained) == 2


def test_other_reasons_to_stop_are_no_interruption(tmp_path):
    here = settings(tmp_path)
    for stopped in (None, "early stopping: no better val_loss for 3 epochs"):
        common.check(here, history(3, stopped), 50)
    assert here.stopped is None


def test_within_the_first_epoch_nothing_is_written_unless_there_are_results(tmp_path, capsys):
    def nothing(here):
        common.check(here, history(0, "interrupted in epoch 1 after 2 of 9 steps"), 50, "a")

    (tmp_path / "metrics.json").write_text("older", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        common.run(nothing, settings(tmp_path))
    assert end.value.code == 130 and (tmp_path / "metrics.json").read_text(encoding="utf-8") == "older"
    assert "interrupted after 0 of 50 epochs of a: there are no results yet" in capsys.readouterr().out

    def something(here):
        here.table("digits", {"nats": ("nats", ".1f")}).add("b", {"nats": 1.5}, "1.4")
        nothing(here)

    with pytest.raises(SystemExit) as end:
        common.run(something, settings(tmp_path))
    assert end.value.code == 130
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["b_nats"] == 1.5
    printed = capsys.readouterr().out
    assert "b" in printed and "1.5" in printed and "1.4" not in printed


def test_between_two_trainings_too(tmp_path, capsys):
    def measure(here):
        here.metrics["nats"] = 2.5
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        common.run(measure, settings(tmp_path))
    assert end.value.code == 130
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["nats"] == 2.5 and found["stopped"] == "interrupted"


def test_an_error_does_not_lose_the_numbers_before_it(tmp_path):
    def draw(here):
        here.metrics["nats"] = 2.5
        raise OSError("no paper")

    with pytest.raises(OSError, match="no paper"):
        common.run(draw, settings(tmp_path))
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["nats"] == 2.5 and found["stopped"] == "stopped by an error, OSError: no paper"
    with pytest.raises(ZeroDivisionError):
        common.run(lambda here: 1 / 0, settings(tmp_path / "new"))
    assert not (tmp_path / "new" / "metrics.json").exists()


def test_the_status_is_that_of_a_program_ended_by_ctrl_c():
    assert results.INTERRUPTED == 128 + signal.SIGINT
