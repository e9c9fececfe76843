"""Convolution by matrix products: the output, its adjoint and the kernel's gradient, and what they cost.

Without bias and activation, a convolution y of images x (B, H, W, C) with a kernel W (kh, kw, C, O) is linear in x and
in W. conv.py derives its three products. In the last two, y stands for a gradient da, and the results are ∂J/∂x, ∂J/∂W:

    convolve          y_po  = Σ_t Σ_c x_{sp+t−pad, c} W_tco        X W, where X = im2col(x)
    convolve_adjoint  x_qc  = Σ_p Σ_o y_po W_{q+pad−sp, co}        col2im(y Wᵀ)
    kernel_gradient   W_tco = Σ_p x_{sp+t−pad, c} y_po             Xᵀ y

Each costs k²CO multiply-adds per output pixel, in one matrix product. The rest of the time goes into copying numbers:

- X has k²C numbers per output pixel, more than all other arrays together. It is built in blocks that stay in the cache,
  where the product runs at twice the speed. It is not kept for backward: building it again costs a tenth of the
  product. Each thread builds and multiplies blocks of its own (npae.backend.sharing).
- Adding patches back into images touches short runs of memory, which takes ten times as long as copying them. So the
  adjoint is computed as a convolution too: of y with the flipped kernel, for each residue of q modulo s (patches.py).
- With few output channels the order is exchanged: first every pixel is multiplied by all taps, which gives k²O numbers
  per pixel instead of k²C. Then these products are added up.
- With stride 1 the kernel's gradient can be computed from the patches of x or from those of dy. The one with fewer
  channels has the smaller patches.

On a GPU time goes into starting kernels and into moving the k²C numbers per output pixel, or the k²O per input pixel.
There one kernel builds X, and one adds patches back into images, so the three products are X W, col2im(y Wᵀ) and Xᵀ y
as they are written. Each can be computed from the matrix with k²O numbers per input pixel instead, for one more kernel,
which rearranges W. This is done if the numbers saved take longer to write and to read than a kernel takes.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from npae.backend import Array, array_module, empty, matmul, run_shares, shares, window_sums, window_sums_adjoint
from npae.layers.patches import Axis, blocks, patches

FEW = 8  # "few outputs": at most 1/8 of the inputs, since adding a number in place costs as much as copying about 8
LAUNCH = 2**20  # numbers that a GPU writes and reads in the time of one more kernel: 8 MB, 2 to 3 µs (not yet measured)


def convolve(x: Array, W: Array, axes: tuple[Axis, ...], out: Array, copy: Array | None = None) -> Array:
    """out[p] = Σ_t x[sp + t − pad] W[t], the product of im2col(x) with the kernel. Returns out.

    Args:
        x: images (B, H, W, C).
        W: the kernel (kh, kw, C, O).
        axes: of the height and of the width.
        out: (B, …, …, O), contiguous.
        copy: an array of any strides into which every block of out is copied, on the CPU; or None.
    """
    c, o = W.shape[2:]
    if c >= FEW * o if array_module(x) is np else _saves(x, out, axes):
        return _convolve_to_few(x, W, axes, out, copy)
    W = W.reshape(-1, o)

    def multiply(_: int, own: Iterator[tuple[slice, Array]]) -> None:
        for part, X in own:
            matmul(X, W, out=out[part].reshape(-1, o))
            if copy is not None:
                copy[part] = out[part]

    run_shares(multiply, patches(x, *axes))
    return out


def _convolve_to_few(x: Array, W: Array, axes: tuple[Axis, ...], out: Array, copy: Array | None) -> Array:
    """The same in the other order: first multiply every pixel by all taps, then add up these products."""
    rows, columns = axes
    V = empty((x.shape[3], W.size // x.shape[3]), W)
    V.reshape(-1, *W.shape[:2], W.shape[3])[...] = W.transpose(2, 0, 1, 3)
    if array_module(x) is not np:
        products = matmul(x.reshape(-1, len(V)), V, out=empty((x.size // len(V), V.shape[1]), x))
        return window_sums(products.reshape(*x.shape[:3], -1, W.shape[3]), rows, columns, by_tap=True, out=out)
    shape = (*x.shape[1:3], *W.shape[:2], W.shape[3])  # of one image's products
    parts = shares(blocks(len(x), math.prod(shape)))
    buffers = [empty((parts[0][0].stop, *shape), x) for _ in parts]

    def add_up(k: int, own: Sequence[slice]) -> None:
        for part in own:
            y, products = out[part], buffers[k][: part.stop - part.start]
            matmul(x[part].reshape(-1, len(V)), V, out=products.reshape(-1, V.shape[1]))
            y.fill(0)
            for i, (row_in, row_out) in enumerate(rows.taps()):
                for j, (column_in, column_out) in enumerate(columns.taps()):
                    y[:, row_out, column_out] += products[:, row_in, column_in, i, j]
            if copy is not None:
                copy[part] = y

    run_shares(add_up, parts)
    return out


def convolve_adjoint(y: Array, W: Array, axes: tuple[Axis, ...], out: Array) -> Array:
    """out[q] = Σ_p y[p] W[q + pad − sp]ᵀ, the adjoint of convolve. Returns out.

    It is one convolution of y per residue; on the GPU col2im(y Wᵀ), unless one convolution moves fewer numbers.

    Args:
        y: (B, …, …, O).
        W, axes: as for convolve.
        out: (B, H, W, C), contiguous.
    """
    rows, columns = axes
    if array_module(y) is not np and not (rows.stride == columns.stride == 1 and _saves(out, y, axes)):
        c, o = W.shape[2:]
        Z = empty((y.size // o, W.size // o), y)
        matmul(y.reshape(-1, o), W.reshape(-1, o).T, out=Z)
        return window_sums_adjoint(Z.reshape(*y.shape[:3], -1, c), rows, columns, by_tap=True, out=out)
    for i, row_taps, row_axis in rows.residues():
        for j, column_taps, column_axis in columns.residues():
            part = out[:, i :: rows.stride, j :: columns.stride]
            taps = W[row_taps, column_taps][::-1, ::-1].swapaxes(2, 3)
            if taps.size == 0:
                part[...] = 0
                continue
            V = empty(taps.shape, taps)
            V[...] = taps
            inner = (row_axis, column_axis)
            if part.flags.c_contiguous:
                convolve(y, V, inner, part)
            else:
                convolve(y, V, inner, empty(part.shape, part), copy=part)
    return out


def kernel_gradient(x: Array, dy: Array, axes: tuple[Axis, ...], out: Array) -> Array:
    """out = im2col(x)ᵀ dy, the gradient of the kernel, summed over blocks of images. Returns out.

    Args:
        x: images (B, H, W, C).
        dy: (B, …, …, O).
        axes: as for convolve.
        out: (kh, kw, C, O).
    """
    smaller = dy.shape[3] < x.shape[3] if array_module(x) is np else _saves(x, dy, axes)
    if smaller and all(axis.stride == 1 for axis in axes):  # the patches of dy are smaller
        # dW[t] = Σ_p x[p + t − pad] dy[p] = Σ_q x[q] dy[q + pad − t]: x and dy exchange roles in a convolution from dy
        # to images like x. Its tap k − 1 − t is the tap t here, and its input channels are the output channels here.
        (*_, rows), (*_, columns) = (next(axis.residues()) for axis in axes)
        flipped = kernel_gradient(dy, x, (rows, columns), empty((*out.shape[:2], *out.shape[:1:-1]), out))
        out[...] = flipped[::-1, ::-1].swapaxes(2, 3)
        return out
    parts, shape = patches(x, *axes), (out.size // out.shape[3], out.shape[3])
    totals = [out.reshape(shape), *(empty(shape, out) for _ in parts[1:])]  # of each thread
    more = [empty(shape, out) for _ in parts]

    def add_up(k: int, own: Iterator[tuple[slice, Array]]) -> None:
        for i, (part, X) in enumerate(own):
            product = matmul(X.T, dy[part].reshape(len(X), -1), out=more[k] if i else totals[k])
            if i:
                totals[k] += product

    run_shares(add_up, parts)
    for other in totals[1:]:
        totals[0] += other
    return out


def _saves(x: Array, y: Array, axes: tuple[Axis, ...]) -> bool:
    """On the GPU: is a matrix of k²O numbers per pixel of x, not k²C per pixel of y, worth one more kernel?"""
    taps, c, o = axes[0].kernel * axes[1].kernel, x.shape[3], y.shape[3]
    return taps * (y.size // o * c - x.size // c * o) > LAUNCH
