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

from npae.backend import ArrayLike, array_module
from npae.evaluate.distances import as_rows, check_alike, squared_distances


class TwoSample(NamedTuple):
    """The fraction of rows whose nearest neighbour is of their own kind.

    Attributes:
        accuracy: of all rows.
        of_samples: of the samples.
        of_data: of the data.

    Example:
        >>> from npae.evaluate import TwoSample
        >>> result = TwoSample(accuracy=0.55, of_samples=0.6, of_data=0.5)
        >>> result.accuracy
        0.55
    """

    accuracy: float
    of_samples: float
    of_data: float


def nearest_neighbour_test(samples: ArrayLike, data: ArrayLike) -> TwoSample:
    """Whose nearest neighbour is of its own kind? It takes about 8 n² d operations.

    Args:
        samples: (n, …), images or rows, from the model.
        data: (n, …), on the same device, that the model was not trained on. Otherwise copies of training data look like
            good samples.

    Raises ValueError unless there are as many samples as data, with as many numbers per row; and for NaN or Inf.

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import nearest_neighbour_test
        >>> samples, data = np.random.default_rng(0).normal(size=(2, 1000, 2))
        >>> abs(nearest_neighbour_test(samples, data).accuracy - 0.5) < 0.05
        True
        >>> nearest_neighbour_test(samples + 9, data).accuracy
        1.0
    """
    s, x = as_rows(samples, "samples"), as_rows(data, "data")
    check_alike(s, x, ("samples", "data"))
    n = len(s)
    if len(x) != n or n < 2:
        raise ValueError(f"Expected as many samples as data, at least 2, got {n} and {len(x)}: cut the longer one.")
    xp = array_module(s)
    pool = xp.concatenate([s, x])
    own = xp.empty(2 * n, bool)
    for rows, d in squared_distances(pool, pool):
        k = xp.arange(rows.start, rows.stop)
        d[k - rows.start, k] = math.inf  # a row is not its own neighbour
        own[rows] = (d.argmin(axis=1) < n) == (k < n)
    of_samples, of_data = float(own[:n].mean()), float(own[n:].mean())
    return TwoSample((of_samples + of_data) / 2, of_samples, of_data)
