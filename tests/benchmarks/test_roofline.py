"""The part `roofline`: the parts of a step add up to its formulas, and the whole runs from end to end."""

import json
from contextlib import nullcontext

import pytest

from benchmarks import counts, machine, roofline, training
from benchmarks.parts import Parts
from benchmarks.settings import Settings
from benchmarks.training import TrainingStep
from npae.layers import convolve
from tests.devices import on
from tests.fake_gpu import kernels

LIMITS = {"gflops": 1.0, "memory": [[1, 2.0]], "call_us": 1.0, "tf32_gflops": 1.0, "to_gpu_gbs": 1.0, "to_cpu_gbs": 1.0}
TINY, TINY_IMAGES = {"tiny": ([784, 5, 3], 4)}, {"images": ({"channels": [2, 1]}, 3)}
PARTS = ["products", "windows", "elementwise", "loss", "optimizer", "gather"]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(training, "IMAGES", 16)
    monkeypatch.setattr(roofline, "WORKLOADS", TINY)
    monkeypatch.setattr(roofline, "GPU_WORKLOADS", TINY)
    monkeypatch.setattr(roofline, "CONVOLUTIONAL", TINY_IMAGES)
    monkeypatch.setattr(machine, "ceilings", lambda device, quick: LIMITS)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(roofline, "compiled_at_once", nullcontext)  # compiling takes longer than the test
    training.images.cache_clear()
    yield
    training.images.cache_clear()


def test_the_parts_are_those_of_the_formulas(small):
    step = TrainingStep([784, 5, 3], 4)
    works = Parts(step, "cpu").works
    sizes = [(784, 5), (5, 3), (3, 5), (5, 784)]
    dense = [counts.product(4, i, o) + counts.dense_backward(4, i, o, needs_dx=k > 0) for k, (i, o) in enumerate(sizes)]
    assert counts.total(works["products"]) == counts.total(dense)
    hidden = 4 * (5 + 3 + 5)  # φ(a + b): an addition and a maximum; dh · (h > 0): two; and the last bias
    assert counts.total(works["elementwise"]).operations == 2 * hidden + 2 * hidden + 4 * 784
    theta = step.model.theta.size
    assert counts.total(works["optimizer"]).bytes == 4 * 7 * theta
    assert counts.total(works["gather"]).bytes == 5 * 4 * 784
    assert works["windows"] == []


def test_the_parts_of_a_network_of_images(small):
    """C2 P C1 P and back, C1 U C2 U C1, on 3 images of 28 × 28: by hand."""
    step = TrainingStep({"channels": [2, 1]}, 3)
    parts = Parts(step, "cpu")
    shapes = [(1, 2, 28, 28), (2, 1, 14, 14), (1, 1, 7, 7), (1, 2, 14, 14), (2, 1, 28, 28)]
    operations = 0
    for k, (c, o, height, width) in enumerate(shapes):
        places = 3 * height * width
        operations += 2 * 9 * places * c * o * (3 if k else 2) + 2 * places * o
    assert counts.total(parts.works["products"]).operations == operations
    pooled, doubled = [(2, 28), (1, 14)], [(1, 7), (2, 14)]  # channels and size of what goes in
    moved = sum(3 * c * n * n * (1 + 1 / 4) + 3 * c * n * n * (2 + 2 / 4) for c, n in pooled)
    moved += sum(2 * 3 * c * n * n * (1 + 4) for c, n in doubled)
    assert counts.total(parts.works["windows"]).bytes == 4 * moved
    hidden = 3 * (2 * 28 * 28 + 14 * 14 + 7 * 7 + 2 * 14 * 14)  # outputs with a ReLU: bias and φ, then φ′
    assert counts.total(parts.works["elementwise"]).operations == 4 * hidden + 3 * 28 * 28


def test_the_products_taken_apart_are_those_of_the_step(small):
    step = TrainingStep({"channels": [2, 1], "transposed": True}, 3)
    called = []

    def noting(*args, real=convolve.matmul, **options):
        called.append(args[0].size)
        return real(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolve, "matmul", noting)
        step()
        in_step, called[:] = sorted(called), []
        parts = Parts(step, "cpu")
        called.clear()
        parts.calls["products"]()
    assert in_step and sorted(called) == in_step


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
        assert list(result["workloads"][name]) == ["tiny", "images"]
        for workload, row in result["workloads"][name].items():
            parts = row["parts"]
            assert list(parts) == PARTS and all(part["seconds"] > 0 for part in parts.values())
            assert all(part["floor_seconds"] > 0 for what, part in parts.items() if what != "windows")
            assert (parts["windows"]["floor_seconds"] > 0) == (workload == "images")
    assert ("GPU: not yet run" in capsys.readouterr().out) == (device == "cpu")
    assert [path.stat().st_size > 0 for path in roofline.draw(result, tmp_path)] == [True] * len(devices)
