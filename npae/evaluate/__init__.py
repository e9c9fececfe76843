"""Judging a generative model by its samples: nothing but samples and data is needed.

Reading order: `distances.py` (squared distances, a block of rows at a time), `two_sample.py` (can samples be told from
data?), `parzen.py` (the published log-likelihoods of GANs).
"""

from npae.evaluate.jacobian import jacobian_norm
from npae.evaluate.parzen import Parzen, parzen_log_likelihood
from npae.evaluate.two_sample import TwoSample, nearest_neighbour_test

__all__ = ["Parzen", "TwoSample", "jacobian_norm", "nearest_neighbour_test", "parzen_log_likelihood"]
