"""Image patches as the rows of one matrix (im2col), and the adjoint of this map (col2im).

Along each axis, output p of a convolution reads the inputs s p − pad + t for t = 0 … k − 1, with kernel size k, stride
s and `pad` zeros in front of the first input. The places t of the window are its *taps*. With k = 3, s = 1, pad = 1
(padding "same") on an image of 4 × 4 pixels:

    0 0 0 0 0 0
    0 A B C D 0         output (0, 0)  reads  0 0 0 0 A B 0 E F
    0 E F G H 0         output (0, 1)  reads  0 0 0 A B C E F G
    0 I J K L 0                …                      …
    0 M N O P 0         output (3, 3)  reads  K L 0 O P 0 0 0 0
    0 0 0 0 0 0

Each pixel has C channels, so a row of the matrix has k²C numbers. There is one row per output pixel of each image.
im2col is a linear map from the images to this matrix. The windows overlap, and they are a strided view of the padded
image, so building the matrix costs one copy.

The adjoint, col2im, adds every number of a patch to the pixel that it was read from. Adding in place is slow. But seen
from the inputs, this sum over outputs is a convolution too. Take one axis with k = 3, s = 2, pad = 1, inputs A … E:

    output 0 reads  0 A B         A receives  tap 1 of output 0
    output 1 reads  B C D         B receives  tap 2 of output 0  +  tap 0 of output 1
    output 2 reads  D E 0         C receives  tap 1 of output 1
                                  D receives  tap 2 of output 1  +  tap 0 of output 2
                                  E receives  tap 1 of output 2

The inputs 0, 2, 4 (A, C, E) use tap 1 alone: a window of size 1 over the outputs. The inputs 1, 3 (B, D) use taps 2 and
0: a window of size 2 over the outputs, with stride 1 and the taps in reverse order. In general input q receives tap t
of output p where t = q + pad − s p, so t ≡ q + pad (mod s). All inputs q = s m + r with the same residue r use the same
U taps t = t₀ + s u, with t₀ = (r + pad) mod s and u = 0 … U − 1, and tap t comes from the output

    p = (q + pad − t) / s = m + d − u,         d = (r + pad − t₀) / s

So the inputs of residue r read the outputs through a window of size U and stride 1. As u grows, p falls: the taps are
in reverse order. With stride 1 there is one residue: the adjoint of a convolution is the convolution with the kernel
flipped.

Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", chapters 2 and 4.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from npae.backend import Array, array_module, as_int, empty, im2col, share_count, shares

IntOrPair: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = Literal["valid", "same"]

BLOCK = 2**19  # numbers in a block of patches: 2 MB of float32, which nearly fit into a core's cache
SHARE = 2**17  # numbers in all patches from which threads save more time than handing out blocks takes


class Axis(NamedTuple):
    """One axis of images: output p = 0 … out_size − 1 reads the inputs stride·p − pad + t, t = 0 … kernel − 1.

    size: the number of inputs; inputs outside of 0 … size − 1 are zero. A negative pad skips the first inputs.
    """

    size: int
    kernel: int
    stride: int
    pad: int
    out_size: int

    @classmethod
    def of(cls, size: int, kernel: int, stride: int, padding: Padding) -> "Axis":
        """The axis for an input of `size`, with `kernel` and `stride` of its windows.

        padding "valid": windows lie inside, out_size = ⌊(size − kernel)/stride⌋ + 1. "same": out_size = ⌈size/stride⌉,
        with as many zeros after the input as before it, or one more (the rule of TensorFlow and Keras).
        """
        if padding == "valid":
            return cls(size, kernel, stride, 0, (size - kernel) // stride + 1)
        out_size = -(-size // stride)
        return cls(size, kernel, stride, max((out_size - 1) * stride + kernel - size, 0) // 2, out_size)

    @property
    def span(self) -> int:
        """The number of inputs, zeros included, from the first window's start to the last window's end."""
        return (self.out_size - 1) * self.stride + self.kernel

    @property
    def overlaps(self) -> bool:
        """Is an input read by more than one output?"""
        return self.stride < self.kernel

    def taps(self) -> Iterator[tuple[slice, slice]]:
        """Yield (inputs, outputs) for each tap t, as slices: the inputs that are read through it, by these outputs."""
        for t in range(self.kernel):
            first = max(0, -(-(self.pad - t) // self.stride))
            last = max(first, min(self.out_size, (self.size - 1 + self.pad - t) // self.stride + 1))
            start = first * self.stride - self.pad + t
            yield slice(start, start + (last - first) * self.stride, self.stride), slice(first, last)

    @property
    def covered(self) -> tuple[slice, slice]:
        """(inputs, place): the slice of the inputs that windows read, and its place within the span."""
        first, last = max(0, -self.pad), max(0, min(self.size, self.span - self.pad))
        return slice(first, last), slice(first + self.pad, last + self.pad)

    def residues(self) -> Iterator[tuple[int, slice, "Axis"]]:
        """Yield (r, taps, axis) for each residue r modulo the stride: how the inputs r, r + stride, … read the outputs.

        taps: the slice of the kernel that they use, to be taken in reverse order. axis: an Axis from the outputs to
        these inputs; its kernel is 0 if no output reads them.
        """
        for r in range(min(self.stride, self.size)):
            first = (r + self.pad) % self.stride  # t₀
            kernel = len(range(first, self.kernel, self.stride))  # U
            pad = kernel - 1 - (r + self.pad - first) // self.stride  # U − 1 − d
            out_size = len(range(r, self.size, self.stride))
            yield r, slice(first, None, self.stride), Axis(self.out_size, kernel, 1, pad, out_size)


def blocks(images: int, numbers: int) -> list[slice]:
    """Blocks of a batch that are processed one after the other by each thread, as slices of nearly the same size.

    A block is so small that what is computed for it is still in the cache when it is multiplied or added up. There are
    as many for each thread, unless they are too small for several.

    Args:
        images: in the batch.
        numbers: that are computed for each image.
    """
    count = -(-images // max(1, BLOCK // numbers))
    if images * numbers >= SHARE:
        count = -(-count // share_count()) * share_count()
    n = -(-images // min(count, images))
    return [slice(start, min(start + n, images)) for start in range(0, images, n)]


def patches(x: Array, rows: Axis, columns: Axis) -> list[Iterator[tuple[slice, Array]]]:
    """For each thread an iterator over blocks of images: (part, matrix), a slice of the batch and its patches.

    The matrix has the shape (images · rows.out_size · columns.out_size, rows.kernel · columns.kernel · C); the next
    block of the same iterator overwrites it. On the GPU one kernel writes it.

    Args:
        x: images (B, H, W, C).
        rows, columns: the Axis of the height and of the width.
    """
    if array_module(x) is not np:
        return [iter([(slice(0, len(x)), im2col(x, rows, columns))])]
    per_image = rows.out_size * columns.out_size * rows.kernel * columns.kernel * x.shape[3]
    pads = any(axis.pad > 0 or axis.span - axis.pad > axis.size for axis in (rows, columns))
    parts, built = blocks(len(x), per_image), []
    n = parts[0].stop
    for share in shares(parts):
        padded = empty((n, rows.span, columns.span, x.shape[3]), x) if pads else None
        flat = empty((n * per_image,), x)
        built.append(_built(x, rows, columns, share, padded, flat))
    return built


def _built(x, rows, columns, parts, padded, flat) -> Iterator[tuple[slice, Array]]:
    """Build the blocks of one thread."""
    if padded is not None:
        padded.fill(0)  # once: blocks overwrite only the inside
    for part in parts:
        yield part, _im2col(x[part], rows, columns, padded, flat)


def _im2col(x: Array, rows: Axis, columns: Axis, padded: Array | None, flat: Array) -> Array:
    """The matrix of patches of x, written into `flat`. padded: an array for x with zeros around it, or None."""
    (above, row_place), (left, column_place) = rows.covered, columns.covered
    x = x[:, above, left]
    if padded is not None:
        padded[: len(x), row_place, column_place] = x
        x = padded[: len(x)]
    b, h, w, c = x.strides
    places, taps = (len(x), rows.out_size, columns.out_size), (rows.kernel, columns.kernel, x.shape[3])
    strides = (b, h * rows.stride, w * columns.stride), (h, w, c)
    # NumPy copies runs of adjacent numbers: the longer axis goes last. The matrix product takes either order.
    by_rows = columns.kernel * x.shape[3] >= columns.out_size
    shape, strides = (places + taps, sum(strides, ())) if by_rows else (taps + places, sum(strides[::-1], ()))
    matrix = flat[: math.prod(shape)].reshape(shape)
    matrix[...] = np.lib.stride_tricks.as_strided(x, shape, strides)
    if by_rows:
        return matrix.reshape(math.prod(places), math.prod(taps))
    return matrix.reshape(math.prod(taps), math.prod(places)).T


def pair(value: IntOrPair) -> tuple[int, int]:
    """(rows, columns) from one integer for both, or from a pair of integers. Raises TypeError for anything else."""
    words = f"Expected an integer, or a pair (of rows, of columns), got {value!r}"
    if isinstance(value, (tuple, list)) and len(value) != 2:
        raise TypeError(f"{words}.")
    a, b = value if isinstance(value, (tuple, list)) else (value, value)
    return as_int(a, words), as_int(b, words)


def window_axes(layer: Any, height: int, width: int) -> tuple[Axis, ...]:
    """The Axis of the height and of the width of images, for a layer with kernel, stride and padding.

    Raises ValueError if the padding is "valid" and the kernel is larger than the image.
    """
    sizes = (height, width)
    if layer.padding == "valid" and any(k > n for k, n in zip(layer.kernel, sizes, strict=True)):
        raise ValueError(
            f"{layer!r}: expected images of at least {layer.kernel[0]} x {layer.kernel[1]} pixels, the size of "
            f'the window, got {height} x {width}. Take a smaller window, or padding="same".'
        )
    return tuple(Axis.of(n, k, s, layer.padding) for n, k, s in zip(sizes, layer.kernel, layer.stride, strict=True))
