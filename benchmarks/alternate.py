"""Alternating timing: several programs take turns on a noisy machine, each in a process of its own.

Separate processes keep the thread pools of the contenders apart. A contender that waits for its turn is blocked on a
pipe and uses no core, and a turn ends only when the threads of its process sleep: OpenBLAS' threads keep spinning for
tens of milliseconds after a product. There are many turns, so that a slow minute of the machine affects all contenders
alike; the result is the median of the ratios, turn by turn.

A contender's program is a *step*: an object made in the process, whose call takes one training step (or `steps` of
them, if it has that attribute). On a device that computes asynchronously, step.wait() returns when the work is done.
step.first_steps(), if it exists, takes the first steps and returns what they computed, for validation.
"""

import multiprocessing
import signal
import statistics
import time
from itertools import count
from typing import NamedTuple

SETTLE = 0.1  # seconds of steps before the clock starts: they refill the caches and wake the threads
LOOK, LOOKS = 0.02, 50  # seconds between two checks whether all threads sleep, and the largest number of checks
ENQUEUED = 8  # steps over which the host alone is timed: few, since a full queue of the device makes the host wait


class NotMeasured(Exception):
    """A contender could not be timed; the message is the reason."""


class Turn(NamedTuple):
    """Seconds per step: until the device was done, and until the host had only enqueued it (the same on a CPU)."""

    seconds: float
    host: float


class _Program:
    """What runs in the process: a step, and the clock around it."""

    def make(self, kind, args, options):
        """Make the step and take it. Returns what first_steps returned, or None."""
        self.step = None  # free the previous one first: two may not fit on a device
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


def _serve(pipe):
    """Answer requests (method, arguments) until None arrives, with (True, result) or (False, error message)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends this one
    program = _Program()
    while (request := pipe.recv()) is not None:
        method, *arguments = request
        try:
            pipe.send((True, getattr(program, method)(*arguments)))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"))


class Contender:
    """A process that makes steps of `kind`, a class or a function at the top of a module, and takes them in turns.

    One process may run many workloads, one after the other. Every method raises NotMeasured if the step fails.
    """

    def __init__(self, kind):
        self._kind, self.first = kind, None
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def make(self, *args, **options):
        """Make kind(*args, **options) and take it; `first` is what its first_steps returned."""
        self.first = self._request("make", self._kind, args, options)

    def warm_up(self, seconds):
        """Take steps for `seconds`: compilers compile, thread pools start, caches fill, the processor clock rises."""
        self._request("run", seconds)

    def turn(self, seconds=None):
        """The Turn of about `seconds` of steps taken now, or of one call of the step."""
        return self._request("turn", seconds)

    def ask(self, method, *args):
        """What step.method(*args) returns."""
        return self._request("ask", method, *args)

    def _request(self, *request):
        try:
            self._pipe.send(request)
            good, result = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            raise NotMeasured(f"its process ended, with exit status {self._process.exitcode}") from None
        if not good:
            raise NotMeasured(result)
        return result

    def close(self):
        """End the process."""
        try:
            self._pipe.send(None)
        except OSError:
            pass  # it has ended already
        self._process.join()


def measure(contenders, turns, seconds=None):
    """{name: [Turn, …]}, one per turn, of warm contenders {name: Contender}; `seconds` of steps per turn, or one call.

    The order rotates and reverses, so that no contender always has the same position or the same predecessor.
    """
    times, names = {name: [] for name in contenders}, list(contenders)
    for turn in range(turns):
        k = turn // 2 % len(names)
        for name in (names[k:] + names[:k])[:: -1 if turn % 2 else 1]:
            times[name].append(contenders[name].turn(seconds))
    return times


def summary(values):
    """(median, lower quartile, upper quartile) of at least two numbers."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high


def ratios(theirs, ours):
    """Their seconds divided by ours, turn by turn, for two lists of Turns."""
    return [a.seconds / b.seconds for a, b in zip(theirs, ours, strict=True)]
