"""Rounds of turns: fresh processes each time, and turns beside another program."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import rounds
from benchmarks.alternate import Turn
from benchmarks.contender import Workers
from benchmarks.opponents.ours import NpaeStep
from benchmarks.opponents.roster import OURS, Entry, Group
from benchmarks.rounds import BESIDE, ROUNDS, Effort
from benchmarks.settings import Settings
from tests.benchmarks.in_process import InProcess

TWO = {"a": ([784, 8], 16), "b": ([784, 16, 4], 8)}
TEN = Effort(10, 0.001, 0.0)


@pytest.fixture
def made(monkeypatch):
    """The contenders that were made, and how often each workload was."""
    made = []

    class Noted(InProcess):
        def make(self, *args, **options):
            made.append((self, args))
            super().make(*args, **options)

    monkeypatch.setattr(rounds, "Contender", Noted)
    monkeypatch.setattr(rounds, "FULL", TEN)
    monkeypatch.setattr(rounds, "QUICK", TEN)
    return made


@pytest.mark.parametrize("quick, n", [pytest.param(False, ROUNDS, marks=pytest.mark.slow), (True, 1)])
def test_every_round_makes_all_contenders_anew(made, monkeypatch, tmp_path, quick, n, capsys):
    turns, beside, one = [], [], Turn(1.0, 1.0)

    def measure(ready, count, *args, **options):
        turns.append(count)
        beside.append(any(p.name == "beside" for p in multiprocessing.active_children()))
        return {name: [one] * count for name in ready}

    monkeypatch.setattr(rounds, "measure", measure)
    entries = {OURS: Entry(NpaeStep), "twin": Entry(NpaeStep)}
    result = {"groups": {}, "not_measured": {}}
    settings, group = Settings(quick, ("cpu",), tmp_path), Group("few", "small", "cpu", entries, (OURS,), TWO, {})
    with Workers(settings) as workers:
        rounds.time_group(group, settings, workers, result)
    assert len(made) == n * 2 * len(TWO) and len({id(contender) for contender, _ in made}) == n * 2
    numbers = result["groups"]["few"]["workloads"]["b"]["twin"]
    if quick:
        assert turns == [10, 10] and not any(beside) and "processes" not in numbers and "beside" not in numbers
    else:
        assert turns == [4] * 4 + [4, BESIDE] * 2 and beside == [False] * 4 + [False, True] * 2
        assert numbers["processes"] == [1.0] * ROUNDS and numbers["beside"] == 1.0
    assert capsys.readouterr().out.count("small") >= 2


@pytest.mark.slow
def test_another_program_uses_half_a_core():
    psutil = pytest.importorskip("psutil")
    with rounds.another_program():
        (process,) = [p for p in multiprocessing.active_children() if p.name == "beside"]
        of_it = psutil.Process(process.pid)
        before, began = of_it.cpu_times(), time.perf_counter()
        time.sleep(1.0)
        used, elapsed = of_it.cpu_times().user - before.user, time.perf_counter() - began
    assert 0.1 < used / elapsed < 0.8 and not process.is_alive()


def test_the_other_program_ends_when_the_benchmark_is_killed(tmp_path):
    """It would disturb everything that is timed later."""
    psutil = pytest.importorskip("psutil")
    script = tmp_path / "killed.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from benchmarks import rounds\n"
        "if __name__ == '__main__':\n"
        "    with rounds.another_program():\n"
        "        print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "        time.sleep(60)\n", encoding="utf-8")  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as benchmark:
        pid = int(benchmark.stdout.readline())
        program = psutil.Process(pid)
        assert program.is_running()
        benchmark.kill()
    deadline = time.monotonic() + 10
    while (going := runs(program, psutil)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not going


def runs(program, psutil):
    """Does it run, and not only wait for init to collect its status?"""
    try:
        return program.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_contenders_whose_process_has_ended_are_made_again():
    class Once(InProcess):
        made = 0

        @property
        def lost(self):
            return self.made == 1 and self.kind is NpaeStep

        def make(self, *args, **options):
            self.made += 1
            super().make(*args, **options)

    class Dies(NpaeStep):
        def __init__(self, *args, **options):
            raise RuntimeError("cudaErrorIllegalAddress")

    group = Group("few", "small", "cpu", {OURS: Entry(NpaeStep), "dies": Entry(Dies)}, (OURS,), TWO, {})
    contenders, failed = {name: Once(entry.kind) for name, entry in group.entries.items()}, {}
    ready = rounds.prepared(group, contenders, TWO["a"], Effort(2, 0.001, 0.0), failed)
    assert list(ready) == [OURS] and failed == {"dies": "cudaErrorIllegalAddress"}
    assert (contenders[OURS].made, contenders["dies"].made) == (2, 1)
