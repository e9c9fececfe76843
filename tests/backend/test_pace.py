"""Pace: the faster of two ways, on machines whose seconds per step are given."""

import pytest

from npae.backend.pace import HOPELESS, LATEST, UNCOUNTED, Pace

QUIET, DISTURBED = {True: 1.3e-3, False: 1.7e-3}, {True: 97e-3, False: 2.3e-3}


def seconds_of(pace, machine, seconds):
    """Steps of a machine for some seconds. Returns (their seconds, the seconds of as many steps by the faster way)."""
    spent, steps = 0.0, 0
    while spent < seconds:
        took = machine[pace.shared]
        pace.add(took)
        spent, steps = spent + took, steps + 1
    return spent, steps * min(machine.values())


@pytest.mark.parametrize("machine", [QUIET, DISTURBED, {True: 46e-3, False: 90e-3}, {True: 2e-3, False: 2e-3}])
def test_most_steps_are_taken_by_the_faster_way(machine):
    """Trials of the slower way cost some per cent."""
    pace = Pace()
    seconds_of(pace, machine, 2.0)
    spent, least = seconds_of(pace, machine, 60.0)
    assert spent < 1.03 * least


def test_first_steps():
    """All threads begin; one takes the second block, and the faster way the third. Two steps of each do not count."""
    pace, ways = Pace(), []
    for _ in range(60):
        ways.append(pace.shared)
        pace.add(QUIET[pace.shared])
    assert ways == [True] * 26 + [False] * 20 + [True] * 14


def test_a_disturbance_and_its_end_are_noticed():
    """It changes to one thread at once, and back after a rest of at most ten seconds."""
    pace = Pace()
    seconds_of(pace, QUIET, 5.0)
    assert pace.shared
    spent, least = seconds_of(pace, DISTURBED, 20.0)
    assert spent < 1.1 * least and not pace.shared
    seconds_of(pace, QUIET, LATEST + 0.1)
    assert pace.shared


def test_one_step_ends_a_hopeless_trial():
    """A step that takes many times as long as the other way's is enough, once steps count."""
    pace = Pace()
    while pace.shared:
        pace.add(1e-3)
    for _ in range(UNCOUNTED):
        pace.add(1e-3)
    assert not pace.shared
    pace.add(HOPELESS * 1e-3 * 1.01)
    assert pace.shared


def test_threads_that_wake_up_slowly_do_not_count():
    """The first step of several threads after a change takes some milliseconds more."""
    pace, before = Pace(), True
    shared = 0
    for _ in range(2000):
        pace.add(QUIET[pace.shared] + (5e-3 if pace.shared and not before else 0))
        before = pace.shared
        shared += pace.shared
    assert shared > 1900


@pytest.mark.parametrize("after", [30, 100])
def test_a_pause_does_not_count(after):
    """A second in which something is compiled is no reason to change; a large step of half a second is no pause."""
    pace = Pace()
    ways = []
    for k in range(400):
        ways.append(pace.shared)
        pace.add(1.0 if k == after else QUIET[pace.shared])
    assert sum(ways) > 340 and all(ways[-40:])
    large = Pace()
    for _ in range(100):
        large.add(0.5 if large.shared else 0.9)
    assert large.shared


def test_means_are_compared():
    """A few long steps are what being disturbed looks like: the median would not see them."""
    pace = Pace()
    for k in range(4000):
        pace.add((40e-3 if k % 8 == 0 else 1e-3) if pace.shared else 2e-3)
    assert not pace.shared
