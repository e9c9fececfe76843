"""The two-sample test by nearest neighbours: do samples and data come from the same distribution?

n samples and n rows of data are pooled. For each of the 2n rows, find its nearest neighbour among the others: is it of
the same kind (sample or data) as the row itself? If both kinds have the same distribution, the neighbour is of either
kind with almost the same probability, since n − 1 of the 2n − 1 others are of the row's own kind. So the *accuracy*,
the fraction of rows whose neighbour is of their own kind, is then about ½. For the samples and the data alone:

    accuracy        ½   the two cannot be distinguished        1   they are completely separate
    of_samples      1   samples resemble samples, not data: blurred or collapsed; below ½: they are copies of data
    of_data         1   some data are unlike all samples, even if every single sample is good

The test needs no training and has no parameter. It is stricter than the eye: even among good-looking digits, most rows
are nearer to their own kind. If the distributions are equal, the accuracy has a standard deviation of about
1/(2√(2n)): 0.005 for n = 5,000.

Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests", section 3 (with a neural network or neighbours as the
classifier); Xu et al. 2018, "An empirical study on evaluation metrics of GANs", section 2 (1-NN, leave one out).
"""

import math
from typing import NamedTuple

from npae.backend import array_module
from npae.evaluate.distances import as_rows, check_alike, squared_distances


class TwoSample(NamedTuple):
    """The fraction of rows whose nearest neighbour is of their own kind: of all rows, of the samples, of the data."""

    accuracy: float
    of_samples: float
    of_data: float


def nearest_neighbour_test(samples, data):
    """The TwoSample of `samples` and `data`, both (n, …), images or rows, on one device; about 8 n² d operations.

    data: rows that the model was not trained on. Otherwise copies of training data look like good samples.
    Raises ValueError unless there are as many samples as data, with as many numbers per row; and for NaN or Inf.
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
        d[k - rows.start, k] = math.inf  # a row is not its own neighbour
        own[rows] = (d.argmin(axis=1) < n) == (k < n)
    of_samples, of_data = float(own[:n].mean()), float(own[n:].mean())
    return TwoSample((of_samples + of_data) / 2, of_samples, of_data)
