"""The part `roofline`: the parts of a step add up to its formulas, and the whole runs from end to end."""

import json
from contextlib import nullcontext

import pytest

from benchmarks import counts, machine, roofline, training
from benchmarks.settings import Settings
from benchmarks.training import TrainingStep
from tests.devices import on
from tests.fake_gpu import kernels

LIMITS = {"gflops": 1.0, "memory": [[1, 2.0]], "call_us": 1.0, "tf32_gflops": 1.0, "to_gpu_gbs": 1.0, "to_cpu_gbs": 1.0}
TINY = {"tiny": ([784, 5, 3], 4)}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr(roofline, "WORKLOADS", TINY)
    monkeypatch.setattr(roofline, "GPU_WORKLOADS", TINY)
    monkeypatch.setattr(machine, "ceilings", lambda device, quick: LIMITS)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(roofline, "compiled_at_once", nullcontext)  # compiling takes longer than the test
    training.images.cache_clear()
    yield
    training.images.cache_clear()


def test_the_parts_are_those_of_the_formulas(small):
    step = TrainingStep([784, 5, 3], 4)
    works = roofline.Parts(step, "cpu").works
    sizes = [(784, 5), (5, 3), (3, 5), (5, 784)]
    dense = [counts.product(4, i, o) + counts.dense_backward(4, i, o, needs_dx=k > 0) for k, (i, o) in enumerate(sizes)]
    assert counts.total(works["matrix products"]) == counts.total(dense)
    hidden = 4 * (5 + 3 + 5)  # φ(a + b): an addition and a maximum; dh · (h > 0): two; and the last bias
    assert counts.total(works["elementwise"]).operations == 2 * hidden + 2 * hidden + 4 * 784
    theta = step.model.theta.size
    assert counts.total(works["optimizer"]).bytes == 4 * 7 * theta
    assert counts.total(works["gather"]).bytes == 5 * 4 * 784


def test_the_rest_is_the_difference(small):
    row = roofline.workload([784, 5], 4, "cpu", LIMITS, 0.0)
    assert row["rest_seconds"] == pytest.approx(row["seconds"] - sum(p["seconds"] for p in row["parts"].values()))
    assert row["floor_seconds"] == pytest.approx(sum(p["floor_seconds"] for p in row["parts"].values()))
    assert row["floor_seconds"] >= 1e-9 * max(row["operations"] / 1.0, row["bytes"] / 2.0)


def test_a_step_below_its_floor_is_doubted():
    rows = {"good": {"seconds": 2.0, "floor_seconds": 1.0}, "bad": {"seconds": 1.0, "floor_seconds": 2.0}}
    assert "(bad)" in roofline.doubts("cpu", rows)[0]
    assert roofline.doubts("cpu", {"good": rows["good"]}) == []


@pytest.mark.parametrize("device", ["cpu", pytest.param("fake", marks=pytest.mark.skipif(
    not kernels.available(), reason="no C++ compiler for the kernels"))])  # fmt: skip
def test_it_runs_from_end_to_end(device, small, tmp_path, capsys):
    with on(device) as place:
        devices = ("cpu",) if device == "cpu" else ("cpu", place.name)
        result = roofline.run(Settings(True, devices, tmp_path))
    result = json.loads(json.dumps(result))
    for name in devices:
        parts = result["workloads"][name]["tiny"]["parts"]
        assert list(parts) == ["matrix products", "elementwise", "loss", "optimizer", "gather"]
        assert all(part["seconds"] > 0 and part["floor_seconds"] > 0 for part in parts.values())
    assert ("GPU: not yet run" in capsys.readouterr().out) == (device == "cpu")
    assert [path.stat().st_size > 0 for path in roofline.draw(result, tmp_path)] == [True] * len(devices)
