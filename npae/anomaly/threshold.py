"""The threshold of an anomaly detector: a quantile of the distances of rows that it has not seen.

The distances of the training rows themselves are too small: the network has learnt these rows, and mean and covariance
are theirs. The fewer rows per feature, the larger the error. For the Mahalanobis distance of n normal rows of d normal
features the mean of M² is

    d over the training rows        d (n + 1)/(n − d − 2) for a new row

(tr S⁻¹S = d; and E[S⁻¹] = n/(n − d − 2) Σ⁻¹ for the covariance S of normal rows, with a factor 1 + 1/n for the mean).
With n = 100 and d = 29 this is 29 and 42.4: most new rows exceed what only few of the training rows exceed.

**Cross-fitting.** The rows are divided into K parts by the seed. For each part, everything (standardisation, network,
covariances) is fitted to the rows outside of it, and gives the distances of the rows in it. Such a row is as new to
its fit as any later row. So the n distances are, but for the part that is missing in each fit, a sample of the
distances of new normal rows. A last fit, to all rows, is the detector. It has seen n rows and not n (1 − 1/K), so its
distances of new rows are slightly smaller, and slightly fewer of them are called anomalies than intended.

**The quantile.** Let D₍₁₎ ≥ D₍₂₎ ≥ … ≥ D₍ₘ₎ be the m distances, and let a new one be drawn from the same continuous
distribution. All m + 1 places in the order are equally probable for it, so it exceeds D₍ₖ₎ with probability k/(m + 1).
For a share c we need k = c (m + 1). It is not an integer in general, so the threshold lies between two of them:

    t = D₍ₖ₎ + (c (m + 1) − k)(D₍ₖ₊₁₎ − D₍ₖ₎)        k = ⌊c (m + 1)⌋, at least 1

With c (m + 1) < 1, so few rows cannot show so small a share: t = D₍₁₎ is exceeded with probability 1/(m + 1).

**Cost.** About c m rows lie beyond t, and this number has a standard deviation of about √(c m). With m = 50/c rows the
relative error of the share is 1/√50 = 14 %, and more rows are not needed. So only as many parts are used as hold 50/c
rows. If these are at most 1 % of all, they are left out for good: the fit to the other rows is the detector. Tables of
few rows cost K + 1 fits, tables of 500/c rows two, and those of 5000/c rows one.

Stone 1974, "Cross-validatory choice and assessment of statistical predictions"; Vovk, Gammerman & Shafer 2005,
"Algorithmic learning in a random world" (the probability k/(m + 1)).
"""

import math

import numpy as np

from npae.backend import Array

BEYOND = 50  # rows beyond the threshold: relative standard error 1/√50


def held_out(n: int, share: float, folds: int, seed: int, every_row: bool = False) -> tuple[list[Array], bool]:
    """The row numbers of the parts to hold out, a list of arrays; and whether a fit to all rows follows.

    Args:
        n: the number of rows.
        share: c.
        folds: K, 0 for no parts.
        seed: draws the parts.
        every_row: use all parts.
    """
    folds, needed = min(int(folds), n), math.ceil(BEYOND / share)
    if folds < 2 or n < 3:  # two rows leave one to fit to, which has no variance
        return [], True
    order = np.random.default_rng([seed, n]).permutation(n)
    if needed <= n // 100 and not every_row:
        return [np.sort(order[:needed])], False
    used = folds if every_row else min(folds, math.ceil(needed * folds / n))
    return [np.sort(part) for part in np.array_split(order, folds)[:used]], True


def others(numbers: Array, n: int) -> Array:
    """The row numbers below n that are not in `numbers`, in order."""
    kept = np.ones(n, bool)
    kept[numbers] = False
    return np.flatnonzero(kept)


def upper_quantile(distances: Array, share: float) -> float:
    """The t that a further distance exceeds with probability `share`, see above. Infinite distances exceed it."""
    ordered = np.sort(distances)[::-1]
    place = max(1, share * (len(ordered) + 1))
    k = math.floor(place)
    if not math.isfinite(ordered[k - 1]):
        return float(ordered[np.isfinite(ordered)].max(initial=-math.inf))
    return float(ordered[k - 1] + (place - k) * (ordered[min(k, len(ordered) - 1)] - ordered[k - 1]))
