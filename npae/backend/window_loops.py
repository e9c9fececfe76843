"""Windows of images by Numba: maxima, sums and their derivatives as compiled loops (the extra `fast`).

npae.layers.windows derives the formulas and computes them by two passes, along the height and along the width, over all
images. Here both passes are done for one row of windows before the next row begins, so what lies between them, `line`,
stays in the cache. All operations are the same and in the same order, so all bits are the same:

    forward     x, the rows of a window ── their maximum or sum ──▶ line ── along the width ──▶ y, a row
    backward    dy, a row ── along the width ──▶ line ──▶ dx, the rows of the window

Where windows overlap, dx is a sum over windows. The passes add its terms tap by tap: p = (q + pad − t)/s falls while t
grows. So there rows and columns of windows are taken from the last to the first; elsewhere from the first to the last,
which is a third faster.

Of a maximum, forward keeps its place in one byte: for each column of a window its first largest row, for each window
its first largest column. Backward reads these bytes instead of x and y, and the bracket [x_t ≥ y] becomes [t = place].

`line` has `pad` pixels more at its left end, and as many at its right end as the last window needs. So every window has
all its columns, and the compiler unrolls the loop over them: their number is a constant. A number of columns is
compiled once, within two seconds, and only after the passes have done as much work as for a formula (on_numba.py).
"""

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from npae.backend import window_kernels
from npae.backend.arrays import array_module
from npae.backend.formulas import on_numba
from npae.backend.memory import empty
from npae.backend.threads import parallel_for
from npae.backend.typing import Array
from npae.backend.window_kernels import Windows
from npae.backend.window_maxima_loops import maxima_loops
from npae.backend.window_sums_loops import sums_loops

SHARE = 2**18  # numbers in the images from which threads save more time than handing out tasks takes
LEAST = 2  # channels: with one, the passes are faster, since their inner loops go along the axis
MOST = 255  # taps of a window: their numbers are bytes


class WindowLoops:
    """The loops for windows with one number of columns. swept: operations on elements that the passes have done.

    Args:
        columns: the kernel along the width.
    """

    def __init__(self, columns: int) -> None:
        self.columns, self.swept = columns, 0.0

    def _run(self, loop: Callable[..., None], images: Array, rows: Windows, columns: Windows, *args: Any) -> None:
        axes = tuple(rows), tuple(columns)

        def some(first: int, last: int) -> None:
            loop(first, last, *axes, *args)

        if images.size >= SHARE:
            parallel_for(some, len(images))
        else:
            some(0, len(images))

    def window_maxima(self, x: Array, rows: Windows, columns: Windows) -> tuple[Array, Any]:
        """(y, cache): the maximum of every window; the cache is these loops and what window_maxima_backward needs.

        Args:
            x: images (B, H, W, C).
            rows, columns: the windows along the height and along the width.
        """
        shape = (len(x), rows[4], columns[4], x.shape[3])
        y, column_of = empty(shape, x), empty(shape, x, np.uint8)
        row_of = empty((len(x), rows[4], columns[0], x.shape[3]), x, np.uint8)
        self._run(maxima_loops(self.columns)["maxima"], x, rows, columns, x, y, row_of, column_of)
        return y, (self, row_of, column_of, rows, columns)

    def window_maxima_backward(self, dy: Array, row_of: Array, column_of: Array, rows: Windows, columns: Windows
                               ) -> Array:  # fmt: skip
        """∂J/∂x from ∂J/∂y.

        Args:
            dy: ∂J/∂y.
            row_of, column_of, rows, columns: the cache of window_maxima.
        """
        dx = empty((len(dy), rows[0], columns[0], dy.shape[3]), dy)
        self._run(maxima_loops(self.columns)["maxima_backward"], dx, rows, columns, dy, row_of, column_of, dx)
        return dx

    def window_sums(self, x: Array, rows: Windows, columns: Windows, mean: bool = False) -> Array:
        """The sum of every window, or its mean.

        Args:
            x: images (B, H, W, C).
            rows, columns: the windows along the height and along the width.
            mean: divide by the number of pixels of the window inside of the image.
        """
        y = empty((len(x), rows[4], columns[4], x.shape[3]), x)
        self._run(sums_loops(self.columns)["sums"], x, rows, columns, mean, x, y)
        return y

    def window_sums_adjoint(self, y: Array, rows: Windows, columns: Windows, mean: bool = False) -> Array:
        """The adjoint of window_sums.

        Args:
            y: (B, …, …, C), one number per window and channel.
            rows, columns: the windows along the height and along the width.
            mean: divide by the number of pixels of the window inside of the image.
        """
        x = empty((len(y), rows[0], columns[0], y.shape[3]), y)
        self._run(sums_loops(self.columns)["sums_adjoint"], x, rows, columns, mean, y, x)
        return x


_loops_of = cache(WindowLoops)


def fast_windows(x: Array, rows: Windows, columns: Windows) -> ModuleType | WindowLoops | None:
    """What computes windows of x in one sweep: the GPU's kernels, or compiled loops; None: nothing, or not yet.

    Args:
        x: images (B, H, W, C), or one number per window and channel.
        rows, columns: the windows along the height and along the width.

    Example:
        >>> import numpy as np
        >>> from npae.backend import fast_windows
        >>> fast_windows(np.ones((1, 4, 4, 1)), (4, 2, 2, 0, 2), (4, 2, 2, 0, 2)) is None
        True
    """
    if array_module(x) is not np:
        return window_kernels
    fits = x.shape[3] >= LEAST and x.dtype.char in "fd" and _fits(rows) and _fits(columns)
    if not fits or not on_numba.available():
        return None
    loops = _loops_of(columns[1])
    if loops.swept < on_numba.PATIENCE:
        loops.swept += x.size * (rows[1] + columns[1])
        return None
    loops.swept = math.inf  # from now on
    return loops if x.flags.c_contiguous and on_numba.compiler() is not None else None


def _fits(windows: Windows) -> bool:
    """Has every window a pixel of the image, and are there few enough taps?"""
    size, kernel, stride, pad, out_size = windows
    return 0 <= pad < kernel <= MOST and (out_size - 1) * stride - pad < size
