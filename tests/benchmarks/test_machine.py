"""The ceilings: rates of known work in known time, the right one for the bytes in use, all on both devices."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import machine
from benchmarks.clock import Timing
from benchmarks.settings import Settings
from tests.devices import DEVICES, on


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(machine, "PRODUCT", {"cpu": 32, "gpu": 32})
    monkeypatch.setattr(machine, "MEMORY", {"cpu": (2**10, 2**12), "gpu": (2**10, 2**12)})
    monkeypatch.setattr(machine, "TRANSFER", 2**10)
    machine.ceilings.cache_clear()
    yield
    machine.ceilings.cache_clear()


@pytest.fixture
def half_a_second(monkeypatch):
    """Whatever is timed took half a second, and was done once to see that it can be."""
    timing = Timing((0.5,), (0.5,))
    monkeypatch.setattr(machine, "clock", lambda call, *_: (call(), timing)[1])
    monkeypatch.setattr(machine, "by_turns", lambda calls, *_: {n: (call(), timing)[1] for n, call in calls.items()})


def test_rates_are_work_by_time(half_a_second):
    assert machine.product_rate("cpu", 10, 0) == pytest.approx(2000 / 0.5 * 1e-9)
    assert machine.sweep_rate("cpu", 800, 0) == pytest.approx(1600 / 0.5 * 1e-9)  # in place: 800 read, 800 written
    assert machine.call_cost("cpu", 0) == pytest.approx(0.5e6)
    with on("fake"):
        assert machine.transfer_rates(400, 0) == pytest.approx({"to_gpu_gbs": 800e-9, "to_cpu_gbs": 800e-9})


def test_the_memory_ceiling_is_that_of_the_cache_that_holds_so_much():
    memory = [[100, 50.0], [1000, 60.0], [10_000, 10.0]]
    assert [machine.memory_rate(memory, held) for held in (1, 100, 101, 1000, 1001, 99_999)] == [60, 60, 60, 60, 10, 10]


@pytest.mark.parametrize("device", DEVICES)
def test_all_ceilings_are_measured(device, small):
    with on(device) as place:
        limits = machine.ceilings(place.name, True)
        assert machine.ceilings(place.name, True) is limits  # once in a process
    numbers = [limits["gflops"], limits["call_us"], *(rate for _, rate in limits["memory"])]
    more = [limits[key] for key in ("tf32_gflops", "to_gpu_gbs", "to_cpu_gbs") if place.name == "gpu"]
    assert np.all(np.array(numbers + more) > 0) and len(limits) == 3 + len(more)
    text = machine.describe(place.name, limits)
    assert ("TF32" in text) == (place.name == "gpu") and f"{limits['gflops']:,.0f} GFLOP/s" in text


def test_a_missing_gpu_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "why_no_gpu", lambda: "There is none.")
    assert machine.missing(Settings(True, ("cpu",), tmp_path)) == ["GPU: not yet run. There is none."]
    assert machine.missing(SimpleNamespace(devices=("cpu", "gpu"))) == []
