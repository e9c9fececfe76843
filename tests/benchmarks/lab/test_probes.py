"""The lab's parts for a GPU: probes on the fake one, and the table of kernels from the events of a profiler."""

import json

import pytest

from benchmarks.lab import kernels, probes
from benchmarks.settings import Settings
from tests.devices import on, with_fake


@with_fake
def test_probes_on_the_fake_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-6)
    monkeypatch.setattr(probes, "QUICK_BATCHES", (4,))
    monkeypatch.setattr(probes, "LAYER", (6, 5))
    saved = []
    with on("fake"):
        settings = Settings(True, ("cpu", "gpu"), tmp_path, save=lambda result: saved.append(len(result["rows"])))
        result = json.loads(json.dumps(probes.run(settings)))
    rows = list(dict.fromkeys(saved))  # saved after every row, and once more after every table
    assert rows == list(range(1, len(result["rows"]) + 1)) and len(rows) == 8 + 1 + 24 + 4 + 2 + 2
    assert all(row["seconds"] > 0 and row["host_seconds"] > 0 for row in result["rows"].values())
    assert "a launch costs the host" in probes.verdict(result) and "npae's matmul(out=)" in capsys.readouterr().out


@pytest.mark.parametrize("part", [kernels, probes])
def test_without_a_gpu_there_is_one_sentence(part, tmp_path):
    result = part.run(Settings(True, ("cpu",), tmp_path))
    assert part.verdict(result) == "GPU: not yet run" and any("not" in why for why in result["not_measured"])
    assert part.draw(result, tmp_path) == []


EVENTS = [("gemm", 0, 6), ("add", 7, 8), ("gemm", 9, 15), ("add", 18, 20)]


def test_the_time_of_every_kernel_is_per_step(capsys):
    found = kernels.by_kernel(EVENTS, steps=2)
    assert found == {"count": 2, "busy": 7.5, "span": 10, "kernels": {"gemm": [1, 6], "add": [1, 1.5]}}
    kernels.show("a step", found)
    out = capsys.readouterr().out
    assert "gemm" in out and "2.0 operations, busy 7.5 µs, span 10.0 µs" in out
    assert kernels.by_kernel([], 5) == {"count": 0, "busy": 0, "span": 0, "kernels": {}}


def test_a_framework_that_fails_stops_no_other(tmp_path, monkeypatch):
    pytest.importorskip("torch")

    class Step:
        def __init__(self, sizes, batch, device, graph):
            assert device == "gpu" and graph

        def first_steps(self):
            pass

    class Broken(Step):
        def first_steps(self):
            raise RuntimeError("no driver")

    monkeypatch.setattr(kernels, "STEP_KINDS", {"a": (Broken, {"graph": True}), "b": (Step, {"graph": True})})
    monkeypatch.setattr(kernels, "events_of", lambda step: EVENTS)
    result = kernels.run(Settings(True, ("cpu", "gpu"), tmp_path))
    name = kernels.NAMES[0]
    assert list(result["steps"]) == [f"{name}: b"] and f"{name}: a. RuntimeError: no driver" in result["not_measured"]
