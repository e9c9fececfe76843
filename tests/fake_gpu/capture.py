"""Stream capture: a capturing stream records operations instead of executing them.

Every operation of the double calls `current()`. Between begin_capture and end_capture this returns a Capture, and the
operation is recorded there. A Graph executes all recorded operations at every launch, on the same memory.
"""

import weakref

DISALLOWED = "the current stream is capturing, so synchronous API calls are disallowed"  # CuPy's words
PRIVATE = (
    "the current stream is capturing, and memory of the ordinary pool would be baked into the graph: others get it as "
    "soon as it is freed (a rule of the fake GPU; CuPy accepts it)"
)

streams = []  # the current streams, innermost last; empty: the null stream
allocators = []  # the pools that new memory comes from, innermost last; the first is the default pool
live = weakref.WeakValueDictionary()  # address -> the memory that begins there, while it is referenced


class Capture:
    """The operations recorded so far, and the memory that the graph's pool keeps."""

    def __init__(self):
        self.operations, self.kept, self.invalid = [], [], False

    def record(self, operation):
        """Add a function without arguments, to be called at every launch."""
        self.operations.append(operation)


def current():
    """The Capture of the current stream, or None if operations are executed."""
    return streams[-1].capture if streams else None


def allocated(memory):
    """Register new device memory (a NumPy array) with its pool, and as live."""
    capture = current()
    if capture is not None:
        if len(allocators) == 1:
            raise RuntimeError(PRIVATE)
        capture.kept.append(memory)  # freed memory stays in the graph's pool
    allocators[-1].take(memory)
    live[memory.ctypes.data] = memory


def is_live(address, nbytes):
    """Does [address, address + nbytes) lie within live memory?"""
    return any(
        start <= address and address + nbytes <= start + memory.nbytes for start, memory in list(live.items())
    )
