"""Which stream operations go to, and what a capturing stream does with them: writes them down instead of doing them.

Every operation of the double asks `current()` here. Between begin_capture and end_capture it answers with a Capture,
and what would have been done becomes an entry of it; a Graph does all of them at every launch, on the same memory.
"""

import weakref

DISALLOWED = "the current stream is capturing, so synchronous API calls are disallowed"  # CuPy's words
PRIVATE = (
    "the current stream is capturing, and memory of the ordinary pool would be baked into the graph: others get it as "
    "soon as it is freed (a rule of the fake GPU; CuPy lets it pass)"
)

streams = []  # the current streams, innermost last; empty: the null stream
allocators = []  # the pools that new memory comes from, innermost last; the first is the default pool
live = weakref.WeakValueDictionary()  # address -> the memory that begins there, while somebody holds it


class Capture:
    """The operations of a graph in the making, and the memory that its pool keeps for it."""

    def __init__(self):
        self.operations, self.kept, self.invalid = [], [], False

    def write_down(self, operation):
        """Add a function without arguments, to be called at every launch."""
        self.operations.append(operation)


def current():
    """The Capture of the current stream, or None if operations are done as usual."""
    return streams[-1].capture if streams else None


def allocated(memory):
    """Take note of new device memory (a NumPy array): who gave it, and that it lives."""
    capture = current()
    if capture is not None:
        if len(allocators) == 1:
            raise RuntimeError(PRIVATE)
        capture.kept.append(memory)  # freed memory stays in the graph's pool
    allocators[-1].take(memory)
    live[memory.ctypes.data] = memory


def is_live(address, nbytes):
    """Whether [address, address + nbytes) lies within memory that somebody holds."""
    return any(
        start <= address and address + nbytes <= start + memory.nbytes for start, memory in list(live.items())
    )
