"""Timing of data-parallel workers: what is compared and refused; two real ones if mpiexec is installed."""

import json
from contextlib import nullcontext

import pytest

from benchmarks import training, workers
from benchmarks.clock import Disagreement


def pretend(monkeypatch, cores, J):
    """compare() with pretended workers that take a second per step and end at J(count)."""
    monkeypatch.setattr(workers, "why_not", lambda: None)
    monkeypatch.setattr(workers, "core_count", lambda: cores)
    monkeypatch.setattr(workers, "start", lambda count, threads, *flags: {"seconds": 1.0, "J": J(count)})
    return workers.compare(False)


def test_never_more_threads_than_cores(monkeypatch, capsys):
    result = pretend(monkeypatch, 4, lambda count: 5.0)
    assert [name.replace("\n", " ") for name in result["runs"]] == [
        "1 worker, 1 thread each", "1 worker, 4 threads each", "2 workers, 2 threads each",
    ]  # fmt: skip
    assert "2 workers, 2 threads each" in capsys.readouterr().out and not result["not_measured"]
    assert "one core" in pretend(monkeypatch, 1, lambda count: 5.0)["not_measured"][0]


def test_workers_that_end_at_another_J_are_not_compared(monkeypatch):
    with pytest.raises(Disagreement, match="2 workers"):
        pretend(monkeypatch, 2, lambda count: 5.0 + 0.01 * (count > 1))


def test_what_is_missing_is_reported(monkeypatch):
    monkeypatch.setattr(workers.importlib.util, "find_spec", lambda name: None)
    assert "pip install" in workers.compare(False)["not_measured"][0]
    monkeypatch.setattr(workers.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(workers.shutil, "which", lambda *args, **kwargs: None)
    assert workers.compare(True) == {"network": workers.NETWORK, "runs": {}, "not_measured": [
        "Workers: left out by --quick, since they take seconds to start."]}  # fmt: skip
    assert "no mpiexec" in workers.compare(False)["not_measured"][0]


def test_a_single_worker_prints_its_numbers(monkeypatch, capsys):
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr(workers, "compiled_at_once", nullcontext)  # compiling takes longer than the test
    training.images.cache_clear()
    workers.main(["--turns", "3", "--sizes", "784", "3", "--batch", "4"])
    training.images.cache_clear()
    printed = json.loads(capsys.readouterr().out)
    assert printed["workers"] == 1 and 0 < printed["quartiles"][0] <= printed["seconds"] <= printed["quartiles"][1]
    assert 300 < printed["J"] < 700  # 784 pixels of noise, about ln 2 nats each


@pytest.mark.skipif(workers.why_not() is not None, reason="could not import 'mpi4py'")
def test_two_workers_take_the_steps_of_one(monkeypatch):
    monkeypatch.setenv("NPAE_NUMBA", "0")
    one, two = (workers.start(count, 1, "--turns", "2", "--sizes", "784", "3", "--batch", "7") for count in (1, 2))
    assert (one["workers"], two["workers"], two["threads_each"]) == (1, 2, 1)
    assert two["J"] == pytest.approx(one["J"], rel=1e-5)
