"""The part `layers`: it refuses layers that are wrong, its arithmetic is right, and it runs from end to end."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import counts, layers, machine
from benchmarks.clock import Disagreement
from benchmarks.settings import Settings
from npae.layers import ReLU, Sigmoid
from npae.optim import SGD, Adam
from tests.devices import on
from tests.fake_gpu import kernels

LIMITS = {"gflops": 1.0, "memory": [[1, 2.0]], "call_us": 1.0, "tf32_gflops": 1.0, "to_gpu_gbs": 1.0, "to_cpu_gbs": 1.0}


@pytest.fixture
def small(monkeypatch):
    for name, value in {"DENSE": ((4, 3, 2),), "ACTIVATIONS": (ReLU,), "ACTIVATION_SHAPE": (4, 3), "LOSS_SHAPE": (4, 3),
                        "OPTIMIZERS": (Adam(), SGD()), "PARAMETERS": (3, 2)}.items():  # fmt: skip
        monkeypatch.setattr(layers, name, value)
    monkeypatch.setattr(machine, "ceilings", lambda device, quick: LIMITS)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(layers, "compiled_at_once", nullcontext)  # compiling takes longer than the test


def all_calls(device):
    return [call for group in layers.groups(False) for call in group(device)]


@pytest.mark.parametrize("device", ["cpu", pytest.param("fake", marks=pytest.mark.skipif(
    not kernels.available(), reason="no C++ compiler for the kernels"))])  # fmt: skip
def test_it_runs_from_end_to_end(device, small, tmp_path, capsys):
    with on(device) as place:
        devices = ("cpu",) if device == "cpu" else ("cpu", place.name)
        result = layers.run(Settings(True, devices, tmp_path))
    result = json.loads(json.dumps(result))
    assert list(result["rows"]) == list(devices)
    for rows in result["rows"].values():
        assert list(rows) == [call.name for call in all_calls("cpu")]
        assert all(row["seconds"] > 0 and row["operations"] > 0 for row in rows.values())
        assert "speed_up" in rows["ReLU: backward"] and "speed_up" not in rows["Dense 3 → 2, batch 4: backward"]
    assert ("GPU: not yet run" in capsys.readouterr().out) == (device == "cpu")
    assert [path.stat().st_size > 0 for path in layers.draw(result, tmp_path)] == [True] * len(devices)


def test_rates_and_percentages_by_hand(small, monkeypatch):
    timing = layers.by_turns({"npae": lambda: None}, "cpu", 0)["npae"]
    seconds = 2e-9
    fake = type(timing)((seconds,) * 2, (seconds,) * 2)
    slow = type(timing)((5 * seconds,) * 2, (5 * seconds,) * 2)
    monkeypatch.setattr(layers, "by_turns", lambda calls, *_: {"npae": fake, "plain": slow})
    call = next(c for c in all_calls("cpu") if c.name == "ReLU: backward")
    row = layers.time_call(call, "cpu", {"gflops": 24.0, "memory": [[1, 144.0]]}, 0)
    assert row["operations"] == 2 * 12 and row["bytes"] == 4 * 3 * 12  # dh · (h > 0)
    assert row["gflops"] == pytest.approx(12) and row["percent_of_arithmetic"] == pytest.approx(50)
    assert row["gbs"] == pytest.approx(72) and row["percent_of_memory"] == pytest.approx(50)
    assert row["speed_up"] == pytest.approx(5)


def test_every_call_has_its_work(small):
    dense = next(c for c in all_calls("cpu") if "backward" in c.name)
    assert dense.products == counts.dense_backward(4, 3, 2)


def test_a_wrong_layer_is_not_timed(small):
    class Wrong(Sigmoid):
        def forward(self, x, training=False):
            h, cache = super().forward(x, training)
            return h * np.float32(1.01), cache

    expected = [layers._plain(call) for call in layers.activation("cpu", Sigmoid)]
    layers.validate(layers.activation("cpu", Sigmoid), "cpu", expected)
    with pytest.raises(Disagreement, match="Wrong: forward on the CPU"):
        layers.validate(layers.activation("cpu", Wrong), "cpu", expected)
