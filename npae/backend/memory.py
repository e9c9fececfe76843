"""Where a training step's intermediate arrays come from.

A step asks for the same arrays in the same order every time, so an Arena remembers them: the k-th request of a step
is answered with the array of the k-th request of the step before. After the first step the large arrays of a step are
always the same: they stay in the cache, nobody asks the system for memory, and (on a GPU) their addresses never change.

    arena = Arena()
    for x in batches:
        with arena.frame(len(x)):           # one set of buffers for each batch size
            model.backpropagate(x)          # layers call memory.empty(...)

Layers stay re-entrant: two calls in one step make two requests and get two arrays. Outside of a frame `empty`
allocates as NumPy does, so an array that leaves a layer in ordinary use is the caller's own.

Images have the shape (B, C, H, W), and in memory, between convolutions, their channels last: the C numbers of a pixel
lie side by side, as a product of matrices with one row a pixel leaves them (npae.layers.conv). `images` and `pixels`
go from one view to the other, for nothing; whoever does not care sees an array of the shape (B, C, H, W).
"""

import math
import threading
from contextlib import contextmanager

import numpy as np

from npae.backend.arrays import array_module

LINE = 64  # bytes of a cache line

_current = threading.local()  # .frame: the open frame of this thread, if any


def empty(shape, like, dtype=None):
    """An uninitialised array on the device of `like`, of its dtype unless another is given."""
    dtype = like.dtype if dtype is None else dtype
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).empty(shape, dtype)
    return frame.next(shape, dtype, like)


def empty_like(array):
    """An uninitialised array of the shape, dtype, device and order in memory of `array`."""
    if is_channels_last(array):
        return images(empty(pixels(array).shape, array))
    return empty(array.shape, array)


def is_channels_last(array):
    """Are these images (B, C, H, W) whose channels are last in memory?"""
    return array.ndim == 4 and not array.flags.c_contiguous and array.transpose(0, 2, 3, 1).flags.c_contiguous


def images(array):
    """The view (B, C, H, W) of an array (B, H, W, C)."""
    return array.transpose(0, 3, 1, 2)


def pixels(x):
    """Images x (B, C, H, W) as a contiguous array (B, H, W, C): a view where channels are last in memory, or a copy."""
    return contiguous(x.transpose(0, 2, 3, 1))


def flat(array):
    """The numbers of `array` one after the other: a view, as they lie in memory, or else a copy."""
    return (pixels(array) if is_channels_last(array) else contiguous(array)).reshape(-1)


def contiguous(array):
    """`array` in the order of its axes: itself where it lies so in memory, else a copy."""
    if array.flags.c_contiguous:
        return array
    copy = empty(array.shape, array)
    copy[...] = array
    return copy


def rows(a):
    """`a` as a matrix with one row per sample: (B, features)."""
    return contiguous(a).reshape(len(a), -1)


def zeros_like(array):
    """Zeros of the shape and dtype of `array`, on its device."""
    xp = array_module(array)
    return aligned(array.shape, array.dtype, 0) if xp is np else xp.zeros(array.shape, array.dtype)


def aligned(shape, dtype, value=None):
    """A NumPy array, filled with `value` or uninitialised, that begins at a cache line.

    So no read of 64 bytes touches two lines. The system's memory begins 16 bytes into one, where Adam takes a tenth
    longer over 490,000 parameters.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    array = memory[start : start + size].view(dtype).reshape(shape)
    if value is not None:
        array.fill(value)
    return array


def ones(n, like):
    """n ones, on the device of `like` and of its dtype. A frame's callers share them: not to be written into."""
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).ones(n, like.dtype)
    key = n, like.dtype, type(like)
    if key not in frame.constants:
        frame.constants[key] = array_module(like).ones(n, like.dtype)
    return frame.constants[key]


class _Frame:
    """The buffers of one step, in the order in which they were asked for, and the vectors of ones that it reads."""

    def __init__(self):
        self.buffers = []
        self.constants = {}
        self.position = 0

    def next(self, shape, dtype, like):
        k = self.position
        self.position = k + 1
        if k < len(self.buffers):
            buffer = self.buffers[k]
            if buffer.shape == shape and buffer.dtype == dtype and type(buffer) is type(like):
                return buffer
        xp = array_module(like)
        buffer = aligned(shape, dtype) if xp is np else xp.empty(shape, dtype)
        self.buffers[k : k + 1] = [buffer]
        return buffer


class Arena:
    """Buffers for the steps of one training loop, kept apart by a key such as the batch size.

    At most `max_frames` keys are remembered, the latest used: memory does not grow with the number of steps.
    """

    def __init__(self, max_frames=4):
        self.max_frames = max_frames
        self._frames = {}

    @contextmanager
    def frame(self, key):
        """While the block runs, `empty` in this thread hands out the buffers kept under `key`, from the first on.

        Arrays obtained inside belong to the frame: copy what must outlive it.
        """
        frame = self._frames.pop(key, None) or _Frame()
        self._frames[key] = frame
        while len(self._frames) > self.max_frames:
            del self._frames[next(iter(self._frames))]
        frame.position = 0
        outer = getattr(_current, "frame", None)
        _current.frame = frame
        try:
            yield frame
        finally:
            _current.frame = outer

    @property
    def nbytes(self):
        """Bytes held, over all frames."""
        return sum(buffer.nbytes for frame in self._frames.values() for buffer in frame.buffers)
