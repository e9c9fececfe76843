"""Timing of calls within one process: warm up, synchronise, repeat; median and quartiles.

Host and device time are measured separately. The *host* time of a call is what Python needs to enqueue it, the *device*
time what passes until it is done, by CUDA events as in cupyx.profiler.benchmark; on the CPU the two are the same.
Several calls are timed in turns, so that a slow moment of the machine affects all of them alike.
"""

import statistics
import time
from dataclasses import dataclass

import numpy as np

from npae.backend import gpu_module, synchronize, to_device

SHORTEST = 5e-4  # seconds of one measurement: short calls are repeated until they fill it
FEWEST, MOST = 3, 500  # number of measurements, for any budget


@dataclass(frozen=True)
class Timing:
    """Seconds per call, one entry per measurement: host[k] to enqueue it, device[k] until it was done."""

    host: tuple
    device: tuple

    @property
    def median(self):
        """Median seconds until the call is done."""
        return statistics.median(self.device)

    @property
    def quartiles(self):
        """Lower and upper quartile of the seconds until the call is done."""
        low, _, high = statistics.quantiles(self.device, n=4, method="inclusive")
        return low, high

    def summary(self):
        """For the JSON file: median, quartiles and the median of the host, in seconds; the number of measurements."""
        return {
            "seconds": self.median, "quartiles": list(self.quartiles),
            "host_seconds": statistics.median(self.host), "measurements": len(self.device),
        }  # fmt: skip


def clock(call, device="cpu", seconds=0.2):
    """The Timing of call(), measured for about `seconds`."""
    return in_turns({"it": call}, device, seconds)["it"]


def in_turns(calls, device="cpu", seconds=0.2):
    """{name: Timing} of {name: call}, about `seconds` for each call, in turns."""
    counts = {name: _repeats(call, device) for name, call in calls.items()}
    taken, began = {name: [] for name in calls}, time.perf_counter()
    for turn in range(MOST):
        if turn >= FEWEST and time.perf_counter() - began > seconds * len(calls):
            break
        for name in list(calls)[:: 1 if turn % 2 else -1]:  # the order is reversed in every turn
            taken[name].append(_measure(calls[name], counts[name], device))
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in taken.items()}


def _repeats(call, device):
    """Number of calls per measurement. The first call, which compiles and allocates, is not counted."""
    call()
    _, once = _measure(call, 1, device)
    return max(1, min(1000, int(SHORTEST / max(once, 1e-9))))


def _measure(call, count, device):
    """(host, device) seconds per call, over `count` calls made now, on an idle device."""
    synchronize(device)
    done = _start_events() if device == "gpu" else None
    began = time.perf_counter()
    for _ in range(count):
        call()
    host = (time.perf_counter() - began) / count
    return host, done() / count if done else host


def _start_events():
    """Record a CUDA event. Returns a function that waits for the GPU and returns the seconds since the event."""
    cuda = gpu_module().cuda
    start, end = cuda.Event(), cuda.Event()
    start.record()

    def stop():
        end.record()
        end.synchronize()
        return 1e-3 * cuda.get_elapsed_time(start, end)

    return stop


class Disagreement(Exception):
    """Two programs that should compute the same do not, so that their times cannot be compared."""


def check_same(what, got, expected, tolerance=1e-5):
    """Raise Disagreement unless ‖got − expected‖ ≤ tolerance ‖expected‖, for arrays of any device."""
    got, expected = (to_device(a, "cpu").astype(np.float64) for a in (got, expected))
    if got.shape != expected.shape:
        raise Disagreement(f"{what}: expected an array of shape {expected.shape}, got {got.shape}.")
    error = np.linalg.norm(got - expected) / max(np.linalg.norm(expected), np.finfo(np.float32).tiny)
    if not error <= tolerance:
        raise Disagreement(f"{what}: expected a relative error up to {tolerance:g}, got {error:.2g}.")
