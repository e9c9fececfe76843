"""Few labels: hide most labels of a data set, and oversample the rows that keep theirs.

An unknown label is −1 (npae.losses.masked_cross_entropy). With 100 labels among 60,000 images, most batches of 100 rows
would contain no label at all. So the labelled rows are repeated. If L of n rows have a label, and each of them occurs r
times, their share of all rows is

    q = r L / (n − L + r L),        so        r = q/(1 − q) · (n − L)/L,  rounded up
"""

import math

import numpy as np

from npae.backend import as_int
from npae.data.sources import as_labelled


def hide_labels(y, n, seed=0):
    """The class numbers y, with all but n of them replaced by −1: equally many of each class, chosen by the seed.

    If n is not a multiple of the number of classes, the first classes keep one more. Raises ValueError for n above
    len(y).
    """
    y, n = np.asarray(y), as_int(n, "n of hide_labels", least=1)
    if n > len(y):
        raise ValueError(f"hide_labels: expected n of at most {len(y)}, the number of labels, got {n}.")
    rng = np.random.default_rng(seed)
    kinds = [rng.permutation(np.flatnonzero(y == k)) for k in np.unique(y)]
    turn = np.concatenate([np.arange(len(rows)) for rows in kinds])  # one row of each class in turn
    kept = np.concatenate(kinds)[turn.argsort(kind="stable")[:n]]
    hidden = np.full(len(y), -1)
    hidden[kept] = y[kept]
    return hidden


def oversample_labelled(x, y, share=0.5):
    """(x, y) with the labelled rows repeated until they are at least `share` of all rows: data for fit.

    x: (n, …) in memory; y: (n,) class numbers, −1 if unknown. The rows are copied; but x and y are returned as they are
    if the share is large enough already, or if all labels or no labels are known. Raises ValueError unless
    0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"oversample_labelled: expected 0 < share < 1, got {share}.")
    x, y = as_labelled((x, y))
    known = np.flatnonzero(y >= 0)
    rest = len(y) - len(known)
    times = math.ceil(share / (1 - share) * rest / len(known)) if len(known) and rest else 1
    rows = np.concatenate([np.arange(len(y)), np.tile(known, times - 1)])
    return (x[rows], y[rows]) if times > 1 else (x, y)
