"""Streams, events, graphs and memory pools of the fake cupy.cuda.

The fake device finishes every operation before the call returns, so waiting is only counted. A capturing stream
executes nothing and only records. The order between streams is not checked: npae uses one stream at a time.
"""

import itertools
import time
import weakref
from contextlib import contextmanager

from tests.fake_gpu import capture
from tests.fake_gpu.counters import bump

_numbers = itertools.count(0x1000, 0x1000)
by_pointer = weakref.WeakValueDictionary()  # pointer, the argument of cublasSetStream -> the Stream


class Stream:
    """cupy.cuda.Stream."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(_numbers)
        self.capture = None
        by_pointer[self.ptr] = self

    def synchronize(self):
        """Counted as one synchronisation. It makes a capture invalid."""
        if self.capture is not None:
            self.capture.invalid = True
            raise RuntimeError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")
        bump("syncs")

    def record(self, event=None):
        """Put an event (a new one by default) into the stream and return it."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event):
        """Device-side waiting: no synchronisation."""

    def use(self):
        """Make this the current stream."""
        capture.streams[-1:] = [self]
        return self

    def begin_capture(self, mode=None):
        """From now on, record the operations of this stream instead of executing them."""
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.capture is not None:
            raise RuntimeError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        self.capture = capture.Capture()

    def end_capture(self):
        """The Graph of the recorded operations."""
        captured, self.capture = self.capture, None
        if captured is None:
            raise RuntimeError("cudaErrorIllegalState: the operation cannot be performed in the present state")
        if captured.invalid:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated: operation failed due to a previous error")
        return Graph(captured)

    def is_capturing(self):
        """Is this between begin_capture and end_capture?"""
        return self.capture is not None

    def __enter__(self):
        capture.streams.append(self)
        return self

    def __exit__(self, *exception):
        capture.streams.pop()


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    """The stream that new operations are queued on."""
    return capture.streams[-1] if capture.streams else Stream.null


class Event:
    """cupy.cuda.Event; its time is the host's."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.time = None

    def record(self, stream=None):
        """Remember the time."""
        self.time = time.perf_counter()

    def synchronize(self):
        """Counted as one synchronisation."""
        bump("syncs")


class Graph:
    """cupy.cuda.Graph: the operations of a capture."""

    def __init__(self, captured):
        self._captured = captured

    def launch(self, stream=None):
        """Execute all operations; counted as one launch."""
        bump("kernels")
        for operation in self._captured.operations:
            operation()

    def upload(self, stream=None):
        """The fake GPU has nothing to prepare."""


class MemoryPool:
    """cupy.cuda.MemoryPool: how many bytes are in use. total_bytes is the maximum so far."""

    def __init__(self, allocator=None):
        self._used = self._total = 0

    def malloc(self, size):
        """Only for using_allocator: the fake GPU makes no arrays from pointers."""
        raise NotImplementedError("the fake GPU makes no arrays from pointers")

    def take(self, memory):
        """Count `memory` as this pool's, as long as it is referenced."""
        self._used += memory.nbytes
        self._total = max(self._total, self._used)
        weakref.finalize(memory, self._give_back, memory.nbytes).atexit = False

    def _give_back(self, nbytes):
        self._used -= nbytes

    def used_bytes(self):
        """Bytes in use."""
        return self._used

    def total_bytes(self):
        """The most bytes that were in use at once: a real pool keeps them."""
        return self._total

    def free_all_blocks(self, stream=None):
        """Free all memory that is not in use."""
        self._total = self._used

    def n_free_blocks(self):
        """Not counted here."""
        return 0


POOL = MemoryPool()
capture.allocators.append(POOL)


@contextmanager
def using_allocator(allocator=None):
    """While the block runs, new arrays come from the pool whose `malloc` is given."""
    capture.allocators.append(allocator.__self__)
    try:
        yield
    finally:
        capture.allocators.pop()
