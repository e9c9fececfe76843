"""Streams: the random numbers of a layer, drawn on the device of the data, into the arrays of the training step.

A layer that needs random numbers has a `Stream`. Every number is a function of the stream's seed, of the training step,
of the draw within the step, and of the number's place in the array (philox.py). So one seed means the same uniform
numbers on every device, and normal numbers that are equal up to rounding; a step that a GPU repeats as a CUDA graph
draws the numbers that an ordinary step would.

    with draws_in_step(k):              # step k since the streams were reseeded
        u = stream.uniform(x)           # the numbers of draw 0 of step k
        v = stream.uniform(x)           # draw 1

Outside of training a stream counts its draws since it was reseeded. These numbers are those of a step of their own, −1.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from npae.backend.arrays import array_module, device_of
from npae.backend.memory import empty, images, is_channels_last, pixels
from npae.backend.random.box_muller import fill_normal
from npae.backend.random.on_cupy import fill_on_cupy, write_key
from npae.backend.random.on_numpy import fill_uniform
from npae.backend.random.philox import Draw, key_of
from npae.backend.typing import Array

_current = threading.local()  # .drawing: the Drawing of the step that this thread is in, if any


class Drawing:
    """The draws of one training step.

    Args:
        step: its number, an integer, or one number of int64 on the GPU, which is read whenever a draw's kernel runs.

    Attributes:
        counts: {stream: how often it has drawn}.
    """

    def __init__(self, step: int | Array):
        self.cell = None if isinstance(step, int) else step
        self.step = step if isinstance(step, int) else 0
        self.counts: dict[Stream, int] = {}

    @property
    def streams(self) -> "tuple[Stream, ...]":
        """The streams that have drawn. A captured step reads their keys from device memory: it must keep them."""
        return tuple(self.counts)


@contextmanager
def draws_in_step(step: int | Array) -> Iterator[Drawing]:
    """While the block runs, streams of this thread draw the numbers of one training step.

    Args:
        step: the number of the step since the streams were reseeded. For a step that is captured as a CUDA graph: an
            array of one number of int64 on the GPU, which every launch of the graph reads.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream, draws_in_step
        >>> x, stream = np.zeros(3), Stream(seed=0)
        >>> with draws_in_step(5):
        ...     u = stream.uniform(x)
        >>> with draws_in_step(5):
        ...     bool((stream.uniform(x) == u).all())
        True
    """
    outer, _current.drawing = getattr(_current, "drawing", None), Drawing(step)
    try:
        yield _current.drawing
    finally:
        _current.drawing = outer


class Stream:
    """A sequence of random numbers that its seed determines, on the device where they are needed.

    A layer with random numbers has one. Training reseeds it before every epoch (Layer.reseed), so any epoch can be
    repeated by itself.

    Args:
        seed: an integer or a list of integers.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> x = np.zeros((5, 3), np.float32)
        >>> stream = Stream(seed=0)
        >>> eps = stream.normal(x)
        >>> stream.reseed(0)
        >>> eps.shape, bool((stream.normal(x) == eps).all())
        ((5, 3), True)
    """

    def __init__(self, seed: int | Sequence[int] = 0) -> None:
        self._cells: Array | None = None  # on the GPU: the key, at the same address as long as the stream lives
        self.reseed(seed)

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Start again from `seed`."""
        self._key, self._count = key_of(seed), 0
        drawing = getattr(_current, "drawing", None)
        if drawing is not None:
            drawing.counts.pop(self, None)
        if self._cells is not None:
            write_key(self._key, self._cells)

    def uniform(self, like: Array) -> Array:
        """The next independent u ~ U[0, 1), of the shape, dtype and device of `like`; for images also their order in
        memory."""
        if is_channels_last(like):
            return images(self.uniform(pixels(like)))
        out = empty(like.shape, like)
        self._fill(out.reshape(-1), normal=False)
        return out

    def normal(self, like: Array) -> Array:
        """The next independent ε ~ N(0, 1), of the shape, dtype and device of `like`; for images also their order in
        memory."""
        if is_channels_last(like):
            return images(self.normal(pixels(like)))
        pairs = empty((2, (like.size + 1) // 2), like)
        self._fill(pairs, normal=True)
        return pairs.reshape(-1)[: like.size].reshape(like.shape)

    def _fill(self, out: Array, normal: bool) -> None:
        drawing = getattr(_current, "drawing", None)
        draw = self._next(drawing, 2 if normal else 1)
        if device_of(out) == "gpu":
            fill_on_cupy(self._on_device(out), drawing.cell if drawing else None, draw, out, normal)
        elif normal:
            fill_normal(self._key, draw, out)
        else:
            fill_uniform(self._key, draw, out)

    def _next(self, drawing: Drawing | None, draws: int) -> Draw:
        """The first of the next `draws` draws, which are then taken."""
        if drawing is None:
            self._count += draws
            return Draw(-1, self._count - draws)
        number = drawing.counts.get(self, 0)
        drawing.counts[self] = number + draws
        return Draw(drawing.step, number)

    def _on_device(self, like: Array) -> Array:
        cells = self._cells
        if cells is None:
            cells = self._cells = array_module(like).empty(3, np.int64)
            write_key(self._key, cells)
        return cells

    def __getstate__(self) -> dict[str, Any]:  # a copy has its own array on the device
        return self.__dict__ | {"_cells": None}
