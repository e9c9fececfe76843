"""Memory pools of the fake cupy.cuda: bytes in use, bytes kept, and bytes that a dropped pool never gives back.

As in CuPy, memory that is no longer referenced goes back to its pool, which keeps it until free_all_blocks(). A pool
that is dropped before keeps it forever: in CuPy 14.2 the free blocks of a pool own their arena and the arena owns them,
by references that the garbage collector cannot see. `leaked_bytes()` is the sum of such bytes.
"""

import weakref
from collections import defaultdict
from contextlib import contextmanager

import numpy as np

from tests.fake_gpu import capture, current

_leaked = [0]


def leaked_bytes():
    """Bytes of all pools that were dropped without free_all_blocks(), since the process began."""
    return _leaked[0]


class Blocks:
    """The bytes of a pool on one device.

    used: in use. kept: the most that were used at once since the last freeing. of_graphs: the part of `used` that was
    allocated in a capture. A real pool has it back as soon as the arrays are gone, the double once the graph is gone.
    """

    def __init__(self):
        self.used = self.kept = self.of_graphs = 0

    def take(self, nbytes, of_graphs):
        """Bytes come into use."""
        self.used += nbytes
        self.of_graphs += of_graphs
        self.kept = max(self.kept, self.used)

    def give_back(self, nbytes, of_graphs):
        """Bytes go out of use, and are kept."""
        self.used -= nbytes
        self.of_graphs -= of_graphs

    def free(self):
        """Give back to the device what is not in use."""
        self.kept = self.used


def _dropped(devices):
    _leaked[0] += sum(blocks.kept - blocks.used + blocks.of_graphs for blocks in devices.values())


class MemoryPool:
    """cupy.cuda.MemoryPool. One pool serves all devices; the numbers are those of the current one."""

    def __init__(self, allocator=None):
        self._devices = defaultdict(Blocks)
        self._end = np.empty(0)  # dies after all __del__ of a cycle that the pool is in: they may free its blocks
        weakref.finalize(self._end, _dropped, self._devices).atexit = False

    @property
    def _blocks(self):
        return self._devices[current.device()]

    def malloc(self, size):
        """Only for using_allocator: the fake GPU makes no arrays from pointers."""
        raise NotImplementedError("the fake GPU makes no arrays from pointers")

    def take(self, memory):
        """Count `memory` as this pool's, as long as it is referenced."""
        sizes = memory.nbytes, memory.nbytes if capture.current() is not None else 0
        self._blocks.take(*sizes)
        weakref.finalize(memory, self._blocks.give_back, *sizes).atexit = False

    def used_bytes(self):
        """Bytes in use."""
        return self._blocks.used

    def free_bytes(self):
        """Bytes that are kept and not in use."""
        return self._blocks.kept - self._blocks.used

    def total_bytes(self):
        """Bytes that the pool has from the device, in use or kept."""
        return self._blocks.kept

    def free_all_blocks(self, stream=None):
        """Free all memory that is not in use."""
        for blocks in self._devices.values():
            blocks.free()

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
