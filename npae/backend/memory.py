"""Memory: the intermediate arrays of a training step are allocated once, and every later step uses them again.

An array obtained within a frame of an Arena belongs to that frame: the next step writes over it, so copy whatever must
outlive the step. An array obtained outside of any frame is the caller's own, as with NumPy.

A step requests the same arrays in the same order every time. So the k-th request of a step is given the array of the
k-th request of the step before, if shape and dtype are the same. After the first step nothing is allocated any more,
the arrays stay in the cache, and on a GPU their addresses never change, which a CUDA graph needs.

    arena = Arena()
    for x in batches:
        with arena.frame(len(x)):           # one set of arrays per batch size
            model.backpropagate(x)          # the layers call empty(...)

Layers stay re-entrant: two calls of one layer within a step make two requests, and get two arrays.

Images have the shape (B, C, H, W). Between convolutions their channels are last in memory (the layout NHWC): the C
numbers of a pixel are adjacent, as an im2col matrix product produces them (npae.layers.conv). `images` and `pixels` are
the two views of the same memory. Code that does not depend on the order in memory sees an array (B, C, H, W) as usual.
"""

import math
import threading
from contextlib import contextmanager

import numpy as np

from npae.backend.arrays import array_module

LINE = 64  # bytes of a cache line

_current = threading.local()  # .frame: the open frame of this thread, if any


def empty(shape, like, dtype=None):
    """An uninitialised array on the device of `like`, of its dtype unless another is given.

    Within a frame it is the frame's next array.
    """
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
    """Is this an array of images (B, C, H, W) whose channels are last in memory?"""
    return array.ndim == 4 and not array.flags.c_contiguous and array.transpose(0, 2, 3, 1).flags.c_contiguous


def images(array):
    """The view (B, C, H, W) of an array (B, H, W, C)."""
    return array.transpose(0, 3, 1, 2)


def pixels(x):
    """The images x (B, C, H, W) as a contiguous array (B, H, W, C): a view if channels are last in memory, else a copy.
    """
    return contiguous(x.transpose(0, 2, 3, 1))


def flat(array):
    """All numbers of `array` as a vector: a view, in the order of memory, if they are contiguous; else a copy."""
    return (pixels(array) if is_channels_last(array) else contiguous(array)).reshape(-1)


def contiguous(array):
    """`array` C-contiguous, in the order of its axes: the array itself if it is so already, else a copy."""
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

    So no read of 64 bytes touches two lines. NumPy's own arrays often begin 16 bytes into a line; over 490,000
    parameters Adam takes a tenth longer there.
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
    """A vector of n ones, on the device of `like` and of its dtype. Within a frame it is shared: do not write to it."""
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).ones(n, like.dtype)
    key = n, like.dtype, type(like)
    if key not in frame.constants:
        frame.constants[key] = array_module(like).ones(n, like.dtype)
    return frame.constants[key]


class _Frame:
    """The arrays of one step, in the order of its requests, and its vectors of ones."""

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
    """The arrays of one training loop: one frame per key, such as the batch size.

    Only the `max_frames` keys used last are remembered, so memory does not grow with the number of steps.
    """

    def __init__(self, max_frames=4):
        self.max_frames = max_frames
        self._frames = {}

    @contextmanager
    def frame(self, key):
        """While the block runs, `empty` in this thread returns the arrays kept under `key`, beginning with the first.

        They belong to the frame: copy what must outlive the block.
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
