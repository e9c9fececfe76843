"""The memory of a capture: freed arrays leave their blocks to later ones of the same stream, as in CuPy's pools.

On one stream that is right, since its operations run in order. An array that a second stream still reads must therefore
be kept until the streams are joined: otherwise the first stream writes over it, and a launch computes wrong numbers.
"""

import weakref
from collections import defaultdict

import numpy as np

UNIT = 512  # bytes: CuPy's blocks are multiples


class Blocks:
    """The free blocks of a capture, by stream and size. `new(nbytes)` makes a block, a NumPy array of bytes."""

    def __init__(self, new):
        self._new, self._free = new, defaultdict(list)

    def forget(self):
        """Hold no block any more: the capture has ended."""
        for free in self._free.values():
            free.clear()

    def place(self, array, owner, stream):
        """The memory for an array like `array`, free again once `owner` is gone."""
        size = max(1, -(-array.nbytes // UNIT)) * UNIT
        free = self._free[stream, size]
        block = free.pop() if free else self._new(size)
        weakref.finalize(owner, free.append, block).atexit = False
        order = "C" if array.flags.c_contiguous else "F" if array.flags.f_contiguous else None
        strides = None if order else array.strides  # those of a result that is contiguous in another order of axes
        place = np.ndarray(array.shape, array.dtype, block, 0, strides, order or "C")
        place[...] = array
        return place
