"""Timing of calls: medians on a fake time, turns, waiting for the GPU, results that differ are refused."""

import numpy as np
import pytest

from benchmarks import clock
from npae.backend import to_device
from tests.devices import on
from tests.fake_gpu.fake_cupy import fake_cupy


class FakeTime:
    """A clock that advances only by work."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def work(self, *durations):
        """A call that takes these seconds, one after the other, and then always the last."""
        left = list(durations)

        def call():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


@pytest.fixture
def fake_time(monkeypatch):
    made = FakeTime()
    monkeypatch.setattr(clock, "time", made)
    return made


def test_the_first_calls_do_not_count_and_the_median_is_the_middle(fake_time, monkeypatch):
    monkeypatch.setattr(clock, "MOST", 5)
    timing = clock.clock(fake_time.work(100, 1, 5, 1, 2, 4, 3), seconds=1e6)  # 100: compilation
    assert timing.device == pytest.approx([5, 1, 2, 4, 3])
    assert timing.median == 3 and timing.quartiles == (2, 4)
    assert timing.summary() == {"seconds": 3, "quartiles": [2, 4], "host_seconds": 3, "measurements": 5}


def test_short_calls_are_repeated_within_a_measurement(fake_time, monkeypatch):
    monkeypatch.setattr(clock, "SHORTEST", 0.75)
    calls, work = [], fake_time.work(0.25)
    timing = clock.clock(lambda: calls.append(work()), seconds=7.0)
    assert timing.median == 0.25
    assert len(calls) == 1 + 1 + 3 * len(timing.device) and len(timing.device) == 10


def test_the_budget_decides_how_often_and_a_few_times_at_least(fake_time):
    assert len(clock.clock(fake_time.work(1.0), seconds=10).device) == 11
    assert len(clock.clock(fake_time.work(1.0), seconds=0.1).device) == clock.FEWEST


def test_several_calls_take_turns(fake_time):
    log = []
    a, b = fake_time.work(1.0), fake_time.work(2.0)
    timings = clock.in_turns({"a": lambda: (log.append("a"), a()), "b": lambda: (log.append("b"), b())}, seconds=0.1)
    assert "".join(log) == "aabb" + "ba" + "ab" + "ba"
    assert (timings["a"].median, timings["b"].median) == (1, 2)


def test_host_and_device_time_are_separate(fake_time, monkeypatch):
    monkeypatch.setattr(clock, "_start_events", lambda: lambda: 7.0)
    with on("fake"):
        timing = clock.clock(fake_time.work(2.0), "gpu", seconds=0.1)
    assert timing.median == 7 and timing.summary()["host_seconds"] == 2


def test_the_gpu_is_waited_for_before_and_after_every_measurement(monkeypatch):
    monkeypatch.setattr(clock, "MOST", 3)
    with on("fake") as place:
        x = place.put(np.ones(4, np.float32))
        with fake_cupy.count() as counted:
            timing = clock.clock(lambda: fake_cupy.add(x, x, out=x), "gpu", seconds=0.0)
    assert counted.syncs == 2 * (3 + 1) and counted.uploads == 0
    assert all(0 < host <= device for host, device in zip(timing.host, timing.device, strict=True))


def test_equal_results_pass_and_others_are_refused():
    a = np.arange(1, 5, dtype=np.float32)
    clock.check_same("it", a * np.float32(1 + 1e-6), a)
    clock.check_same("zeros", 0 * a, 0 * a)
    with on("fake"):
        clock.check_same("it", to_device(a, "gpu"), a)
    for wrong in (a * np.float32(1.001), a[:1], np.full_like(a, np.nan)):
        with pytest.raises(clock.Disagreement, match="it: expected"):
            clock.check_same("it", wrong, a)
