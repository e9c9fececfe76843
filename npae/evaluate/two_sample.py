"""The two-sample test: if samples are as good as data, nobody can tell which is which.

n samples and n of the data are thrown together, and each of the 2n is asked of which kind its nearest neighbour among
the others is. If both come from one distribution, the neighbour is of either kind (n − 1 of the 2n − 1 others are of
one's own): the *accuracy*, the fraction whose neighbour is of the own kind, is about ½. In halves:

    accuracy        ½   cannot be told apart           1   each kind keeps to itself
    of samples      1   samples resemble samples, not data (blurred, say, or collapsed); below ½: they are copies
    of data         1   there is data that no sample is like, also if every single sample is good

It needs no training and no parameter, and asks more than a picture does: also of good-looking digits most are nearer to
their like. If both kinds are the same the accuracy is ½ ± 1/(2√(2n)) or so: 0.5 ± 0.005 for n = 5,000.

Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests", section 3 (with a neural network or neighbours as the
classifier); Xu et al. 2018, "An empirical study on evaluation metrics of GANs", section 2 (1-NN, leave one out).
"""

import math
from typing import NamedTuple

from npae.backend import array_module
from npae.evaluate.distances import as_rows, check_alike, squared_distances


class TwoSample(NamedTuple):
    """Fractions whose nearest neighbour is of the own kind: of all, of the samples, of the data."""

    accuracy: float
    of_samples: float
    of_data: float


def nearest_neighbour_test(samples, data):
    """The TwoSample of `samples` and `data`, both (n, …), images or rows, on one device; about 2 n² d · 4 operations.

    data: what the model has not seen, or copies of what it has seen cannot be told from good samples.
    Raises ValueError for different numbers of either or of numbers a row, and for NaN or Inf.
    """
    samples, data = as_rows(samples, "samples"), as_rows(data, "data")
    check_alike(samples, data, ("samples", "data"))
    n = len(samples)
    if len(data) != n or n < 2:
        raise ValueError(f"Expected as many samples as data, at least 2, got {n} and {len(data)}: cut the longer one.")
    xp = array_module(samples)
    pool = xp.concatenate([samples, data])
    own = xp.empty(2 * n, bool)
    for rows, d in squared_distances(pool, pool):
        k = xp.arange(rows.start, rows.stop)
        d[k - rows.start, k] = math.inf  # nobody is its own neighbour
        own[rows] = (d.argmin(axis=1) < n) == (k < n)
    of_samples, of_data = float(own[:n].mean()), float(own[n:].mean())
    return TwoSample((of_samples + of_data) / 2, of_samples, of_data)
