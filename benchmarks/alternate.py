"""Alternating timing: several programs take turns on a noisy machine, those of different frameworks in processes.

Separate processes (contender.py) keep the thread pools of the frameworks apart. A contender that waits for its turn
uses no core, and a turn ends only when the threads of its process sleep: OpenBLAS' threads keep spinning for tens of
milliseconds after a product. There are many turns, so that a slow minute of the machine affects all contenders alike;
the result is the median of the ratios, turn by turn.

A contender's program is a *step*: an object made in the process, whose call takes one training step (or `steps` of
them, if it has that attribute). On a device that computes asynchronously, step.wait() returns when the work is done.
step.first_steps(), if it exists, takes the first steps and returns what they computed, for validation.
"""

import math
import statistics
import time
from itertools import count
from typing import NamedTuple

SETTLE = 0.1  # seconds of steps before the clock starts: they refill the caches and wake the threads
LOOK, LOOKS = 0.02, 50  # seconds between two checks whether all threads sleep, and the largest number of checks
FEWEST = 2  # turns that quartiles need
ENQUEUED = 8  # steps over which the host alone is timed: few, since a full queue of the device makes the host wait


class NotMeasured(Exception):
    """A contender could not be timed; the message is the reason."""


class Turn(NamedTuple):
    """Seconds per step: until the device was done, and until the host had only enqueued it (the same on a CPU)."""

    seconds: float
    host: float


class Program:
    """A step, and the clock around it: what runs in the process of a contender."""

    def make(self, kind, args, options):
        """Make the step and take it. Returns what first_steps returned, or None."""
        self.step = self.wait = None  # free the previous one first: two may not fit on a device
        self.step = kind(*args, **options)
        self.steps, self.wait = getattr(self.step, "steps", 1), getattr(self.step, "wait", lambda: None)
        first = self.step.first_steps() if hasattr(self.step, "first_steps") else self.step()
        self.wait()
        return first

    def run(self, seconds):
        """Take steps for `seconds`. Returns the mean seconds per call."""
        began = time.perf_counter()
        for calls in count(1):
            self.step()
            self.wait()
            if (elapsed := time.perf_counter() - began) >= seconds:
                return elapsed / calls

    def turn(self, seconds):
        """The Turn of about `seconds` of steps, after settling; if `seconds` is None, of one call without settling."""
        calls = 1 if seconds is None else max(1, round(seconds / self.run(SETTLE)))
        probes = min(calls, ENQUEUED)
        began = time.perf_counter()
        for _ in range(probes):
            self.step()
        enqueued = time.perf_counter()
        for _ in range(calls - probes):
            self.step()
        self.wait()
        done = time.perf_counter()
        self._sleep()
        return Turn((done - began) / calls / self.steps, (enqueued - began) / probes / self.steps)

    def _sleep(self):
        """Wait until the threads of this process use less than a tenth of a core, for one second at most."""
        for _ in range(LOOKS):
            before = time.process_time()
            time.sleep(LOOK)
            if time.process_time() - before < LOOK / 10:
                return

    def ask(self, method, *args):
        """step.method(*args)."""
        return getattr(self.step, method)(*args)


def measure(contenders, turns, seconds=None, deadline=math.inf, failed=None):
    """{name: [Turn, …]}, one per turn, of warm contenders {name: Contender}; `seconds` of steps per turn, or one call.

    The order rotates and reverses, so that no contender always has the same position or the same predecessor. After
    the deadline, by time.monotonic(), no turn begins, apart from the FEWEST that quartiles need. A contender that fails
    is left out, and its reason added to `failed`; without `failed` NotMeasured is raised.
    """
    times, names = {name: [] for name in contenders}, list(contenders)
    for turn in range(turns):
        if turn >= FEWEST and time.monotonic() > deadline:
            break
        k = turn // 2 % max(1, len(names))
        for name in (names[k:] + names[:k])[:: -1 if turn % 2 else 1]:
            try:
                times[name].append(contenders[name].turn(seconds))
            except NotMeasured as reason:
                if failed is None:
                    raise
                failed[name] = str(reason)
                names.remove(name)
                del times[name]
    return times


def summary(values):
    """(median, lower quartile, upper quartile) of at least two numbers."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high


def ratios(theirs, ours):
    """Their seconds divided by ours, turn by turn, for two lists of Turns."""
    return [a.seconds / b.seconds for a, b in zip(theirs, ours, strict=True)]
