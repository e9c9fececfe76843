"""Few labels among many samples: which of them are kept, and how often a batch shall see one.

A label that is not known is −1 (npae.losses.masked_cross_entropy). Of 60,000 images with 100 labels, most batches of 100 would hold
none; so those that have one are shown more often. Of n samples L have a label; shown r times each, they are a share

    q = r L / (n − L + r L)         of all rows,         r = q/(1 − q) · (n − L)/L,  rounded up
"""

import math

import numpy as np

from npae.backend import as_int
from npae.data.sources import as_labelled


def hide_labels(y, n, seed=0):
    """The class numbers y with all but n of them −1: as many of each class as of every other, drawn by the seed.

    Where n is no multiple of the number of classes, the first have one more. Raises ValueError for n above len(y).
    """
    y, n = np.asarray(y), as_int(n, "n", least=1)
    if n > len(y):
        raise ValueError(f"hide_labels: expected n of {len(y)} labels at most, got {n}.")
    rng = np.random.default_rng(seed)
    kinds = [rng.permutation(np.flatnonzero(y == k)) for k in np.unique(y)]
    turn = np.concatenate([np.arange(len(rows)) for rows in kinds])  # going round the classes
    kept = np.concatenate(kinds)[turn.argsort(kind="stable")[:n]]
    hidden = np.full(len(y), -1)
    hidden[kept] = y[kept]
    return hidden


def oversample_labelled(x, y, share=0.5):
    """(x, y) with those samples repeated whose label is known, until they are `share` of all: data for fit.

    x: (n, …) in memory, y: (n,) class numbers, −1 where not known. The samples are copied; where the labels known are
    enough already, or none or all of them, (x, y) as they are. Raises ValueError for a share outside 0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"oversample_labelled: expected 0 < share < 1, got {share}.")
    x, y = as_labelled((x, y))
    known = np.flatnonzero(y >= 0)
    rest = len(y) - len(known)
    times = math.ceil(share / (1 - share) * rest / len(known)) if len(known) and rest else 1
    rows = np.concatenate([np.arange(len(y)), np.tile(known, times - 1)])
    return (x[rows], y[rows]) if times > 1 else (x, y)
