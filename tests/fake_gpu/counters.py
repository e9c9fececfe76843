"""Counters of the fake GPU: launches and allocations, and synchronisations and uploads, which a step must not make.

A synchronisation makes the host wait for the device; an upload copies host memory to it. Both are cheap on a CPU and
dominate the time on a GPU. The double counts them, so "a training step makes none" becomes an assertion.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from tests.fake_gpu import capture


@dataclass
class Counters:
    """Numbers since the counter began.

    syncs: reads of device values (float, bool, int, item, get, tolist, repr, boolean-mask reads, synchronize).
    uploads: host memory copied to the device (asarray, array, set, host index arrays and lists).
    allocations: new device arrays (a real pool serves many of them without cudaMalloc).
    kernels: launches, approximately: one per operation, although a real `mean` or `dot` may take two.
    """

    syncs: int = 0
    uploads: int = 0
    allocations: int = 0
    kernels: int = 0

    def reset(self):
        """Start again from zero."""
        self.syncs = self.uploads = self.allocations = self.kernels = 0


total = Counters()
_active = [total]


def bump(name, n=1):
    """Add n to the counter `name` of all active Counters. A synchronisation or upload in a capture is refused."""
    if name in ("syncs", "uploads") and capture.current() is not None:
        raise RuntimeError(capture.DISALLOWED)
    for counters in _active:
        setattr(counters, name, getattr(counters, name) + n)


def allocated(array):
    """Count a new device array, and give its `_a`, a NumPy array, the memory that it has from now on."""
    array._a = capture.allocated(array._a, array)
    bump("allocations")


@contextmanager
def count():
    """`with count() as c:` counts in c what happens in the block; blocks may nest."""
    counters = Counters()
    _active.append(counters)
    try:
        yield counters
    finally:
        _active[:] = [c for c in _active if c is not counters]
