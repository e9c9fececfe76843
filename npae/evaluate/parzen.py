"""The Parzen window: a density estimated from samples, and the log-likelihood of data under it.

Each of the n samples s_j carries a Gaussian of width σ. The density of a point x of d numbers is their mean, and its
logarithm, in nats, is

    p(x) = 1/n Σ_j N(x; s_j, σ² I)
    ln p(x) = ln Σ_j exp(−‖x − s_j‖²/2σ²) − ln n − d/2 ln(2πσ²)

The logarithm of the sum is computed from its largest term, so that nothing underflows: ln Σ_j e^{u_j} =
m + ln Σ_j e^{u_j − m} with m = max_j u_j. σ is chosen from `sigmas`: the one for which the mean of ln p over validation
data is largest.

**It is not a measure of quality.** In 784 dimensions ten thousand windows leave nearly all of the space empty, so the
number mostly depends on the distance to the *nearest* sample. On MNIST's test set, 10,000 real training digits taken as
"samples" reach 244 nats and a published GAN 225, but cluster centres that do not look like digits reach over 300
(Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative models", section 3.3). It is here for
comparison with published tables; two_sample.py is the better test.

Breuleux, Bengio & Vincent 2011, "Quickly generating representative samples from an RBM-derived process"; Goodfellow et
al. 2014, "Generative adversarial nets", section 5.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from npae.backend import Array, ArrayLike, array_module, as_float, to_device
from npae.evaluate.distances import as_rows, check_alike, squared_distances

SIGMAS = tuple(np.geomspace(0.1, 0.4, 13).tolist())


class Parzen(NamedTuple):
    """What parzen_log_likelihood returns.

    Attributes:
        mean: of ln p(x) over the data, in nats.
        standard_error: of this mean.
        sigma: σ, the best width.

    Example:
        >>> from npae.evaluate import Parzen
        >>> result = Parzen(mean=225.0, standard_error=2.0, sigma=0.2)
        >>> f"{result.mean:.0f} ± {result.standard_error:.0f} nats"
        '225 ± 2 nats'
    """

    mean: float
    standard_error: float
    sigma: float


def parzen_log_likelihood(samples: ArrayLike, data: ArrayLike, validation: ArrayLike,
                          sigmas: float | Sequence[float] = SIGMAS) -> Parzen:  # fmt: skip
    """The log-likelihood of data under windows around samples, with the best σ for validation data.

    All are images or rows, on one device, with pixels in [0, 1] (uint8 is scaled). Published figures have n = m =
    10,000.

    Args:
        samples: (n, …), from the model.
        data: (m, …), test data.
        validation: (k, …), other data, to choose σ by.
        sigmas: one width, or several to choose from.

    Raises ValueError for rows of different lengths, for NaN or Inf, and unless 10⁻¹⁰⁰ ≤ σ ≤ 10¹⁰⁰: a float must hold
    its square.

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import parzen_log_likelihood
        >>> samples, data, validation = np.random.default_rng(0).normal(size=(3, 1000, 1))
        >>> result = parzen_log_likelihood(samples, data, validation)
        >>> entropy = 0.5 * np.log(2 * np.pi * np.e)  # of N(0, 1), from which all are drawn
        >>> bool(abs(result.mean + entropy) < 0.1)
        True
    """
    s, x, v = as_rows(samples, "samples"), as_rows(data, "data"), as_rows(validation, "validation")
    check_alike(s, x, ("samples", "data"))
    check_alike(s, v, ("samples", "validation"))
    widths = [as_float(s, "sigmas of parzen_log_likelihood", least=1e-100, most=1e100) for s in np.ravel(sigmas)]
    if not widths:
        raise ValueError("parzen_log_likelihood: expected one width or more, got sigmas=[].")
    means = _log_densities(s, v, widths).mean(axis=1)
    sigma = float(widths[int(means.argmax())])
    (log_p,) = _log_densities(s, x, [sigma])
    return Parzen(float(log_p.mean()), float(log_p.std() / math.sqrt(len(log_p))), sigma)


def _log_densities(samples: Array, data: Array, sigmas: Sequence[float]) -> Array:
    """ln p(x_i) for every σ and every i, (len(sigmas), m), as a NumPy array of float64."""
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
