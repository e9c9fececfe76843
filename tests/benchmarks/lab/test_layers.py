"""The part `layers`: it refuses layers that are wrong, its ratios are right, and a whole run."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks.clock import Disagreement, Timing
from benchmarks.lab import calls, layers
from benchmarks.lab.single import Case
from benchmarks.settings import Settings
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
    monkeypatch.setattr("benchmarks.clock.SHORTEST", 1e-5)
    monkeypatch.setattr(layers, "compiled_at_once", nullcontext)  # compiling takes longer than the test


def all_calls(device):
    return [call for group in calls.groups(False) for call in group(device)]


@pytest.mark.parametrize("device", ["cpu", pytest.param("fake", marks=pytest.mark.skipif(
    not kernels.available(), reason="no C++ compiler for the kernels"))])  # fmt: skip
@pytest.mark.slow
def test_it_runs_from_end_to_end(device, small, tmp_path, capsys):
    with on(device) as place:
        devices = ("cpu",) if device == "cpu" else ("cpu", place.name)
        result = layers.run(Settings(False, devices, tmp_path))
    result = json.loads(json.dumps(result))
    assert list(result["rows"]) == list(devices)
    for rows in result["rows"].values():
        assert list(rows) == [call.name for call in all_calls("cpu")]
        assert all(row["seconds"] > 0 for row in rows.values())
        assert rows["ReLU: backward"]["plain_seconds"] > 0 and "ratio" not in rows["up: backward"]
    assert ("GPU: not yet run" in capsys.readouterr().out) == (device == "cpu")
    assert [path.stat().st_size > 0 for path in layers.draw(result, tmp_path)] == [True] * len(devices)


def test_the_ratio_is_plain_by_npae_turn_by_turn(small, monkeypatch):
    ours, plain = Timing((1e-6,) * 3, (1e-6, 2e-6, 4e-6)), Timing((1e-6,) * 3, (5e-6, 2e-6, 12e-6))
    monkeypatch.setattr(layers, "in_turns", lambda calls, *_: {"npae": ours, "plain": plain})
    call = next(c for c in all_calls("cpu") if c.name == "ReLU: backward")
    row = layers.time_call(call, "cpu", 0)
    assert row["seconds"] == 2e-6 and row["plain_seconds"] == 5e-6 and row["ratio"] == pytest.approx((3, 2, 4))
    cells = layers.cells(call.name, row)
    assert cells == ["ReLU: backward", "2.0", "1.5 to 3.0", "5.0", "3.00", "2.00 to 4.00"]
    found = layers.verdict({"rows": {"cpu": {"a": row, "b": {"seconds": 1.0}}}})
    assert found.startswith("CPU: npae is 3.00 times as fast as the plain text of the formulas (geometric mean of 1,")
    assert "not compared" in layers.verdict({"rows": {"cpu": {"b": {"seconds": 1.0}}}})


def test_backward_returns_the_gradients_of_a_single_step(small):
    backward = next(c for c in all_calls("cpu") if c.name.endswith("batch 4: backward"))
    first = [np.copy(a) for a in backward.run()]
    second = backward.run()
    assert len(first) == 2 and first[1].size == 3 * 2 + 2
    for a, b in zip(first, second, strict=True):  # ∂J/∂θ is not added up
        np.testing.assert_array_equal(a, b)


def test_a_wrong_layer_is_not_timed(small):
    class Wrong(Sigmoid):
        def forward(self, x, training=False):
            h, cache = super().forward(x, training)
            return h * np.float32(1.01), cache

    expected = [layers._plain(call.results) for call in calls.activation("cpu", Sigmoid)]
    layers.validate(calls.activation("cpu", Sigmoid), "cpu", expected)
    with pytest.raises(Disagreement, match="Wrong: forward on the CPU"):
        layers.validate(calls.activation("cpu", Wrong), "cpu", expected)
