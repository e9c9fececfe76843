"""Few labels: hide most labels of a data set, and oversample the rows that keep theirs.

An unknown label is −1 (npae.losses.masked_cross_entropy). With 100 labels among 60,000 images, most batches of 100 rows
would contain no label at all. So the labelled rows are repeated. If L of n rows have a label, and each of them occurs r
times, their share of all rows is

    q = r L / (n − L + r L),        so        r = q/(1 − q) · (n − L)/L,  rounded up
"""

import math
from typing import Any

import numpy as np

from npae.backend import Array, ArrayLike, as_float, as_int
from npae.data.sources import as_labelled


def hide_labels(y: Any, n: int, seed: int = 0) -> Array:
    """The class numbers y, with all but n of them replaced by −1: equally many of each class are kept.

    If n is not a multiple of the number of classes, the first classes keep one more.

    Args:
        y: class numbers, (rows,).
        n: how many are kept.
        seed: which ones these are.

    Raises ValueError for n above len(y).

    Example:
        >>> import numpy as np
        >>> from npae.data import hide_labels
        >>> y = np.arange(1000) % 10
        >>> some = hide_labels(y, 100)
        >>> np.bincount(some[some >= 0]).tolist()
        [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
    """
    y, n = np.asarray(y), as_int(n, "n of hide_labels", least=1)
    if n > len(y):
        raise ValueError(f"hide_labels: expected n of at most {len(y)}, the number of labels, got {n}.")
    rng = np.random.default_rng(as_int(seed, "seed of hide_labels", least=0, most=None))
    kinds = [rng.permutation(np.flatnonzero(y == k)) for k in np.unique(y)]
    turn = np.concatenate([np.arange(len(rows)) for rows in kinds])  # one row of each class in turn
    kept = np.concatenate(kinds)[turn.argsort(kind="stable")[:n]]
    hidden = np.full(len(y), -1)
    hidden[kept] = y[kept]
    return hidden


def oversample_labelled(x: ArrayLike, y: ArrayLike, share: float = 0.5) -> tuple[Array, Array]:
    """(x, y) with the labelled rows repeated, as data for fit.

    The rows are copied; but x and y are returned as they are if the share is large enough already, or if all labels or
    no labels are known.

    Args:
        x: samples (n, …) in memory.
        y: class numbers (n,), −1 if unknown.
        share: of the labelled rows among all rows, at least.

    Raises ValueError unless 0 < share < 1.

    Example:
        >>> import numpy as np
        >>> from npae.data import hide_labels, oversample_labelled
        >>> y = hide_labels(np.arange(1000) % 10, 50)
        >>> x, y = oversample_labelled(np.zeros((1000, 5)), y, share=0.5)
        >>> len(x), round(float((y >= 0).mean()), 2)
        (1900, 0.5)
    """
    share = as_float(share, "share of oversample_labelled", above=0, below=1)
    samples, labels = as_labelled((x, y))
    known = np.flatnonzero(labels >= 0)
    rest = len(labels) - len(known)
    times = math.ceil(share / (1 - share) * rest / len(known)) if len(known) and rest else 1
    rows = np.concatenate([np.arange(len(labels)), np.tile(known, times - 1)])
    return (samples[rows], labels[rows]) if times > 1 else (samples, labels)
