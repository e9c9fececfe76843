"""The three products of a convolution: its values, its adjoint, and the gradient of its kernel; and what they cost.

A convolution is linear in the images x (B, H, W, C) and in the kernel W (kh, kw, C, O), (the derivation is in conv.py):

    convolve          y_po  = Σ_t Σ_c x_{sp+t−a, c} W_tco          X W, where X = im2col(x)
    convolve_adjoint  x_qc  = Σ_p Σ_o y_po W_{q+a−sp, co}          col2im(y Wᵀ)
    kernel_gradient   W_tco = Σ_p x_{sp+t−a, c} y_po               Xᵀ y

Each makes k k C O multiplications and additions a place, in one product of matrices. The rest is moving numbers about,
and every one of them has a cheaper way and a dearer one:

- The k k C n numbers of X (n places) are more than all else. They are made in blocks that stay in the cache, where the
  product runs at twice its speed; they are never kept, since making them again costs a tenth of the product.
- Adding patches back into images goes through short runs of memory: ten times as dear as copying them. So the adjoint
  is computed as what it is too, a convolution of y with the kernel turned around, for each phase of q modulo s.
- With few outputs the order is changed: first the products of every pixel with all taps, k k O numbers instead of
  k k C, then their sums in place.
- With stride 1 the gradient of the kernel may be had from the patches of either side: x_q meets y_p at the same tap
  whoever is looked at through the window. The one with fewer channels has the smaller patches.
"""

from npae.backend import empty, matmul
from npae.layers.patches import patches

FEW = 8  # how many times fewer outputs than inputs are few: a number added in place costs so many copied ones


def convolve(x, W, axes, out):
    """out[p] = Σ_t x[sp + t − a] W[t]: the product of im2col(x) with the kernel. Returns out.

    x: (B, H, W, C); W: (kh, kw, C, O); axes: of the height and the width; out: (B, …, …, O), contiguous.
    """
    c, o = W.shape[2:]
    if c >= FEW * o:
        return _convolve_to_few(x, W, axes, out)
    for part, X in patches(x, *axes):
        matmul(X, W.reshape(-1, o), out=out[part].reshape(-1, o))
    return out


def _convolve_to_few(x, W, axes, out):
    """The same in the other order: first the products of every pixel with all taps, k k O numbers, then their sums."""
    rows, columns = axes
    V = empty((x.shape[3], W.size // x.shape[3]), W)
    V.reshape(-1, *W.shape[:2], W.shape[3])[...] = W.transpose(2, 0, 1, 3)
    Z = matmul(x.reshape(-1, len(V)), V, out=empty((x.size // len(V), V.shape[1]), x))
    Z = Z.reshape(*x.shape[:3], *W.shape[:2], W.shape[3])
    out.fill(0)
    for i, (row_in, row_out) in enumerate(rows.taps()):
        for j, (column_in, column_out) in enumerate(columns.taps()):
            out[:, row_out, column_out] += Z[:, row_in, column_in, i, j]
    return out


def convolve_adjoint(y, W, axes, out):
    """out[q] = Σ_p y[p] W[q + a − sp]ᵀ: the adjoint of convolve, as one convolution of y a phase. Returns out.

    y: (B, …, …, O); W, axes: those of convolve; out: (B, H, W, C), contiguous.
    """
    rows, columns = axes
    for i, row_taps, row_axis in rows.phases():
        for j, column_taps, column_axis in columns.phases():
            phase = out[:, i :: rows.stride, j :: columns.stride]
            taps = W[row_taps, column_taps][::-1, ::-1].swapaxes(2, 3)
            if taps.size == 0:
                phase[...] = 0
                continue
            V = empty(taps.shape, taps)
            V[...] = taps
            inner = (row_axis, column_axis)
            if phase.flags.c_contiguous:
                convolve(y, V, inner, phase)
            else:
                phase[...] = convolve(y, V, inner, empty(phase.shape, phase))
    return out


def kernel_gradient(x, dy, axes, out):
    """out = im2col(x)ᵀ dy, the gradient of the kernel: summed over blocks of images. Returns out.

    x: (B, H, W, C); dy: (B, …, …, O); axes: of convolve; out: (kh, kw, C, O).
    """
    if dy.shape[3] < x.shape[3] and all(axis.stride == 1 for axis in axes):  # the patches of dy are the smaller ones
        (*_, rows), (*_, columns) = (next(axis.phases()) for axis in axes)
        turned = kernel_gradient(dy, x, (rows, columns), empty((*out.shape[:2], *out.shape[:1:-1]), out))
        out[...] = turned[::-1, ::-1].swapaxes(2, 3)
        return out
    total = out.reshape(-1, out.shape[-1])
    for part, X in patches(x, *axes):
        dy_part = dy[part].reshape(len(X), -1)
        if part.start == 0:
            matmul(X.T, dy_part, out=total)
            more = empty(total.shape, total)
        else:
            total += matmul(X.T, dy_part, out=more)
    return out
