"""The training-step benchmark: it validates, alternates, reports; its arithmetic is right."""

import json

import numpy as np
import pytest

from benchmarks import alternate, train_step, workloads


class Counting:
    """A contender without a process, whose k-th measurement takes k seconds a step."""

    first = (1.0, np.ones(3), 2.0)

    def __init__(self, log, name, pace):
        self.log, self.name, self.pace, self.k = log, name, pace, 0

    def seconds(self, count):
        self.log.append(self.name)
        self.k += 1
        return self.k * self.pace


def test_contenders_take_turns_and_none_is_always_second():
    log = []
    times = alternate.measure({"a": Counting(log, "a", 1), "b": Counting(log, "b", 2)}, 10, 4)
    assert log == ["a", "b"] + ["b", "a", "a", "b"] * 2
    assert times == {"a": [2, 3, 4, 5], "b": [4, 6, 8, 10]}
    assert alternate.summary([1, 2, 3, 4, 5])[0] == 3


def test_the_ratio_is_theirs_by_ours(capsys):
    result = train_step.report("w", {"npae": [1.0, 2.0, 4.0], "PyTorch": [2.0, 4.0, 8.0]})
    assert result["ratio"] == 2.0 and result["npae"][0] == 2.0
    assert "2.00" in capsys.readouterr().out


def test_steps_that_differ_are_not_timed():
    a, b = Counting([], "npae", 1), Counting([], "PyTorch", 1)
    train_step.validate("w", {"npae": a, "PyTorch": b})
    b.first = (1.0, np.array([1, 1, 1.1]), 2.0)
    with pytest.raises(SystemExit, match="not the same step"):
        train_step.validate("w", {"npae": a, "PyTorch": b})


def test_the_first_step_is_pytorchs():
    pytest.importorskip("torch")
    ours, theirs = (step([784, 32, 8], 64).first_step() for step in (workloads.NpaeStep, workloads.TorchStep))
    assert ours[::2] == pytest.approx(theirs[::2], rel=1e-6)
    assert np.linalg.norm(ours[1] - theirs[1]) < 1e-6 * np.linalg.norm(theirs[1])


def test_it_runs_and_writes_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_step, "WORKLOADS", {"small": ([784, 8], 16, 3)})
    monkeypatch.setattr(train_step, "STEPS", {n: s for n, s in workloads.STEPS.items() if n != "PyTorch"})
    result = train_step.main(["--turns", "2", "--out", str(tmp_path / "sub" / "r.json")])
    assert json.loads((tmp_path / "sub" / "r.json").read_text()) == result
    assert all(seconds > 0 for seconds in result["steps"]["small"]["npae"])
    with pytest.raises(SystemExit):
        train_step.main(["--turns", "1"])
    assert "at least 2" in capsys.readouterr().err
