"""Where a kernel looks, and what it sees: patches of images as the rows of one matrix (im2col).

Along each axis, output p looks at the inputs s p − a + t, t = 0 … k − 1: kernel size k, stride s, and a zeros put
before the first input. With k = 3, s = 1, a = 1 (padding "same") on an image of 4 × 4 pixels:

    0 0 0 0 0 0
    0 A B C D 0         output (0, 0)  sees  0 0 0 0 A B 0 E F
    0 E F G H 0         output (0, 1)  sees  0 0 0 A B C E F G
    0 I J K L 0                …                     …
    0 M N O P 0         output (3, 3)  sees  K L 0 O P 0 0 0 0
    0 0 0 0 0 0

A pixel is a vector of C channels, so that a row of the matrix has k k C numbers, and there is a row for every output
pixel of every image: im2col is a linear map, of ones and zeros, from images to this matrix. Its rows overlap, so that
the windows of an image are a strided view of it; what the matrix costs is one copy.

The adjoint (col2im) would add every patch back where it was taken. Read from the other end it is a gather as well:
input q gets something from output p through the tap t = q + a − s p, so t ≡ q + a (mod s). For all q = s m + r of one
phase r these are the same taps, t = t₀ + s u with t₀ = (r + a) mod s and u = 0 … U − 1, and they come from

    p = (q + a − t) / s = m + d − u,         d = (r + a − t₀) / s

U neighbours, of which the last tap belongs to the first: phase r of the input sees the outputs through a window of
size U and stride 1, with the taps in reverse order. With stride 1 there is one phase: the adjoint of a convolution
is the convolution with the kernel turned around. Nothing has to be added up in place.

Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", chapters 2 and 4.
"""

import math
import operator
from typing import NamedTuple

import numpy as np

from npae.backend import array_module, empty

BLOCK = 2**19  # numbers of a block of patches: 2 MB of float32, which a core's cache nearly holds


class Axis(NamedTuple):
    """One axis of images: output p = 0 … count − 1 looks at the inputs stride·p − before + t, t = 0 … kernel − 1.

    size: how many inputs there are; those outside of 0 … size − 1 are zero. before may be negative: inputs skipped.
    """

    size: int
    kernel: int
    stride: int
    before: int
    count: int

    @classmethod
    def of(cls, size, kernel, stride, padding):
        """The axis for an input of `size`.

        padding "valid": windows lie inside, count = ⌊(size − kernel)/stride⌋ + 1. "same": count = ⌈size/stride⌉, and as
        many zeros after the input as before it, or one more (the rule of TensorFlow and Keras).
        """
        if padding == "valid":
            return cls(size, kernel, stride, 0, (size - kernel) // stride + 1)
        count = -(-size // stride)
        return cls(size, kernel, stride, max((count - 1) * stride + kernel - size, 0) // 2, count)

    @property
    def reach(self):
        """How many inputs, zeros included, the windows cover from the first to the last."""
        return (self.count - 1) * self.stride + self.kernel

    @property
    def overlaps(self):
        """Is an input seen by more than one output?"""
        return self.stride < self.kernel

    def taps(self):
        """(inputs, outputs) for every tap t: slices, the outputs whose tap t lies inside, and what it looks at."""
        for t in range(self.kernel):
            first = max(0, -(-(self.before - t) // self.stride))
            last = max(first, min(self.count, (self.size - 1 + self.before - t) // self.stride + 1))
            start = first * self.stride - self.before + t
            yield slice(start, start + (last - first) * self.stride, self.stride), slice(first, last)

    @property
    def covered(self):
        """(inputs, place): the slice of inputs that the windows see, and where it lies in what they cover."""
        first, last = max(0, -self.before), max(0, min(self.size, self.reach - self.before))
        return slice(first, last), slice(first + self.before, last + self.before)

    def phases(self):
        """What the inputs see of the outputs: (r, taps, axis) for each phase r, inputs r, r + stride, …

        taps: a slice of the kernel, to be taken in reverse order. axis: has outputs for inputs; its kernel is 0 where
        no output looks at that phase.
        """
        for r in range(min(self.stride, self.size)):
            first = (r + self.before) % self.stride
            kernel = len(range(first, self.kernel, self.stride))
            before = kernel - 1 - (r + self.before - first) // self.stride
            count = len(range(r, self.size, self.stride))
            yield r, slice(first, None, self.stride), Axis(self.count, kernel, 1, before, count)


def patches(x, rows, columns):
    """Yield (part, matrix) for block after block of x: a slice of the batch, and what the windows see in it.

    x: (B, H, W, C); rows, columns: the Axis of its height and of its width. matrix: (images · rows.count ·
    columns.count, rows.kernel · columns.kernel · C); the next block overwrites it. On the CPU, blocks are so small that
    a matrix is multiplied before it leaves the cache; on the GPU there is one.
    """
    per_image = rows.count * columns.count * rows.kernel * columns.kernel * x.shape[3]
    most = max(1, BLOCK // per_image) if array_module(x) is np else len(x)
    n = -(-len(x) // -(-len(x) // most))  # blocks of nearly one size
    padded = None
    if any(axis.before > 0 or axis.reach - axis.before > axis.size for axis in (rows, columns)):
        padded = empty((n, rows.reach, columns.reach, x.shape[3]), x)
        padded.fill(0)  # once: blocks overwrite the inside only
    flat = empty((n * per_image,), x)
    for start in range(0, len(x), n):
        part = slice(start, min(start + n, len(x)))
        yield part, _im2col(x[part], rows, columns, padded, flat)


def _im2col(x, rows, columns, padded, flat):
    """The matrix of patches of x, in the memory of `flat`; `padded` (or None): room for x with zeros around it."""
    (above, row_place), (left, column_place) = rows.covered, columns.covered
    x = x[:, above, left]
    if padded is not None:
        padded[: len(x), row_place, column_place] = x
        x = padded[: len(x)]
    b, h, w, c = x.strides
    places, taps = (len(x), rows.count, columns.count), (rows.kernel, columns.kernel, x.shape[3])
    strides = (b, h * rows.stride, w * columns.stride), (h, w, c)
    # NumPy copies run by run: the longer axis goes last. To a product, either order of the matrix is the same.
    by_rows = columns.kernel * x.shape[3] >= columns.count
    shape, strides = (places + taps, sum(strides, ())) if by_rows else (taps + places, sum(strides[::-1], ()))
    matrix = flat[: math.prod(shape)].reshape(shape)
    matrix[...] = array_module(x).lib.stride_tricks.as_strided(x, shape, strides)
    if by_rows:
        return matrix.reshape(math.prod(places), math.prod(taps))
    return matrix.reshape(math.prod(taps), math.prod(places)).T


def pair(value):
    """(rows, columns) from an integer, for both, or from two of them. Raises TypeError for anything else."""
    try:
        a, b = value if isinstance(value, (tuple, list)) else (value, value)
        return operator.index(a), operator.index(b)
    except (TypeError, ValueError):
        raise TypeError(f"Expected an integer, or a pair (of rows, of columns), got {value!r}.") from None


def window_axes(layer, height, width):
    """The Axis of the height and of the width of images, for a layer with kernel, stride and padding.

    Raises ValueError if the kernel is larger than the image and padding "valid" lets it not reach beyond.
    """
    sizes = (height, width)
    if layer.padding == "valid" and any(k > n for k, n in zip(layer.kernel, sizes, strict=True)):
        raise ValueError(
            f"{layer!r}: expected images of at least {layer.kernel[0]} x {layer.kernel[1]} pixels, the size of "
            f'the window, got {height} x {width}. Take a smaller window, or padding="same".'
        )
    return tuple(Axis.of(n, k, s, layer.padding) for n, k, s in zip(sizes, layer.kernel, layer.stride, strict=True))
