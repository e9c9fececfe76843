"""The current device: how many there are, and which one this thread uses.

There is one unless the environment variable NPAE_FAKE_GPUS has another number, or a test asks for more:

    with current.several(2):
        fake_cupy.cuda.Device(1).use()
"""

import os
import threading
from contextlib import contextmanager

_count = [int(os.environ.get("NPAE_FAKE_GPUS", "1"))]  # innermost last
_used = threading.local()  # as in CUDA, each thread has its own current device


def count():
    """The number of devices."""
    return _count[-1]


def device():
    """The number of this thread's current device."""
    return getattr(_used, "device", 0)


def checked(number):
    """The number of an existing device. Raises RuntimeError for another one."""
    if not 0 <= number < count():
        raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    return number


def use(number):
    """Make this the thread's current device."""
    _used.device = checked(number)


@contextmanager
def several(number):
    """While the block runs, there are `number` devices. Afterwards this thread uses the device that it used before."""
    before = device()
    _count.append(number)
    try:
        yield
    finally:
        _count.pop()
        _used.device = before
