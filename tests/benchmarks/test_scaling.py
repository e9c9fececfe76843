"""The part `scaling`: slopes of known powers, counts by hand, and a whole run."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import scaling, training, workers
from benchmarks.settings import Settings
from benchmarks.training import TrainingStep


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(scaling, "AXES", {
        "parameters": ("parameters", (2, 3, 4), lambda w: ([784, w, w], 4)),
        "batch": ("batch size", (2, 4, 8), lambda batch: ([784, 3], batch)),
        "depth": ("Dense layers", (1, 2, 3), lambda depth: ([784] + depth * [3], 4)),
    })  # fmt: skip
    monkeypatch.setattr(scaling, "IMAGES", (4, 8, 16))
    monkeypatch.setattr(scaling, "BATCH", 4)
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(scaling, "compiled_at_once", nullcontext)  # compiling takes longer than the test
    training.images.cache_clear()
    yield
    training.images.cache_clear()


def test_the_slope_of_a_power_is_its_exponent():
    x = np.array([1, 2, 4, 8, 16, 32])
    for power in (0.5, 1, 2):
        assert scaling.slope(x, 3.0 * x**power) == pytest.approx(power)


def test_the_small_points_do_not_change_the_slope():
    x = np.array([1, 2, 4, 1000, 10_000, 100_000])
    assert scaling.slope(x, np.maximum(500, x)) == pytest.approx(1)
    assert scaling.slope(x[:3], x[:3] ** 2) == pytest.approx(2)  # of three points, all count


def test_operations_and_memory_by_hand(small):
    step = TrainingStep([784, 3], 4)
    assert step.sizes == [(784, 3), (3, 784)]
    assert scaling.operations(step, 4) == 6 * 4 * 2 * 2352 - 2 * 4 * 2352
    parameters = 2 * 2352 + 3 + 784
    assert scaling.held(step, 4) == 16 * parameters + 4 * 4 * 2 * (3 + 784)
    found = scaling.memory([784, 3], 4, "cpu")
    assert found["state"] == 16 * parameters
    assert found["arena"] >= 4 * 4 * 2 * (3 + 784) and found["peak"] >= found["state"] + found["arena"]


@pytest.mark.slow
def test_it_runs_from_end_to_end(small, tmp_path, monkeypatch, capsys):
    runs = {"1 worker,\n2 threads each": {"seconds": 0.1}, "2 workers,\n1 thread each": {"seconds": 0.2}}
    monkeypatch.setattr(workers, "compare", lambda quick: {"network": "n", "runs": runs, "not_measured": ["No third."]})
    result = json.loads(json.dumps(scaling.run(Settings(True, ("cpu",), tmp_path))))
    axes = result["axes"]["cpu"]
    assert list(axes) == ["parameters", "batch", "depth", "images"] and axes["depth"]["x"] == [2, 4, 6]
    assert axes["batch"]["theory"] == pytest.approx(1) and axes["images"]["theory"] == pytest.approx(1)
    assert all(point["seconds"] > 0 for axis in axes.values() for point in axis["points"])
    assert "No third." in result["not_measured"] and "No third." in capsys.readouterr().out
    assert [path.name for path in scaling.draw(result, tmp_path)] == ["scaling_cpu.png", "scaling_workers.png"]
    assert f"{axes['depth']['slope']:.2f} of depth (operations {axes['depth']['theory']:.2f})" in scaling.verdict(
        result
    )
    overview = scaling.overview(result)
    assert "n, ms per step: 1 worker, 2 threads each 100.0; 2 workers, 1 thread each 200.0." in overview
    assert f"| Dense layers | {axes['depth']['slope']:.2f} | {axes['depth']['theory']:.2f} |" in overview
    result["workers"]["runs"] = {}
    assert "ms per step" not in scaling.overview(result)
    assert [path.name for path in scaling.draw(result, tmp_path)] == ["scaling_cpu.png"]
