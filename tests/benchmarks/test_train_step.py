"""The part `train_step`: validation, ratios and targets, and the list of what was not measured."""

import json
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks import comparison, rounds, train_step
from benchmarks.alternate import NotMeasured, Turn
from benchmarks.opponents import ours, roster
from benchmarks.opponents.floor import MatmulStep
from benchmarks.opponents.ours import NpaeStep
from benchmarks.opponents.roster import BEST, FLOOR, OURS, Entry, Group
from benchmarks.rounds import Effort
from benchmarks.settings import NO_TIME, Settings
from benchmarks.workloads import ON_GPU
from npae.backend import missing
from tests.benchmarks.in_process import InProcess
from tests.devices import on, with_fake

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
    monkeypatch.setattr(rounds, "Contender", InProcess)
    monkeypatch.setattr(ours, "compiled_at_once", nullcontext)  # compiling takes seconds, for the same result
    monkeypatch.setattr(rounds, "QUICK", Effort(2, 0.001, 0.0))
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
    reasons, out = result["not_measured"], capsys.readouterr().out
    assert "not the same step: its ∂J/∂θ differs from npae's by 0.01" in reasons["small, a: wrong"]
    assert reasons["small: missing"].startswith("no_such_package is not installed")
    assert "--quick" in reasons["small: slow"] and reasons["GPU, TF32"].startswith("Not yet run")
    assert "Not measured: small, a: wrong." in out and "≥ 1.5" in out


@pytest.mark.slow
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


def turns(*seconds):
    return [Turn(s, s / 10) for s in seconds]


def test_the_ratio_is_theirs_by_ours_turn_by_turn(capsys):
    group = roster.gpu_groups()[0]
    times = {
        OURS: turns(1, 2, 4), roster.CAPTURED: turns(0.5, 1, 2), FLOOR: turns(0.1, 0.1, 0.1),
        roster.FUSED: turns(2, 4, 8), roster.GRAPHED: turns(1, 1, 1),
    }  # fmt: skip
    workload = next(iter(group.workloads))
    result = comparison.compare(group, workload, [times])
    assert result[OURS]["seconds"] == [2, 1.5, 3] and result[OURS]["host_seconds"][0] == 0.2
    assert result[roster.FUSED]["ratio"] == {OURS: [2, 2, 2], roster.CAPTURED: [4, 4, 4]}
    assert result[roster.FUSED]["target"] == {OURS: 1.0, roster.CAPTURED: 3.0}
    assert result[roster.CAPTURED]["ratio"] == {OURS: [0.5, 0.5, 0.5]}
    assert result[BEST]["name"] == roster.GRAPHED
    comparison.show(group, workload, result)
    lines = capsys.readouterr().out.split("\n")
    assert f"time / {roster.CAPTURED}" in lines[1] and len(lines[2]) == len(lines[1]) == max(map(len, lines))


def test_turns_of_several_processes_count_alike_and_those_beside_a_program_apart(capsys):
    group = next(roster.cpu_groups())
    fast, slow = ({OURS: turns(1 * f, 2 * f), roster.EAGER: turns(2 * f, 8 * f)} for f in (1, 10))
    workload = next(iter(group.workloads))
    result = comparison.compare(group, workload, [fast, slow], {OURS: turns(3, 3, 30)})
    assert result[OURS]["seconds"][0] == 6 and result[OURS]["processes"] == [1.5, 15] and result[OURS]["beside"] == 3
    assert result[roster.EAGER]["ratio"][OURS] == [3, 2, 4] and "beside" not in result[roster.EAGER]
    comparison.show(group, workload, result)
    ours, theirs = capsys.readouterr().out.split("\n")[3:5]
    assert "1500.000 to 15000.000" in ours and "3000.000" in ours and "5000.000 to 50000.000" in theirs
    assert "npae, ms, beside a program" in train_step.overview(
        {"groups": {"cpu": {"title": "CPU", "workloads": {workload: result}}}})  # fmt: skip


def test_a_contender_that_a_round_lacks_is_left_out():
    both = {OURS: turns(1, 2), roster.EAGER: turns(2, 8)}
    result = comparison.compare(next(roster.cpu_groups()), "a", [both, {OURS: turns(1, 2)}])
    assert list(result) == [OURS]


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


def test_the_verdict_names_a_group_that_was_left_out_but_not_one_without_time():
    groups = {name: {"title": name, "workloads": {}} for name in ("epoch", "late")}
    why = roster.why_not(Entry(NpaeStep, slow=True), True)
    result = {"groups": groups, "not_measured": {"epoch: scikit-learn": why, "late, a": NO_TIME}}
    assert train_step.verdict(result) == "nothing was measured"
    result["groups"] |= {"cpu": {"title": "CPU", "workloads": {"a": {roster.EAGER: {"ratio": {OURS: [2.0, 2, 2]}}}}}}
    assert train_step.verdict(result).endswith(f"; not compared with another framework: epoch. {why}")


def test_the_targets_are_the_issues():
    cpu, images, scikit = roster.cpu_groups()
    names = list(cpu.workloads)
    assert [cpu.target(OURS, roster.EAGER, n) for n in names] == [1.7, 2.2, 1.5, 1.35, 1.2]
    assert [cpu.target(OURS, BEST, n) for n in names] == [1.0, 1.0, 1.0, 0.97, 0.97]
    assert [scikit.target(OURS, "scikit-learn", n) for n in names] == [3.0] * 5
    assert [images.target(OURS, roster.EAGER, n) for n in images.workloads] == [1.6, 1.5]
    assert [images.target(OURS, BEST, n) for n in images.workloads] == [1.0] * 2
    dense, on_gpu = roster.gpu_groups()[:2], roster.gpu_groups()[2:]
    for gpu in on_gpu:
        assert [gpu.target(OURS, roster.EAGER, n) for n in gpu.workloads] == [0.7] * 2
        assert [gpu.target(roster.CAPTURED, roster.GRAPHED, n) for n in gpu.workloads] == [0.8] * 2
    for gpu, floor in zip(dense, (0.8, 0.77), strict=True):  # 1/1.25 in float32, 1/1.3 in TF32
        names = list(gpu.workloads)
        assert [gpu.target(roster.CAPTURED, roster.FUSED, n) for n in names] == [3.0] * 3 + [None] * 7
        assert [gpu.target(roster.CAPTURED, FLOOR, n) for n in names] == [None] * 7 + [floor] * 3
        assert gpu.target(OURS, FLOOR, names[0]) is None


def test_a_short_run_takes_the_most_important_workloads_and_saves_each(small, monkeypatch, tmp_path):
    (group,) = roster.cpu_groups()
    monkeypatch.setattr(roster, "cpu_groups", lambda: [group._replace(most_important=("b",))])
    monkeypatch.setattr(rounds, "SHORT", Effort(2, 0.001, 0.0))
    saved = []
    settings = Settings(False, ("cpu",), tmp_path, minutes=1.0, save=lambda result: saved.append(json.dumps(result)))
    result = train_step.run(settings)
    assert list(result["groups"]["few"]["workloads"]) == ["b"] and len(saved) == 1
    assert set(json.loads(saved[0])["groups"]["few"]["workloads"]["b"]) >= {OURS, FLOOR, "twin"}
    assert "--minutes" in result["not_measured"]["small: slow"]


def test_without_time_nothing_is_measured_and_all_of_it_is_listed(small, tmp_path):
    result = train_step.run(Settings(False, ("cpu",), tmp_path, minutes=1.0, deadline=0.0))
    assert result["groups"]["few"]["workloads"] == {}
    assert {name for name, why in result["not_measured"].items() if why.startswith("No time")} == {
        "small, a",
        "small, b",
    }
    assert train_step.verdict(result) == "nothing was measured" and train_step.overview(result) == ""


def test_a_short_run_goes_on_where_our_own_step_fails(small, monkeypatch, tmp_path):
    monkeypatch.setattr(rounds, "SHORT", Effort(2, 0.001, 0.0))
    monkeypatch.setattr(NpaeStep, "first_steps", lambda self: 1 / 0)
    result = train_step.run(Settings(False, ("cpu",), tmp_path, minutes=1.0))
    assert result["groups"]["few"]["workloads"] == {} and "division by zero" in result["not_measured"]["small, a: npae"]


@pytest.mark.parametrize("group", roster.gpu_groups() + list(roster.cpu_groups()), ids=lambda group: group.name)
def test_the_most_important_workloads_exist(group):
    full, quick = (Settings(quick, ("cpu",), Path()) for quick in (False, True))
    short = Settings(False, ("cpu",), Path(), minutes=1)
    assert set(group.chosen(short)) <= set(group.workloads) == set(group.chosen(full))
    assert list(group.chosen(quick)) == list(group.chosen(short))[: roster.QUICK]
    assert [g.name for g in roster.gpu_groups()] == ["gpu", "gpu_tf32", "gpu_conv", "gpu_conv_tf32"]


@with_fake
@pytest.mark.slow
def test_a_short_run_on_a_gpu_times_the_groups_of_the_gpu_only(small, monkeypatch, tmp_path, capsys):
    def shrunk(group):
        entries = {name: entry for name, entry in group.entries.items() if entry.kind.package == "numpy"}
        names = group.most_important or tuple(group.workloads)
        sizes = TWO["a"] if group.most_important else ({"channels": [2]}, 4)
        return group._replace(entries=entries, workloads=dict.fromkeys(names, sizes))

    groups = [shrunk(group) for group in roster.gpu_groups()]
    monkeypatch.setattr(roster, "gpu_groups", lambda: groups)
    monkeypatch.setattr(rounds, "SHORT", Effort(2, 0.001, 0.0))
    with on("fake"):
        result = train_step.run(Settings(False, ("cpu", "gpu"), tmp_path, minutes=1.0))
    assert list(result["groups"]) == ["gpu", "gpu_tf32", "gpu_conv", "gpu_conv_tf32"] and not result["not_measured"]
    for group in result["groups"].values():
        for numbers in group["workloads"].values():
            assert {OURS, roster.CAPTURED} <= set(numbers) and len(numbers[OURS]["host_seconds"]) == 3
    assert len(result["groups"]["gpu"]["workloads"]) == len(ON_GPU) == 6
    assert f"{roster.CAPTURED}" in capsys.readouterr().out and "GPU, float32, convolutions" in train_step.overview(
        result
    )


@pytest.mark.slow
def test_contenders_that_are_late_leave_time_to_measure_the_others(monkeypatch, tmp_path):
    """In processes: what is late is ended, and those that are ready have their turns."""
    entries = {OURS: Entry(MatmulStep), "late": Entry(Late)}
    group = Group("few", "small", "cpu", entries, (OURS,), {"a": ([8, 4], 4)}, {})
    monkeypatch.setattr(roster, "cpu_groups", lambda: [group])
    monkeypatch.setattr(rounds, "SHORT", Effort(2, 0.1, 0.0))
    result = train_step.run(Settings(False, ("cpu",), tmp_path, minutes=1.0, deadline=time.monotonic() + 8))
    assert list(result["groups"]["few"]["workloads"]["a"]) == [OURS]
    assert result["not_measured"]["small, a: late"] == "no time was left"


class Late:
    """Takes a minute to be made."""

    package = "json"  # so that its process is not npae's

    def __init__(self, sizes, batch):
        time.sleep(60)
