"""The smoke test: all of it on the fake GPU and on the CPU, and that wrong numbers fail."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as front
from benchmarks import smoke, smoke_checks, smoke_runs, suite
from benchmarks.settings import Settings
from benchmarks.smoke_models import BATCH, ROWS, kinds
from npae.optim import Adam
from tests.devices import on, with_fake

EXPERIMENTAL = 4  # two networks with each of two switches


@with_fake
@pytest.mark.slow
def test_all_of_it_on_the_fake_gpu(tmp_path, capsys):
    saved = []
    settings = Settings(False, ("cpu", "gpu"), tmp_path, save=lambda result: saved.append(len(result["checks"])))
    with on("fake"):
        result = smoke.run(settings)
    assert [c["name"] for c in result["checks"] if c["outcome"] != "PASS"] == [], capsys.readouterr().out
    names = [c["name"] for c in result["checks"]]
    assert len(names) == len(set(names)) == 7 + 2 * len(kinds()) + EXPERIMENTAL == saved[-1]
    assert saved == list(range(1, len(names) + 1))
    assert smoke.failures(result) == 0 and f"GPU: {len(names)} passed, 0 failed, 0 skipped" in smoke.verdict(result)
    assert smoke.draw(result, tmp_path) == []


def test_the_command_on_the_cpu(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(smoke_checks, "kinds", lambda: {"dense": kinds()["dense"]})
    argv = ["smoke", "--device", "cpu", "--out", str(tmp_path)]
    assert suite.main("benchmarks", "Stubs.", front.PARTS, argv) == 0
    result = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))["result"]
    names = ["versions", "top-k selection, both routes", "dense: twice the same bits"]
    assert [(c["name"], c["outcome"]) for c in result["checks"]] == [(name, "PASS") for name in names]
    assert "Verdict: CPU: 3 passed, 0 failed, 0 skipped" in capsys.readouterr().out


def test_a_failed_check_is_shown_stops_no_other_and_fails_the_command(tmp_path, capsys, monkeypatch):
    def skipped():
        raise smoke_runs.Skip("not on this GPU")

    three = [("wrong", lambda: 1 / 0), ("skipped", skipped), ("right", lambda: "well")]
    monkeypatch.setattr(smoke_checks, "checks", lambda device: three)
    argv = ["smoke", "--device", "cpu", "--out", str(tmp_path)]
    assert suite.main("benchmarks", "Stubs.", front.PARTS, argv) == 1
    out = capsys.readouterr().out
    assert "wrong: ZeroDivisionError: division by zero" in out and "skipped: not on this GPU" in out
    assert "Verdict: CPU: 1 passed, 1 failed, 1 skipped" in out and "Failed, see above: smoke." in out
    checks = json.loads((tmp_path / "smoke.json").read_text(encoding="utf-8"))["result"]["checks"]
    assert [c["outcome"] for c in checks] == ["FAIL", "SKIP", "PASS"]


class Wrong(Adam):
    """Steps that differ from Adam's by one part in a hundred, on a GPU only."""

    def update(self, value, grad, *coefficients):
        super().update(value, grad, *coefficients)
        if type(value) is not np.ndarray:
            value *= 1.01


@with_fake
@pytest.mark.parametrize("optimizer", [Adam, Wrong])
def test_steps_that_differ_from_the_cpu_fail(optimizer, monkeypatch):
    prepare = smoke_runs.prepare
    monkeypatch.setattr(smoke_runs, "prepare", lambda *a, **more: prepare(*a, optimizer=optimizer(1e-3), **more))
    with on("fake"):
        runs = smoke_runs.Runs("gpu")
        if optimizer is Wrong:
            with pytest.raises(smoke_runs.Failure, match="J: expected a relative error"):
                runs.equals_the_cpu("dense", kinds()["dense"])
        else:
            assert runs.equals_the_cpu("dense", kinds()["dense"]).startswith("J ")


@with_fake
def test_a_step_that_is_not_captured_fails(monkeypatch):
    monkeypatch.setattr("npae.data.minibatches.Minibatches._fits_on_gpu", lambda batches: False)
    with on("fake"), pytest.raises(smoke_runs.Failure, match="graph=True took ordinary steps"):
        smoke_runs.Runs("gpu").equals_when_captured("dense", kinds()["dense"])


def test_numbers_that_differ_or_are_not_finite_fail():
    with pytest.raises(smoke_runs.Failure, match="nan"):
        smoke_runs.expect(smoke_runs.relative([np.nan], [1.0]), 1.0, "J")
    runs, states = smoke_runs.Runs("cpu"), iter([([1.0], np.ones(2)), ([1.0], np.zeros(2))])
    runs._train = lambda kind, device: next(states)
    with pytest.raises(smoke_runs.Failure, match="the same bits"):
        runs.repeats("dense", None)


@with_fake
def test_memory_that_is_not_given_back_fails(monkeypatch):
    used = iter([0, smoke_checks.GROWTH + 1])
    monkeypatch.setattr(smoke_checks, "_in_use", lambda: next(used))
    monkeypatch.setattr(smoke_checks, "RECAPTURES", 1)
    with on("fake"), pytest.raises(smoke_runs.Failure, match="more bytes after 1 captures"):
        smoke_checks.memory()


def test_a_wrong_selection_fails(monkeypatch):
    class Unsorted(np.ndarray):
        def partition(self, k, axis):
            pass

    class Module:
        asarray = staticmethod(lambda x: x.copy().view(Unsorted))

    monkeypatch.setattr(smoke_checks, "module_for", lambda device: Module)
    with pytest.raises(smoke_runs.Failure, match="partition of 128 rows of 1000 numbers at k = 0"):
        smoke_checks.selection("cpu")


def test_every_kind_has_full_batches():
    for kind in kinds().values():
        rows = kind.data[0] if isinstance(kind.data, tuple) else kind.data
        assert len(rows) == ROWS and ROWS % BATCH == 0
