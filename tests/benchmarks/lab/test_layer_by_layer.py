"""The part `layer_by_layer`: npae's layers agree with PyTorch's, one that differs is not timed, and a whole run."""

import importlib.util
import json
from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks.alternate import NotMeasured, Turn
from benchmarks.clock import Disagreement
from benchmarks.lab import layer_by_layer, pairs, single
from benchmarks.lab.layer_by_layer import CHANNELS_LAST
from benchmarks.lab.pairs import NpaeLayer, TorchLayer
from benchmarks.lab.single import DIRECTIONS, Single
from benchmarks.opponents import ours
from benchmarks.opponents.roster import EAGER, OURS, Entry
from benchmarks.rounds import Effort
from benchmarks.settings import Settings
from tests.benchmarks.in_process import InProcess
from tests.benchmarks.lab.test_layers import CASES
from tests.devices import each_device, on

with_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="could not import 'torch'")
IMAGES = {name for name, case in CASES.items() if len(case.shape) == 4}
ORDERS = [*((name, False) for name in CASES), *((name, True) for name in sorted(IMAGES))]  # rows have no channels


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ours, "compiled_at_once", nullcontext)  # compiling takes seconds, for the same result
    monkeypatch.setattr(layer_by_layer, "Contender", InProcess)
    monkeypatch.setattr(layer_by_layer, "CASES", CASES)
    monkeypatch.setattr(layer_by_layer, "QUICK", Effort(2, 0.0, 0.0))
    monkeypatch.setattr("benchmarks.alternate.SETTLE", 0.0)
    monkeypatch.setattr("benchmarks.alternate.LOOK", 1e-4)


def test_every_kind_is_among_the_small_ones():
    assert {case.kind for case in single.CASES.values()} == {case.kind for case in CASES.values()}


@with_torch
@pytest.mark.parametrize(("name", "channels_last"), ORDERS)
def test_both_compute_the_same(name, channels_last):
    for direction in DIRECTIONS:
        expected = NpaeLayer(CASES[name], direction).first_steps()
        step = TorchLayer(CASES[name], direction, channels_last=channels_last)
        theirs = step.first_steps()
        step()
        step.wait()
        assert len(theirs) == len(expected)
        for a, b in zip(theirs, expected, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_weights_are_neither_zero_nor_one():
    """Initial biases are zero and γ is one. With these values the comparison would not notice a missing parameter."""
    for case in CASES.values():
        one = Single(case)
        assert all(np.ptp(p.value) > 0 and np.all(p.value % 1) for p in one.layer.parameters)


@each_device
@pytest.mark.parametrize("name", CASES)
def test_ours_on_a_gpu(name, device):
    for direction in DIRECTIONS:
        expected = NpaeLayer(CASES[name], direction).first_steps()
        with on(device) as place:
            step = NpaeLayer(CASES[name], direction, place.name)
            for a, b in zip(step.first_steps(), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
            step()
            step.wait()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_dropout_is_compared_without_its_mask(direction):
    one = Single(single.CASES["Dropout of 1000"])
    source = one.x if direction == "forward" else one.dy
    np.testing.assert_allclose(one.results(direction)[0], source, rtol=1e-6)
    (out,) = getattr(one, direction)()
    elsewhere = single.comparable(one, direction, [np.roll(out, 1, axis=1)], one.y)
    assert np.linalg.norm(elsewhere[0] - source) > 0.1 * np.linalg.norm(source)
    if direction == "forward":
        with pytest.raises(Disagreement, match="0.500 to be kept, got 1.000"):
            single.comparable(one, direction, [2 * one.x], one.y)


class Wrong(NpaeLayer):
    """A layer whose results are one per cent too large."""

    def first_steps(self):
        return [1.01 * a for a in super().first_steps()]


class Broken(NpaeLayer):
    def __init__(self, case, direction, device):
        raise RuntimeError("no memory")


class Missing(NpaeLayer):
    package = "no_such_package"


def test_a_run(monkeypatch, tmp_path, capsys):
    entries = {OURS: Entry(NpaeLayer), EAGER: Entry(NpaeLayer), CHANNELS_LAST: Entry(NpaeLayer), "wrong": Entry(Wrong),
               "broken": Entry(Broken), "missing": Entry(Missing)}  # fmt: skip
    monkeypatch.setattr(layer_by_layer, "ENTRIES", entries)
    result = json.loads(json.dumps(layer_by_layer.run(Settings(True, ("cpu",), tmp_path))))
    rows, out = result["rows"]["cpu"], capsys.readouterr().out
    assert list(rows) == [f"{name}: {direction}" for name in CASES for direction in DIRECTIONS]
    for name, row in rows.items():
        others = {EAGER, CHANNELS_LAST} if name.split(":")[0] in IMAGES else {EAGER}
        assert set(row) == {OURS} | others and "ratio" not in row[OURS]
        for who in others:
            for middle, low, high in row[who].values():
                assert 0 < low <= middle <= high
        assert name in out
    assert "wrong, CPU, conv: forward: its result: expected a relative error up to" in out
    assert "broken, CPU, max: backward: no memory" in result["not_measured"]
    overview = layer_by_layer.overview(result).split("\n")
    assert len(overview) == 2 + len(CASES) and overview[2].startswith("| conv | ")
    assert "missing: no_such_package is not installed" in out and "GPU: not yet run" in out


def test_a_row_is_as_long_as_its_head():
    names, other = (OURS, EAGER, CHANNELS_LAST), {"seconds": (2e-3,) * 3, "ratio": (2.0, 1.5, 3.0)}
    row = {OURS: {"seconds": (1e-3,) * 3}, EAGER: other, CHANNELS_LAST: other}
    head = layer_by_layer.head("cpu", names)
    assert len(layer_by_layer.cells("conv: forward", names, row)) == len(head)
    assert len(layer_by_layer.cells("dense: forward", names, {OURS: row[OURS]})) == len(head)


def test_its_picture(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    row = {OURS: {"seconds": (1e-3,) * 3}, EAGER: {"seconds": (2e-3,) * 3, "ratio": (2.0, 1.5, 3.0)}}
    rows = {f"{name}: {direction}": row for name in CASES for direction in DIRECTIONS}
    assert layer_by_layer.draw({"rows": {"cpu": rows}}, tmp_path) == [tmp_path / "layer_by_layer_cpu.png"]
    assert (tmp_path / "layer_by_layer_cpu.png").stat().st_size > 10_000
    alone = {name: {OURS: row[OURS]} for name, row in rows.items()}
    assert layer_by_layer.draw({"rows": {"cpu": alone}}, tmp_path) == []  # no ratios without a second contender


def test_our_own_layer_must_run(monkeypatch, tmp_path):
    monkeypatch.setattr(NpaeLayer, "first_steps", lambda self: 1 / 0)
    with pytest.raises(NotMeasured, match="division by zero"):
        layer_by_layer.run(Settings(True, ("cpu",), tmp_path))


def test_the_ratio_is_theirs_by_ours_turn_by_turn(monkeypatch):
    times = {OURS: [Turn(s, s) for s in (1, 2, 4)], EAGER: [Turn(s, s) for s in (2, 2, 2)]}
    monkeypatch.setattr(layer_by_layer, "measure", lambda *args: times)
    row = layer_by_layer.time_call({}, Effort(3, 0.0, 0.0))
    assert row == {OURS: {"seconds": (2, 1.5, 3)}, EAGER: {"seconds": (2, 2, 2), "ratio": (1, 0.75, 1.5)}}
    cells = layer_by_layer.cells("x: forward", [OURS, EAGER], row)
    assert cells == ["x: forward", "2000.000", "1500.000 to 3000.000", "2000.000", "1.00", "0.75 to 1.50"]
    found = layer_by_layer.verdict({"rows": {"cpu": {"x: forward": row, "y: forward": {OURS: row[OURS]}}}})
    assert found == "CPU: npae is 1.00 times as fast as PyTorch eager (geometric mean of 1, 1.00 to 1.00)"
    found = layer_by_layer.verdict({"rows": {"cpu": {"y": {OURS: row[OURS]}}}})
    assert found == "CPU: npae is not compared with PyTorch eager"


def test_pairs_have_the_weights_of_the_layer():
    torch = pytest.importorskip("torch")
    one = Single(CASES["norm"])
    module = pairs.module_with_weights(torch, one)
    assert np.array_equal(module.weight.detach().numpy(), one.layer.gamma.value)
    assert module.eps == one.layer.epsilon and module.momentum == one.layer.momentum
