"""Sums over the rows of an array on the CPU: Σ_i y_ij for each column j, or Σ_ij y_ij, in one order of additions.

A sum of float32 numbers depends on the order in which they are added. Here the order depends on the size alone, so a
compiled loop that adds up the results of a formula (loop_text.py), on one thread or on several, has the same bits as
NumPy's sum of these results. With `width` columns (1: all numbers are one column), numbers are added

    1. in lanes: number k of a block goes to lane k mod `lanes`, a multiple of the width, so that vectors of the
       processor add several at once
    2. lane by lane: the second half of the lanes is added to the first, until `width` of them are left
    3. block by block, as np.add.reduce does it; the last block has less than `step` numbers, or none

Each sum has few terms, so rounding errors stay small: for 100,000 numbers some 25 additions follow each other in a
lane, 9 halvings and a few blocks, where one sum in order has 100,000.
"""

import numpy as np

from npae.backend.memory import empty
from npae.backend.typing import Array

LANES = 512  # at most, unless there are more columns
STEP, ROWS = 4096, 8  # numbers of a block; at least so many in each lane


def tiling(width: int) -> tuple[int, int]:
    """(lanes, step): how many lanes a block has, and how many numbers.

    Args:
        width: the number of columns.
    """
    lanes = width
    while 0 < 2 * lanes <= LANES:
        lanes *= 2
    return lanes, max(STEP // max(lanes, 1), ROWS) * lanes


def column_sums(y: Array, width: int, lanes: int, step: int) -> Array:
    """The sums of the columns, (width,), by NumPy.

    Args:
        y: a vector, row after row.
        width: the number of columns.
        lanes, step: from tiling.
    """
    whole = y.size // step
    sums = empty((whole + 1, lanes), y)
    np.add.reduce(y[: whole * step].reshape(whole, step // lanes, lanes), axis=1, out=sums[:whole], initial=0)
    rest = y[whole * step :]
    rows = rest.size // lanes
    np.add.reduce(rest[: rows * lanes].reshape(rows, lanes), axis=0, out=sums[whole], initial=0)
    sums[whole, : rest.size - rows * lanes] += rest[rows * lanes :]
    while lanes > width:
        lanes //= 2
        sums = np.add(sums[:, :lanes], sums[:, lanes : 2 * lanes], out=sums[:, :lanes])
    return np.add.reduce(sums, axis=0)
