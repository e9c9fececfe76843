"""The part `train_step`: validation, ratios and targets, and the list of what was not measured."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import train_step
from benchmarks.alternate import NotMeasured, Turn
from benchmarks.opponents import ours, roster
from benchmarks.opponents.ours import MatmulStep, NpaeStep
from benchmarks.opponents.roster import BEST, FLOOR, OURS, Entry, Group
from benchmarks.settings import Settings
from benchmarks.train_step import Effort
from npae.backend import missing
from tests.benchmarks.in_process import InProcess

TWO = {"a": ([784, 8], 16), "b": ([784, 16, 4], 8)}


class Wrong(NpaeStep):
    """Takes a different step."""

    def first_steps(self):
        first, gradient, later, total = super().first_steps()
        return first, gradient * 1.01, later, total


class Missing(NpaeStep):
    package = "no_such_package"


@pytest.fixture
def small(monkeypatch):
    """A group of in-process contenders on two small networks replaces the groups of the CPU."""
    monkeypatch.setattr(train_step, "Contender", InProcess)
    monkeypatch.setattr(ours, "compiled_at_once", nullcontext)  # compiling takes seconds, for the same result
    monkeypatch.setattr(train_step, "QUICK", Effort(2, 0.001, 0.0))
    entries = {
        OURS: Entry(NpaeStep), FLOOR: Entry(MatmulStep), "twin": Entry(NpaeStep), "other": Entry(NpaeStep),
        "wrong": Entry(Wrong), "missing": Entry(Missing), "slow": Entry(NpaeStep, slow=True),
    }  # fmt: skip
    group = Group("few", "small", "cpu", entries, (OURS,), TWO, {(OURS, "twin"): (1.5,)})
    monkeypatch.setattr(roster, "cpu_groups", lambda: [group])


def test_a_run(small, tmp_path, capsys):
    result = json.loads(json.dumps(train_step.run(Settings(True, ("cpu",), tmp_path))))
    assert set(result["groups"]) == {"few"} and result["groups"]["few"]["title"] == "small"
    for workload in TWO:
        numbers = result["groups"]["few"]["workloads"][workload]
        assert set(numbers) == {OURS, FLOOR, "twin", "other", BEST}
        assert all(low <= middle <= high for middle, low, high in (n["seconds"] for n in numbers.values()))
        assert numbers["twin"]["ratio"][OURS][0] > 0 and numbers["twin"]["target"] == {OURS: 1.5}
        assert numbers[BEST]["name"] in ("twin", "other")
    missing, out = result["not_measured"], capsys.readouterr().out
    assert "not the same step: its ∂J/∂θ differs from npae's by 0.01" in missing["small, a: wrong"]
    assert missing["small: missing"].startswith("no_such_package is not installed")
    assert "--quick" in missing["small: slow"] and missing["GPU, TF32"].startswith("Not yet run")
    assert "Not measured: small, a: wrong." in out and "≥ 1.5" in out


def test_its_picture(small, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    result = train_step.run(Settings(True, ("cpu",), tmp_path))
    assert train_step.draw(result, tmp_path) == [tmp_path / "train_step_few.png"]
    assert (tmp_path / "train_step_few.png").stat().st_size > 10_000
    result["groups"]["few"]["workloads"] = {"a": {OURS: result["groups"]["few"]["workloads"]["a"][OURS]}}
    assert train_step.draw(result, tmp_path) == []  # no ratios without a second contender


def test_our_own_step_must_run(small, monkeypatch, tmp_path):
    monkeypatch.setattr(NpaeStep, "first_steps", lambda self: 1 / 0)
    with pytest.raises(NotMeasured, match="division by zero"):
        train_step.run(Settings(True, ("cpu",), tmp_path))


@pytest.mark.parametrize("k, error", [(0, 1e-4), (1, 1e-2), (2, 1e-3), (3, 1e-4)])
def test_steps_that_differ_are_not_timed(k, error):
    ours = (543.0, np.ones(3), 500.0, 2000.0)
    train_step.validate(ours, ours, 1)
    theirs = [v * (1 + error) if i == k else v for i, v in enumerate(ours)]
    with pytest.raises(NotMeasured, match="not the same step"):
        train_step.validate(theirs, ours, 1)
    train_step.validate(theirs, ours, 100)  # in TF32
    theirs[k] = ours[k] * np.nan
    with pytest.raises(NotMeasured, match="nan"):
        train_step.validate(theirs, ours, 100)


def test_what_is_none_is_not_compared():
    train_step.validate((1.0, None, None, None), (1.0, np.ones(2), 2.0, 3.0), 1)
    train_step.validate(None, (1.0, np.ones(2), 2.0, 3.0), 1)


def turns(*seconds):
    return [Turn(s, s / 10) for s in seconds]


def test_the_ratio_is_theirs_by_ours_turn_by_turn(capsys):
    group = next(roster.gpu_groups())
    times = {
        OURS: turns(1, 2, 4), roster.CAPTURED: turns(0.5, 1, 2), FLOOR: turns(0.1, 0.1, 0.1),
        roster.FUSED: turns(2, 4, 8), roster.GRAPHED: turns(1, 1, 1),
    }  # fmt: skip
    workload = next(iter(group.workloads))
    result = train_step.compare(group, workload, times)
    assert result[OURS]["seconds"] == [2, 1.5, 3] and result[OURS]["host_seconds"][0] == 0.2
    assert result[roster.FUSED]["ratio"] == {OURS: [2, 2, 2], roster.CAPTURED: [4, 4, 4]}
    assert result[roster.FUSED]["target"] == {OURS: 1.0, roster.CAPTURED: 3.0}
    assert result[roster.CAPTURED]["ratio"] == {OURS: [0.5, 0.5, 0.5]}
    assert result[BEST]["name"] == roster.GRAPHED
    train_step.show(group, workload, result)
    lines = capsys.readouterr().out.split("\n")
    assert f"time / {roster.CAPTURED}" in lines[1] and len(lines[2]) == len(lines[1]) == max(map(len, lines))


def test_the_verdict():
    step = {roster.EAGER: {"ratio": {OURS: [2.0, 1.9, 2.1]}}}
    groups = {"cpu": {"title": "CPU", "workloads": {"small": step, "large": {OURS: {}}}},
              "epoch": {"title": "an epoch", "workloads": {"small": {OURS: {}}}}}  # fmt: skip
    why = "Left out by --quick, since it is slow."
    assert train_step.verdict({"groups": groups, "not_measured": {"an epoch: scikit-learn": why}}) == (
        "CPU: npae is 2.00 times as fast as PyTorch eager (geometric mean of 1, 2.00 to 2.00); "
        f"not compared with another framework: an epoch. {why}"
    )


def test_without_pytorch_the_verdict_names_the_cure_once():
    groups = {name: {"title": name, "workloads": {"small": {OURS: {}}}} for name in ("CPU", "convolutions")}
    reason = missing("torch", "bench")
    result = {"groups": groups, "not_measured": {f"{name}: {roster.EAGER}": reason for name in groups}}
    assert train_step.verdict(result) == f"not compared with another framework: CPU and convolutions. {reason}"


def test_the_targets_are_the_issues():
    cpu, images, scikit = roster.cpu_groups()
    names = list(cpu.workloads)
    assert [cpu.target(OURS, roster.EAGER, n) for n in names] == [1.5, 1.5, 1.5, 1.2, 1.05]
    assert [cpu.target(OURS, BEST, n) for n in names] == [1.0, 1.0, 1.0, 0.85, 0.85]
    assert [scikit.target(OURS, "scikit-learn", n) for n in names] == [3.0] * 5
    assert [images.target(OURS, roster.EAGER, n) for n in images.workloads] == [1.0] * 2
    dense, on_gpu = list(roster.gpu_groups())[::2], list(roster.gpu_groups())[1::2]
    for gpu in on_gpu:
        assert [gpu.target(OURS, roster.EAGER, n) for n in gpu.workloads] == [0.7] * 2
    for gpu in dense:
        names = list(gpu.workloads)
        assert [gpu.target(roster.CAPTURED, roster.FUSED, n) for n in names] == [3.0] * 3 + [None] * 7
        assert [gpu.target(roster.CAPTURED, FLOOR, n) for n in names] == [None] * 7 + [0.8] * 3
        assert gpu.target(OURS, FLOOR, names[0]) is None
