"""A clock for calls within one process: warm up, synchronise, repeat; the median, and how much it varies.

Host and device time are kept apart. The *host* time of a call is what Python needs to ask for it, the *device* time
what passes until it is done, by CUDA events as in cupyx.profiler.benchmark; on the CPU the two are the same. Whoever
asks for several times at once gets them by turns, so that a slow moment of the machine meets all of them alike.
"""

import statistics
import time
from dataclasses import dataclass

import numpy as np

from npae.backend import Arena, gpu_module, synchronize, to_device

SHORTEST = 5e-4  # seconds of one measurement: short calls are repeated until they fill it
FEWEST, MOST = 3, 500  # measurements, whatever the budget


@dataclass(frozen=True)
class Timing:
    """Seconds a call, one entry for each measurement: host[k] to ask for it, device[k] until it was done."""

    host: tuple
    device: tuple

    @property
    def median(self):
        """Seconds until it is done, the middle one."""
        return statistics.median(self.device)

    @property
    def best(self):
        """Seconds until it is done, the least: what a ceiling is made of."""
        return min(self.device)

    @property
    def quartiles(self):
        """The seconds that a quarter, and three quarters, of the measurements stay below."""
        low, _, high = statistics.quantiles(self.device, n=4, method="inclusive")
        return low, high

    def summary(self):
        """What a JSON file keeps: median, quartiles, the host's median, all in seconds, and how often."""
        return {
            "seconds": self.median, "quartiles": list(self.quartiles),
            "host_seconds": statistics.median(self.host), "measurements": len(self.device),
        }  # fmt: skip


def in_a_frame(*calls):
    """A function that makes these calls as in a training step: their arrays come from an arena of its own."""
    arena = Arena()

    def run():
        with arena.frame(0):
            for call in calls:
                call()

    return run


def clock(call, device="cpu", seconds=0.2):
    """The Timing of call(), measured for about `seconds`."""
    return by_turns({"it": call}, device, seconds)["it"]


def by_turns(calls, device="cpu", seconds=0.2):
    """{name: Timing} of {name: call}, every call for about `seconds`, by turns."""
    counts = {name: _how_many(call, device) for name, call in calls.items()}
    taken, began = {name: [] for name in calls}, time.perf_counter()
    for turn in range(MOST):
        if turn >= FEWEST and time.perf_counter() - began > seconds * len(calls):
            break
        for name in list(calls)[:: 1 if turn % 2 else -1]:  # nobody always comes after the same one
            taken[name].append(_measure(calls[name], counts[name], device))
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in taken.items()}


def _how_many(call, device):
    """Calls that fill a measurement, after a first one that compiles, allocates and is not counted."""
    call()
    _, once = _measure(call, 1, device)
    return max(1, min(1000, int(SHORTEST / max(once, 1e-9))))


def _measure(call, count, device):
    """(host, device) seconds a call, over `count` calls made now, on an idle device."""
    synchronize(device)
    done = _device_watch() if device == "gpu" else None
    began = time.perf_counter()
    for _ in range(count):
        call()
    host = (time.perf_counter() - began) / count
    return host, done() / count if done else host


def _device_watch():
    """Start the GPU's own clock; calling what is returned waits for the GPU and gives the seconds that it took."""
    cuda = gpu_module().cuda
    start, end = cuda.Event(), cuda.Event()
    start.record()

    def stop():
        end.record()
        end.synchronize()
        return 1e-3 * cuda.get_elapsed_time(start, end)

    return stop


class Disagreement(Exception):
    """Two programs that should compute the same do not: there is nothing to compare."""


def check_same(what, got, expected, tolerance=1e-5):
    """Raise Disagreement unless ‖got − expected‖ ≤ tolerance ‖expected‖, for arrays of any device: validate first."""
    got, expected = (to_device(a, "cpu").astype(np.float64) for a in (got, expected))
    if got.shape != expected.shape:
        raise Disagreement(f"{what}: expected an array of shape {expected.shape}, got {got.shape}.")
    error = np.linalg.norm(got - expected) / max(np.linalg.norm(expected), np.finfo(np.float32).tiny)
    if not error <= tolerance:
        raise Disagreement(f"{what}: expected the same numbers to {tolerance:g}, they differ by {error:.2g}.")
