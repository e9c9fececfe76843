"""The part `crossover`: the crossing of two curves, and a run with and without a GPU."""

import json
from contextlib import nullcontext

import pytest

from benchmarks import crossover, training
from benchmarks.settings import Settings
from tests.devices import on
from tests.fake_gpu import kernels


def test_the_crossing_of_two_curves():
    x = [1, 10, 100, 1000]
    assert crossover.overtakes(x, [1, 1, 10, 100], [10, 10, 10, 10]) == pytest.approx(100)
    assert crossover.overtakes(x, [1, 1, 100, 1000], [10, 10, 10, 10]) == pytest.approx(10**1.5)
    assert crossover.overtakes(x, [2, 2, 2, 2], [1, 1, 1, 1]) == 1
    assert crossover.overtakes(x, [2, 1, 2, 2], [1, 2, 1, 1]) == pytest.approx(10**1.5)  # the last crossing counts
    assert crossover.overtakes(x, [2, 2, 2, 1], [1, 1, 1, 1]) is None
    assert crossover.overtakes(x, [1, 1, 1, 1], None) is None


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(crossover, "QUICK_BATCHES", (1, 4))
    monkeypatch.setattr(crossover, "QUICK_WIDTHS", (2, 3))
    monkeypatch.setattr(crossover, "BATCH", 4)
    monkeypatch.setattr(crossover, "LARGE", [784, 4])
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(crossover, "compiled_at_once", nullcontext)  # compiling takes longer than the test
    training.images.cache_clear()
    yield
    training.images.cache_clear()


@pytest.mark.parametrize("device", ["cpu", pytest.param("fake", marks=pytest.mark.skipif(
    not kernels.available(), reason="no C++ compiler for the kernels"))])  # fmt: skip
@pytest.mark.slow
def test_it_runs_from_end_to_end(device, small, tmp_path, capsys):
    with on(device) as place:
        devices = ("cpu",) if device == "cpu" else ("cpu", place.name)
        result = crossover.run(Settings(True, devices, tmp_path))
    result = json.loads(json.dumps(result))
    curves = {"CPU"} if device == "cpu" else {"CPU", "GPU", "GPU, CUDA graph", "transfer"}
    for axis in result["axes"].values():
        assert all(set(point) == {"x"} | curves for point in axis["points"])
        assert all(point[curve]["seconds"] > 0 for point in axis["points"] for curve in curves)
    assert ("not yet run" in capsys.readouterr().out) == (device == "cpu")
    assert ("not yet run" in crossover.verdict(result)) == (device == "cpu")
    table = crossover.overview(result).split("\n")
    assert len(table) == 2 + 2 and (table[-1].count("not yet run") == 2) == (device == "cpu")
    (path,) = crossover.draw(result, tmp_path)
    assert path.stat().st_size > 0


def test_points_without_time_are_listed_and_the_others_saved(small, tmp_path, capsys):
    saved = []
    settings = Settings(False, ("cpu",), tmp_path, minutes=1.0, save=lambda result: saved.append(str(result)))
    assert len(crossover.run(settings)["axes"]["batch"]["points"]) == 2 and len(set(saved)) == 4
    result = crossover.run(Settings(True, ("cpu",), tmp_path, minutes=1.0, deadline=0.0))
    assert result["axes"] == {} and sum("No time was left" in why for why in result["not_measured"]) == 4
    assert crossover.draw(result, tmp_path) == [] and crossover.verdict(result) == "GPU: not yet run"
