"""The Parzen window: a density put together from samples, and the log-likelihood of data under it.

Every one of the n samples s_j gets a Gaussian of width σ; what they say of a point x together, in nats:

    p(x) = 1/n Σ_j N(x; s_j, σ² I)
    ln p(x) = ln Σ_j exp(−‖x − s_j‖²/2σ²) − ln n − d/2 ln(2πσ²)

The logarithm of the sum is taken from its largest term on: ln Σ_j e^{u_j} = m + ln Σ_j e^{u_j − m}, m = max_j u_j. σ
is chosen on validation data: the one of `sigmas` under which their mean ln p is largest.

**It is no measure of quality.** In 784 dimensions ten thousand windows leave nearly all of the space empty, and the
number says mostly how near the *nearest* sample is: 10,000 real training digits, taken as "samples", get 244 nats on
MNIST's test set, a GAN has been reported with 225, cluster centres that nobody would take for digits with over 300
(Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative models", section 3.3). It is here for
comparison with published tables; `two_sample.py` asks the better question.

Breuleux, Bengio & Vincent 2011, "Quickly generating representative samples from an RBM-derived process"; Goodfellow et
al. 2014, "Generative adversarial nets", section 5.
"""

import math
from typing import NamedTuple

import numpy as np

from npae.backend import array_module, to_device
from npae.evaluate.distances import as_rows, check_alike, squared_distances

SIGMAS = tuple(np.geomspace(0.1, 0.4, 13).tolist())


class Parzen(NamedTuple):
    """The mean of ln p(x) over the data in nats, its standard error over them, and σ."""

    mean: float
    standard_error: float
    sigma: float


def parzen_log_likelihood(samples, data, validation, sigmas=SIGMAS):
    """The Parzen of `data` (m, …) under the windows around `samples` (n, …), σ from `sigmas` by `validation` (k, …).

    Images or rows, on one device, pixels in [0, 1] (uint8 images are scaled). sigmas: one width, or several. Published
    figures: n = m = 10,000.
    Raises ValueError for rows of different lengths or with NaN or Inf, and for a σ that is not above 0.
    """
    samples, data, validation = (
        as_rows(v, name) for v, name in ((samples, "samples"), (data, "data"), (validation, "validation"))
    )
    check_alike(samples, data, ("samples", "data"))
    check_alike(samples, validation, ("samples", "validation"))
    sigmas = np.ravel(sigmas).tolist()
    if not sigmas or not all(0 < sigma < math.inf for sigma in sigmas):
        raise ValueError(f"parzen_log_likelihood: expected widths above 0, got sigmas={sigmas}.")
    means = _log_densities(samples, validation, sigmas).mean(axis=1)
    sigma = float(sigmas[int(means.argmax())])
    (log_p,) = _log_densities(samples, data, [sigma])
    return Parzen(float(log_p.mean()), float(log_p.std() / math.sqrt(len(log_p))), sigma)


def _log_densities(samples, data, sigmas):
    """ln p(x_i) for every σ: (len(sigmas), m), float64, on the host."""
    n, d = samples.shape
    xp, result = array_module(samples), np.empty((len(sigmas), len(data)))
    for rows, distances in squared_distances(data, samples):
        nearest = distances.min(axis=1)
        distances -= nearest[:, None]
        for k, sigma in enumerate(sigmas):
            log_sum = xp.log(xp.exp(distances * (-0.5 / sigma**2)).sum(axis=1)) - nearest * (0.5 / sigma**2)
            constant = math.log(n) + d / 2 * math.log(2 * math.pi * sigma**2)
            result[k, rows] = to_device(log_sum, "cpu")
            result[k, rows] -= constant
    return result
