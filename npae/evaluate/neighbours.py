"""Neighbours: does a code keep near what is near in the data?

Row i is compared with m others. Let r_ij be the rank of row j among them by the distance ‖x_i − x_j‖, 1 for the
nearest, and N_i the k rows whose codes are nearest to h_i. Over n rows:

    kept               1/(nk) Σ_i |{j ∈ N_i: r_ij ≤ k}|
    trustworthiness    1 − 2/(nk (2m − 3k + 1)) Σ_i Σ_{j ∈ N_i} max(r_ij − k, 0)

`kept` is the fraction of the k neighbours in the code that are neighbours in the data too; both sets have k rows, so it
is also the fraction of the data's neighbours that the code keeps. Random codes keep k/m of them. Trustworthiness counts
how far the false neighbours are: a neighbour in the code of rank k + 1 costs little, one of rank m much.

The factor makes the worst code 0. For k ≤ m/2, N_i may consist of the k rows that are farthest in the data, those of
ranks m − k + 1, …, m. Their sum is

    Σ_{t=0}^{k−1} (m − t − k) = k (m − k) − k (k − 1)/2 = k (2m − 3k + 1)/2

Random codes have a trustworthiness of about ½. With x and h exchanged it is the continuity: it counts the neighbours in
the data that the code tears apart. Equal distances have the smallest rank among them.

Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods: an experimental study", where the m =
n − 1 others are all other rows. Here new rows can also be compared with known ones, those of the training set. Lee &
Verleysen 2009, "Quality assessment of dimensionality reduction: rank-based criteria" (`kept` is their Q_NX).
"""

import math
from typing import NamedTuple

from npae.backend import Array, ArrayLike, array_module, as_int
from npae.evaluate.distances import as_rows, check_alike, squared_distances


class Neighbours(NamedTuple):
    """What `neighbours_kept` returns.

    Attributes:
        kept: the fraction of the k nearest rows that the code keeps.
        trustworthiness: 1 if the code adds no false neighbour, about ½ for random codes.

    Example:
        >>> from npae.evaluate import Neighbours
        >>> result = Neighbours(kept=0.4, trustworthiness=0.95)
        >>> f"{result.kept:.0%}"
        '40%'
    """

    kept: float
    trustworthiness: float


def neighbours_kept(x: ArrayLike, h: ArrayLike, k: int = 15,
                    known: tuple[ArrayLike, ArrayLike] | None = None) -> Neighbours:  # fmt: skip
    """How far the k nearest neighbours of rows are also those of their codes, by Euclidean distance.

    It takes memory for 512 × m distances at a time, and 2 n m times the numbers per row operations.

    Args:
        x: data (n, …), images or rows.
        h: their codes (n, …), on the same device.
        k: how many neighbours, at most half of the m others.
        known: (data, codes) of the m rows among which the neighbours are looked for, such as those of training when x
            are new. None: all other rows of x.

    Raises ValueError for different numbers of rows or of numbers per row, for a k that is too large, and for NaN or
    Inf; TypeError for arrays on different devices.

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import neighbours_kept
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> neighbours_kept(x, 5 * x[:, ::-1])  # a rotation and a scale change no order of distances
        Neighbours(kept=1.0, trustworthiness=1.0)
        >>> neighbours_kept(x, x[:, :1]).kept < 0.5
        True
    """
    pair = _pair(x, h, ("x", "h"))
    others = pair if known is None else _pair(*known, ("the known data", "the known codes"))
    for new, old, names in zip(pair, others, (("x", "the known data"), ("h", "the known codes")), strict=True):
        check_alike(new, old, names)
    n, m = len(pair[0]), len(others[0]) - (known is None)
    k = as_int(k, "k of neighbours_kept", least=1)
    if k > m / 2:
        raise ValueError(f"neighbours_kept: expected k of at most half of the {m} others, got {k}.")
    xp, kept, beyond = array_module(pair[0]), 0, 0
    blocks = (squared_distances(new, old) for new, old in zip(pair, others, strict=True))
    for (rows, in_data), (_, in_code) in zip(*blocks, strict=True):
        if known is None:  # a row is not its own neighbour
            own = xp.arange(rows.start, rows.stop)
            in_data[own - rows.start, own] = in_code[own - rows.start, own] = math.inf
        ranks = _ranks(xp, in_data, xp.argpartition(in_code, k - 1, axis=1)[:, :k])
        kept += int((ranks <= k).sum())
        beyond += int(xp.maximum(ranks - k, 0).sum())
    return Neighbours(kept / (n * k), 1 - 2 * beyond / (n * k * (2 * m - 3 * k + 1)))


def _ranks(xp, distances: Array, chosen: Array) -> Array:
    """r_ij of the chosen columns (b, k) in each row of the distances (b, m): 1 + how many are nearer."""
    own = xp.take_along_axis(distances, chosen, axis=1)
    return xp.stack([1 + (distances < own[:, c : c + 1]).sum(axis=1) for c in range(own.shape[1])], axis=1)


def _pair(x: ArrayLike, h: ArrayLike, names: tuple[str, str]) -> tuple[Array, Array]:
    """Data and codes as rows, as many of both, on one device."""
    x, h = as_rows(x, names[0]), as_rows(h, names[1])
    if array_module(x) is not array_module(h):
        raise TypeError(f"Expected {names[0]} and {names[1]} on one device: move one of them with to_device.")
    if len(x) != len(h) or not len(x):
        raise ValueError(f"Expected a code for every row, got {len(x)} rows of {names[0]} and {len(h)} of {names[1]}.")
    return x, h
