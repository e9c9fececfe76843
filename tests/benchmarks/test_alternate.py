"""Alternating timing: seconds per step on a fake clock, the order of turns, ratios, contenders that fail."""

import time

import pytest

from benchmarks import alternate
from benchmarks.alternate import NotMeasured, Turn
from tests.benchmarks.in_process import InProcess


class Clock:
    """A clock that advances only by work and by sleep; after work, threads spin for `spinning` seconds of sleep."""

    now = used = spinning = 0.0

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.used

    def sleep(self, seconds):
        spun = min(seconds, self.spinning)
        self.now, self.used, self.spinning = self.now + seconds, self.used + spun, self.spinning - spun


class Device:
    """A call of `steps` training steps that takes the host 1 s to enqueue and the device 4 s to compute."""

    steps = 2

    def __init__(self, clock):
        self.clock, self.calls, self.busy_until = clock, 0, 0.0

    def __call__(self):
        self.calls += 1
        self.clock.now += 1
        self.busy_until = max(self.busy_until, self.clock.now) + 4

    def wait(self):
        self.clock.now = max(self.clock.now, self.busy_until)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(alternate, "time", clock)
    return clock


def test_a_turn_separates_host_and_device_time(clock):
    contender = InProcess(Device)
    contender.make(clock)
    assert clock.now == 5  # make() waited for the device
    one = contender.turn()
    assert one == Turn(seconds=5 / 2, host=1 / 2)
    clock.now = contender.program.step.busy_until = 0.0
    many = contender.turn(50)  # settled by one step of 5 s, so ten calls: 1 s, then 4 s of the device each
    assert many == Turn(seconds=(1 + 10 * 4) / 10 / 2, host=1 / 2)


def test_a_turn_ends_when_the_threads_sleep(clock):
    contender = InProcess(Device)
    contender.make(clock)
    clock.spinning = 2.5 * alternate.LOOK
    assert contender.turn() == Turn(seconds=5 / 2, host=1 / 2)
    assert clock.spinning == 0 and clock.now == pytest.approx(5 + 5 + 4 * alternate.LOOK)
    clock.spinning = 1e9  # threads may be configured to spin for ever
    contender.turn()
    assert clock.now == pytest.approx(15 + (4 + alternate.LOOKS) * alternate.LOOK)


def test_warming_up_takes_steps_until_the_time_is_over(clock):
    contender = InProcess(Device)
    contender.make(clock)
    contender.warm_up(11)
    assert contender.program.step.calls == 1 + 3


class Counting:
    """A contender whose k-th turn takes k times its pace."""

    def __init__(self, log, name, pace):
        self.log, self.name, self.pace, self.k = log, name, pace, 0

    def turn(self, seconds):
        self.log.append(self.name)
        self.k += 1
        return Turn(self.k * self.pace, 0.0)


def test_turns_go_round_and_back():
    log = []
    times = alternate.measure({name: Counting(log, name, pace) for name, pace in (("a", 1), ("b", 3), ("c", 9))}, 6)
    assert "".join(log) == "abccbabcaacbcabbac"
    assert [t.seconds for t in times["b"]] == [3, 6, 9, 12, 15, 18]
    assert alternate.ratios(times["c"], times["b"]) == [3.0] * 6


def test_the_median_and_quartiles():
    assert alternate.summary([5, 1, 4, 2, 3]) == (3, 2, 4)
    assert alternate.summary([1.0, 2.0]) == (1.5, 1.25, 1.75)


class Failing(Counting):
    """A contender that fails in its second turn."""

    def turn(self, seconds):
        if self.k == 1:
            raise NotMeasured("out of memory")
        return super().turn(seconds)


def test_a_contender_that_fails_in_a_turn_stops_no_other():
    log, failed = [], {}
    both = {"a": Counting(log, "a", 1), "b": Failing(log, "b", 3), "c": Counting(log, "c", 9)}
    times = alternate.measure(both, 4, failed=failed)
    assert failed == {"b": "out of memory"} and {name: len(turns) for name, turns in times.items()} == {"a": 4, "c": 4}
    with pytest.raises(NotMeasured, match="out of memory"):
        alternate.measure({"b": Failing(log, "b", 3)}, 4)
    assert alternate.measure({"b": Failing(log, "b", 3)}, 4, failed=failed) == {}


def test_after_the_deadline_there_are_only_the_turns_that_quartiles_need():
    one = {"a": Counting([], "a", 1)}
    assert len(alternate.measure(one, 9, deadline=time.monotonic())["a"]) == alternate.FEWEST == 2
    assert len(alternate.measure(one, 9, deadline=time.monotonic() + 60)["a"]) == 9


def test_the_previous_step_is_gone_before_the_next_is_made():
    """What it has switched until it is closed must be switched back before the next one switches it again."""
    alive = []

    class Step:
        def __init__(self):
            assert not alive
            alive.append(1)

        def __call__(self):
            pass

        def wait(self):
            pass

        def __del__(self):
            alive.clear()

    program = alternate.Program()
    for _ in range(3):
        program.make(Step, (), {})
    assert alive
