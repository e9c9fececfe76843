"""Evaluation: metrics of generative models, from samples and data alone, and of how sensitive a code is.

In reading order:

    distances.py     squared distances between all rows of two matrices, block by block
    two_sample.py    the nearest-neighbour two-sample test: do samples and data have the same distribution?
    parzen.py        the log-likelihood of a Parzen window, for comparison with published figures of GANs
    frechet.py       the Fréchet distance: do the means and covariances of samples and data agree?
    jacobian.py      the norm of the encoder's Jacobian
    variance.py      the fraction of variance unexplained
    sparse_health.py how sparse a code is, and how many of its units are dead
    neighbours.py    does a code keep near what is near in the data?
"""

from npae.evaluate.frechet import frechet_distance
from npae.evaluate.jacobian import jacobian_norm
from npae.evaluate.neighbours import Neighbours, neighbours_kept
from npae.evaluate.parzen import Parzen, parzen_log_likelihood
from npae.evaluate.sparse_health import SparseHealth, sparse_health
from npae.evaluate.two_sample import TwoSample, nearest_neighbour_test
from npae.evaluate.variance import fraction_of_variance_unexplained

__all__ = [
    "Neighbours", "Parzen", "SparseHealth", "TwoSample", "fraction_of_variance_unexplained", "frechet_distance",
    "jacobian_norm", "nearest_neighbour_test", "neighbours_kept", "parzen_log_likelihood", "sparse_health",
]  # fmt: skip
