"""The part `layers`: it refuses layers that are wrong, its arithmetic is right, and it runs from end to end."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import calls, counts, layers, machine
from benchmarks.clock import Disagreement
from benchmarks.settings import Settings
from benchmarks.single import Case
from npae.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dropout,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Upsample2D,
)
from npae.optim import SGD, Adam
from tests.devices import on
from tests.fake_gpu import kernels

LIMITS = {"gflops": 1.0, "memory": [[1, 2.0]], "call_us": 1.0, "tf32_gflops": 1.0, "to_gpu_gbs": 1.0, "to_cpu_gbs": 1.0}

CASES = {
    "conv": Case(Conv2D, (1, 2, 3, 1, "same"), (3, 1, 4, 4), needs_dx=False),
    "transposed": Case(ConvTranspose2D, (2, 3, 3, 2, "same"), (3, 2, 2, 2)),
    "max": Case(MaxPool2D, (2,), (3, 2, 4, 4)),
    "average": Case(AveragePool2D, (2,), (3, 2, 4, 4)),
    "up": Case(Upsample2D, (2,), (3, 2, 2, 2)),
    "norm": Case(BatchNorm, (5,), (8, 5)),
    "norm of images": Case(BatchNorm, (2,), (3, 2, 2, 2)),
    "dropout": Case(Dropout, (0.5,), (8, 5)),
}


@pytest.fixture
def small(monkeypatch):
    for name, value in {"DENSE": ((4, 3, 2),), "ACTIVATIONS": (ReLU,), "ACTIVATION_SHAPE": (4, 3), "LOSS_SHAPE": (4, 3),
                        "OPTIMIZERS": (Adam(), SGD()), "PARAMETERS": (3, 2), "CASES": CASES}.items():  # fmt: skip
        monkeypatch.setattr(calls, name, value)
    monkeypatch.setattr(machine, "ceilings", lambda device, quick: LIMITS)
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(layers, "compiled_at_once", nullcontext)  # compiling takes longer than the test


def all_calls(device):
    return [call for group in calls.groups(False) for call in group(device)]


@pytest.mark.parametrize("device", ["cpu", pytest.param("fake", marks=pytest.mark.skipif(
    not kernels.available(), reason="no C++ compiler for the kernels"))])  # fmt: skip
def test_it_runs_from_end_to_end(device, small, tmp_path, capsys):
    with on(device) as place:
        devices = ("cpu",) if device == "cpu" else ("cpu", place.name)
        result = layers.run(Settings(False, devices, tmp_path))
    result = json.loads(json.dumps(result))
    assert list(result["rows"]) == list(devices)
    for rows in result["rows"].values():
        assert list(rows) == [call.name for call in all_calls("cpu")]
        assert all(row["seconds"] > 0 and row["bytes"] > 0 for row in rows.values())
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
    called = {c.name: c for c in all_calls("cpu")}
    assert called["Dense 3 → 2, batch 4: backward"].products == counts.dense_backward(4, 3, 2)
    each = counts.convolution(48, 18, 48, 96)  # 16 places in 3 images; 3 x 3 x 1 x 2 weights
    assert called["conv: forward"].products == each
    assert called["conv: backward"].products == each + counts.bias_gradient(48, 2)
    each = counts.convolution(12, 54, 24, 144)  # its places are the pixels of x
    assert called["transposed: backward"].products == each + each + counts.bias_gradient(48, 3)
    assert called["norm of images: forward"].products == counts.bias_gradient(12, 2) + counts.bias_gradient(12, 2)
    assert called["dropout: forward"].products == counts.drawn(40)


def test_windows_are_counted_as_a_whole(small):
    call = next(c for c in all_calls("cpu") if c.name == "max: backward")
    with layers.recorded() as formulas:
        call.run()
    assert formulas and call.work(formulas) == counts.windows(MaxPool2D(2), 96, 24)[1]


def test_a_wrong_layer_is_not_timed(small):
    class Wrong(Sigmoid):
        def forward(self, x, training=False):
            h, cache = super().forward(x, training)
            return h * np.float32(1.01), cache

    expected = [layers._plain(call.answer) for call in calls.activation("cpu", Sigmoid)]
    layers.validate(calls.activation("cpu", Sigmoid), "cpu", expected)
    with pytest.raises(Disagreement, match="Wrong: forward on the CPU"):
        layers.validate(calls.activation("cpu", Wrong), "cpu", expected)
