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
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.typing import Array, DTypeLike

LINE, PAGE = 64, 4096  # bytes of a line of the cache, and of a page of memory
LARGE = 16 * PAGE  # bytes from which arrays begin at different places within their pages

_made = count()  # large arrays
_current = threading.local()  # .frame: the open frame of this thread, if any


def empty(shape: tuple[int, ...], like: Array, dtype: DTypeLike | None = None) -> Array:
    """An uninitialised array. Within a frame it is the frame's next array.

    Args:
        shape: a tuple.
        like: the new array is on the device of this one.
        dtype: None: that of `like`.

    Example:
        >>> import numpy as np
        >>> from npae.backend import empty
        >>> y = empty((5, 3), np.ones(2, np.float32))
        >>> y.shape, str(y.dtype)
        ((5, 3), 'float32')
    """
    dtype = like.dtype if dtype is None else dtype
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).empty(shape, dtype)
    return frame.next(shape, dtype, like)


def empty_like(array: Array) -> Array:
    """An uninitialised array of the shape, dtype, device and order in memory of `array`.

    Args:
        array: an array of either device.

    Example:
        >>> import numpy as np
        >>> from npae.backend import empty_like
        >>> empty_like(np.ones((5, 3))).shape
        (5, 3)
    """
    if is_channels_last(array):
        return images(empty(pixels(array).shape, array))
    return empty(array.shape, array)


def is_channels_last(array: Array) -> bool:
    """Is this an array of images (B, C, H, W) whose channels are last in memory?

    Args:
        array: of any shape; only arrays of four axes can be images.

    Example:
        >>> import numpy as np
        >>> from npae.backend import is_channels_last
        >>> x = np.ones((2, 28, 28, 3)).transpose(0, 3, 1, 2)
        >>> x.shape, bool(is_channels_last(x)), bool(is_channels_last(x.copy()))
        ((2, 3, 28, 28), True, False)
    """
    return array.ndim == 4 and not array.flags.c_contiguous and array.transpose(0, 2, 3, 1).flags.c_contiguous


def images(array: Array) -> Array:
    """The view (B, C, H, W) of an array (B, H, W, C).

    Args:
        array: with its channels last.

    Example:
        >>> import numpy as np
        >>> from npae.backend import images
        >>> images(np.ones((2, 28, 28, 3))).shape
        (2, 3, 28, 28)
    """
    return array.transpose(0, 3, 1, 2)


def pixels(x: Array) -> Array:
    """The images x (B, C, H, W) as a contiguous array (B, H, W, C): a view if channels are last in memory, else a copy.

    Args:
        x: images.

    Example:
        >>> import numpy as np
        >>> from npae.backend import pixels
        >>> pixels(np.ones((2, 3, 28, 28))).shape
        (2, 28, 28, 3)
    """
    return contiguous(x.transpose(0, 2, 3, 1))


def flat(array: Array) -> Array:
    """All numbers of `array` as a vector: a view, in the order of memory, if they are contiguous; else a copy.

    Args:
        array: an array of either device.

    Example:
        >>> import numpy as np
        >>> from npae.backend import flat
        >>> flat(np.ones((5, 3))).shape
        (15,)
    """
    return (pixels(array) if is_channels_last(array) else contiguous(array)).reshape(-1)


def contiguous(array: Array) -> Array:
    """`array` C-contiguous, in the order of its axes: the array itself if it is so already, else a copy.

    Args:
        array: an array of either device.

    Example:
        >>> import numpy as np
        >>> from npae.backend import contiguous
        >>> x = np.ones((5, 3))
        >>> contiguous(x) is x, contiguous(x.T).flags.c_contiguous
        (True, True)
    """
    if array.flags.c_contiguous:
        return array
    copy = empty(array.shape, array)
    copy[...] = array
    return copy


def rows(a: Array) -> Array:
    """`a` as a matrix with one row per sample: (B, features).

    Args:
        a: a batch, (B, …).

    Example:
        >>> import numpy as np
        >>> from npae.backend import rows
        >>> rows(np.ones((2, 3, 28, 28))).shape
        (2, 2352)
    """
    return contiguous(a).reshape(len(a), -1)


def zeros_like(array: Array) -> Array:
    """Zeros of the shape and dtype of `array`, on its device.

    Args:
        array: an array of either device.

    Example:
        >>> import numpy as np
        >>> from npae.backend import zeros_like
        >>> zeros_like(np.ones((2, 2), np.float32)).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    xp = array_module(array)
    return aligned(array.shape, array.dtype, 0) if xp is np else xp.zeros(array.shape, array.dtype)


def aligned(shape: tuple[int, ...], dtype: DTypeLike, value: float | None = None) -> Array:
    """A NumPy array that begins at a cache line.

    So no read of 64 bytes touches two lines. NumPy's own arrays often begin 16 bytes into a line; over 490,000
    parameters Adam takes a tenth longer there.

    Large arrays begin at different places within a page. A processor compares the last twelve bits of addresses: a read
    whose bits are those of a number that is being written waits for it ("4K aliasing"). The system gives large arrays
    whole pages, so without this all of them would begin with the same bits, and a loop that reads one and writes two
    others waits again and again: BatchNorm of 800,000 pixels took three times as long.

    Args:
        shape: a tuple.
        dtype: of the array.
        value: what it is filled with; None: uninitialised.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    place = 5 * next(_made) * LINE % PAGE if size >= LARGE else 0
    memory = np.empty(size + place + LINE, np.uint8)
    start = -memory.ctypes.data % LINE + place
    array = memory[start : start + size].view(dtype).reshape(shape)
    if value is not None:
        array.fill(value)
    return array


def ones(n: int, like: Array) -> Array:
    """A vector of ones. Within a frame it is shared: do not write to it.

    Args:
        n: how many.
        like: the new array has the dtype and the device of this one.

    Example:
        >>> import numpy as np
        >>> from npae.backend import ones
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> (ones(2, x) @ x).tolist()  # the sum of the rows
        [4.0, 6.0]
    """
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).ones(n, like.dtype)
    key = n, like.dtype, type(like)
    if key not in frame.constants:
        frame.constants[key] = array_module(like).ones(n, like.dtype)
    return frame.constants[key]


def counter(like: Array) -> Array:
    """A uint32 for kernels that count their blocks and leave 0 behind. Within a frame it is shared.

    Args:
        like: the counter is on the GPU of this array.
    """
    frame = getattr(_current, "frame", None)
    if frame is None:
        return array_module(like).zeros(1, "uint32")
    if "counter" not in frame.constants:
        frame.constants["counter"] = array_module(like).zeros(1, "uint32")
    return frame.constants["counter"]


class _Frame:
    """The arrays of one step, in the order of its requests, and its vectors of ones and counters."""

    def __init__(self) -> None:
        self.buffers: list[Array] = []
        self.constants: dict[Hashable, Array] = {}
        self.position = 0

    def next(self, shape: tuple[int, ...], dtype: DTypeLike, like: Array) -> Array:
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

    Args:
        max_frames: how many keys are remembered, those used last, so that memory does not grow with the number of
            steps.
    """

    def __init__(self, max_frames: int = 4) -> None:
        self.max_frames = max_frames
        self._frames: dict[Hashable, _Frame] = {}

    @contextmanager
    def frame(self, key: Hashable) -> Iterator[_Frame]:
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
    def nbytes(self) -> int:
        """Bytes held, over all frames."""
        return sum(buffer.nbytes for frame in self._frames.values() for buffer in frame.buffers)
