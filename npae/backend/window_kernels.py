"""Kernels for the windows of images on the GPU: im2col and col2im, sums and maxima over windows and their derivatives.

npae.layers.patches and npae.layers.windows derive the formulas, and compute them on the CPU by a few operations per tap
of the window. On the GPU each would be a kernel that reads and writes whole images. Here each formula is one kernel.
These kernels are tested on a stand-in for CuPy and have not yet run on a real GPU.

Images are (B, H, W, C), contiguous. A window has kh × kw taps; output pixel (p, q) reads through tap (t, u) the pixel

    r = sh p − above + t          s = sw q − left + u          which is zero, or left out, outside of the image

One thread computes one number of the result. Channels are last, so neighbouring threads read neighbouring addresses. A
thread of an adjoint visits the windows that read its pixel, in a fixed order: no two threads write to one address, and
every run gives the same bits. The order is that of the CPU, which takes the rows and the columns in two passes.

The sizes are constants in the kernel's text, so the compiler replaces divisions by multiplications and unrolls the
loops over taps. A new size is compiled once, in 0.1 to 0.2 s (NVRTC 13.0), and CuPy keeps the result on disk. Indices
have 32 bits where that suffices, since a division of 64 bits takes several times as long.
"""

import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

from npae.backend.arrays import array_module
from npae.backend.memory import empty
from npae.backend.typing import Array

LARGE = 2**31  # numbers in an array: from here on indices have 64 bits
Windows = tuple[int, int, int, int, int]  # size, kernel, stride, pad, out_size: npae.layers.patches.Axis

# k: first the number of the element, in the end that of its image; c: its channel; (p, q) or (r, s): its pixel.
_OUTPUT = "const int c = k % C; k /= C; const int q = k % Q; k /= Q; const int p = k % P; k /= P;"
_INPUT = "const int c = k % C; k /= C; const int s = k % W; k /= W; const int r = k % H; k /= H;"
_WINDOW = "const int top = sh * p - above, start = sw * q - left;"

_IM2COL = f"""
const int c = k % C; k /= C; const int tap = k % (kh * kw); k /= kh * kw;
const int q = k % Q; k /= Q; const int p = k % P; k /= P;
{_WINDOW}
const int r = top + tap / kw, s = start + tap % kw;
y = r >= 0 && r < H && s >= 0 && s < W ? x[((k * H + r) * W + s) * C + c] : T(0);
"""

_SUM = f"""
{_OUTPUT} {_WINDOW}
T total = 0;
for (int s = max(start, 0); s < min(start + kw, W); ++s) {{
  T column = 0;
  for (int r = max(top, 0); r < min(top + kh, H); ++r)
    column += x[(((k * H + r) * W + s) * taps + (taps > 1 ? (r - top) * kw + s - start : 0)) * C + c];
  total += mean ? share(column, top, kh, H) : column;
}}
y = mean ? share(total, start, kw, W) : total;
"""

_SUM_ADJOINT = f"""
{_INPUT}
T total = 0;
for (int t = 0; t < kh; ++t) {{
  const int d = r + above - t, p = d / sh;
  if (d < 0 || d % sh || p >= P) continue;
  T row = 0;
  for (int u = 0; u < kw; ++u) {{
    const int e = s + left - u, q = e / sw;
    if (e < 0 || e % sw || q >= Q) continue;
    const T v = x[(((k * P + p) * Q + q) * taps + (taps > 1 ? t * kw + u : 0)) * C + c];
    row += mean ? share(v, sw * q - left, kw, W) : v;
  }}
  total += mean ? share(row, sh * p - above, kh, H) : row;
}}
y = total;
"""

_MAX = f"""
{_OUTPUT} {_WINDOW}
T most = x[((k * H + max(top, 0)) * W + max(start, 0)) * C + c];
for (int s = max(start, 0); s < min(start + kw, W); ++s)
  for (int r = max(top, 0); r < min(top + kh, H); ++r) {{
    const T v = x[((k * H + r) * W + s) * C + c];
    most = v > most || v != v ? v : most;
  }}
y = most;
"""

_MAX_BACKWARD = f"""
{_INPUT}
const T v = x[i];
T total = 0;
for (int t = 0; t < kh; ++t) {{
  const int top = r - t, d = top + above, p = d / sh;
  if (d < 0 || d % sh || p >= P) continue;
  T row = 0;
  for (int u = 0; u < kw; ++u) {{
    const int start = s - u, e = start + left, q = e / sw;
    if (e < 0 || e % sw || q >= Q) continue;
    const index o = ((k * P + p) * Q + q) * C + c;
    bool first = v >= y[o];
    for (int s2 = max(start, 0); first && s2 <= s; ++s2)
      for (int r2 = max(top, 0); first && r2 < (s2 < s ? min(top + kh, H) : r); ++r2)
        first = x[((k * H + r2) * W + s2) * C + c] < y[o];
    if (first) row += dy[o];
  }}
  total += row;
}}
dx = total;
"""

# The share of a sum in the mean, in the order of the CPU's operations: divide by the size of the window; at the border,
# multiply by size/inside afterwards.
_SHARE = """
template <typename N> __device__ N share(N sum, int start, int kernel, int size) {
  const int inside = min(start + kernel, size) - max(start, 0);
  sum *= N(1.0 / kernel);
  return inside < kernel ? sum * N(double(kernel) / inside) : sum;
}
"""


@lru_cache(1024)
def _kernel(xp: ModuleType, name: str, params: str, out: str, body: str, rows: Windows, columns: Windows,
            **constants: int) -> Any:  # fmt: skip
    """The compiled kernel for windows of these sizes. constants: C and is_large, and for sums taps and mean."""
    is_large = constants.pop("is_large")
    named = dict(zip(("H", "kh", "sh", "above", "P"), rows, strict=True))
    named |= dict(zip(("W", "kw", "sw", "left", "Q"), columns, strict=True)) | constants
    sizes = ", ".join(f"{key} = {int(value)}" for key, value in named.items())
    index = f"typedef unsigned {'long long' if is_large else 'int'} index; index k = i;"
    return xp.ElementwiseKernel(params, out, f"const int {sizes}; {index}\n{body}", f"npae_{name}", preamble=_SHARE)


def _run(name: str, params: str, out: str, body: str, rows: Windows, columns: Windows, arrays: tuple[Array, ...],
         shape: tuple[int, ...], y: Array | None = None, **constants: int) -> Array:  # fmt: skip
    y = empty(shape, arrays[0]) if y is None else y
    is_large = max(a.size for a in (y, *arrays)) >= LARGE
    kernel = _kernel(array_module(y), name, params, out, body, tuple(rows), tuple(columns), C=shape[-1],
                     is_large=is_large, **constants)  # fmt: skip
    kernel(*(a.reshape(-1) for a in arrays), y.reshape(-1))
    return y


def im2col(x: Array, rows: Windows, columns: Windows) -> Array:
    """X_{bpq, tuc} = x_{b, sh p − above + t, sw q − left + u, c}, zero outside of the image: a row per output pixel.

    Args:
        x: images (B, H, W, C) on the GPU.
        rows, columns: the windows along the height and along the width.
    """
    taps, pixels = rows[1] * columns[1], len(x) * rows[4] * columns[4]
    X = _run("im2col", "raw T x", "T y", _IM2COL, rows, columns, (x,), (pixels, taps, x.shape[3]))
    return X.reshape(pixels, -1)


def window_sums(x: Array, rows: Windows, columns: Windows, mean: bool = False, by_tap: bool = False,
                out: Array | None = None) -> Array:  # fmt: skip
    """y_pc = Σ_t x_{sp+t−pad, c}, over the pixels inside of the image.

    Args:
        x: images (B, H, W, C) on the GPU; with by_tap (B, H, W, taps, C).
        rows, columns: the windows along the height and along the width.
        mean: divide by the number of these pixels.
        by_tap: tap t reads number t of a pixel: y_pc = Σ_t x_{sp+t−pad, t, c}.
        out: the array for y, contiguous; None: a new one.
    """
    shape, taps = (len(x), rows[4], columns[4], x.shape[-1]), x.shape[3] if by_tap else 1
    return _run("window_sums", "raw T x", "T y", _SUM, rows, columns, (x,), shape, out, taps=taps, mean=mean)


def window_sums_adjoint(x: Array, rows: Windows, columns: Windows, mean: bool = False, by_tap: bool = False,
                        out: Array | None = None) -> Array:  # fmt: skip
    """y_qc = Σ_{p reads q} x_pc, the adjoint of window_sums; with by_tap it is col2im.

    Args:
        x: (B, …, …, C) on the GPU, a pixel per window; with by_tap (B, …, …, taps, C).
        rows, columns: the windows along the height and along the width.
        mean: divide x_p by the number of pixels that window p has inside of the image.
        by_tap: y_qc = Σ_p x_{p, q+pad−sp, c}.
        out: the array for y, contiguous; None: a new one.
    """
    shape, taps = (len(x), rows[0], columns[0], x.shape[-1]), x.shape[3] if by_tap else 1
    arrays = (x,)
    return _run("window_sums_adjoint", "raw T x", "T y", _SUM_ADJOINT, rows, columns, arrays, shape, out, taps=taps,
                mean=mean)  # fmt: skip


def window_maxima(x: Array, rows: Windows, columns: Windows) -> tuple[Array, tuple]:
    """(y, cache): y_pc = max_t x_{sp+t−pad, c}, over the pixels inside of the image.

    The cache is this module and what window_maxima_backward needs.

    Args:
        x: images (B, H, W, C) on the GPU.
        rows, columns: the windows along the height and along the width.
    """
    shape = (len(x), rows[4], columns[4], x.shape[3])
    y = _run("window_maxima", "raw T x", "T y", _MAX, rows, columns, (x,), shape)
    return y, (sys.modules[__name__], x, y, rows, columns)


def window_maxima_backward(dy: Array, x: Array, y: Array, rows: Windows, columns: Windows) -> Array:
    """∂J/∂x_q = Σ_p dy_p [q is the first maximum of window p: in the leftmost column, then in the topmost row].

    Args:
        dy: ∂J/∂y.
        x, y: the images, and y = window_maxima(x).
        rows, columns: the windows along the height and along the width.
    """
    params = "raw T dy, raw T x, raw T y"
    return _run("window_maxima_backward", params, "T dx", _MAX_BACKWARD, rows, columns, (dy, x, y), x.shape)
