"""How likely data are under a variational autoencoder: its bounds sample by sample, and ln p(x) itself, estimated.

The bounds are those of `bounds.py`, here without gradients and as in inference. The estimate is the mean of K weights,

    ln p(x) ≈ ln 1/K Σ_k w_k,      w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x)

whose mean over the draws is L_K ≤ ln p(x): with K = 5000 the number that papers report (Burda et al. 2016, section 5).
5000 codes for each of 10,000 images are never in memory together. Of the weights that came so far, two numbers are kept
for each x, the largest logarithm m and the sum s of all weights in its units, and a new chunk with largest logarithm m′
joins them:

    M = max(m, m′),      s ← s e^{m − M} + Σ_k e^{ln w_k − M},      m ← M,      so that Σ_k w_k = s eᵐ
"""

import numpy as np

from npae.backend import Arena, array_module
from npae.layers.sampling import copies
from npae.models.variational.bounds import log_mean_and_shares, log_ratio


def _draws(model, x, stats, stream):
    """(ℓ, ln q − ln p) for one code of each row, drawn by its statistics: two arrays (n,)."""
    noise = stream.normal(model.sampler.split(stats)[0])
    z, _ = model.sampler.at(stats, noise)
    return model.loss.per_sample(model.decoder(z), x), log_ratio(z, noise, model.sampler.split(stats)[1])


def elbo_terms(model, x, stream, samples=1):
    """(E_q[ℓ] by `samples` codes, KL) of every sample of a batch x: (B, 2). The ELBO is minus their sum."""
    stats = model.encoder(x)
    cost, _ = _draws(model, copies(x, samples), copies(stats, samples), stream)
    return array_module(x).stack((cost.reshape(samples, -1).mean(axis=0), model.kl.per_sample(stats)), axis=1)


def iwae_terms(model, x, stream, samples):
    """(Σ_k w̃_k ℓ_k, the rest of −L_K) of every sample of a batch x: (B, 2). L_K is minus their sum."""
    cost, ratio = _draws(model, copies(x, samples), copies(model.encoder(x), samples), stream)
    log_mean, w = log_mean_and_shares(-(cost + ratio), samples)
    reconstruction = (w * cost.reshape(samples, -1)).sum(axis=0)
    return array_module(x).stack((reconstruction, -log_mean - reconstruction), axis=1)


def log_mean_weight(model, x, stream, samples, at_once):
    """ln 1/K Σ_k w_k of every sample of a batch x, K = `samples`: (B,), decoding about `at_once` codes at a time."""
    xp, arena = array_module(x), Arena()
    most = min(samples, max(1, at_once // len(x)))
    x_k, stats_k = copies(x, most), copies(model.encoder(x), most)
    m, s = xp.full(len(x), -np.inf), xp.zeros(len(x))
    for start in range(0, samples, most):
        k = min(most, samples - start)
        with arena.frame(k):
            cost, ratio = _draws(model, x_k[: k * len(x)], stats_k[: k * len(x)], stream)
            log_w = -(cost + ratio).astype(np.float64).reshape(k, -1)
        largest = xp.maximum(m, log_w.max(axis=0))
        s = s * xp.exp(m - largest) + xp.exp(log_w - largest).sum(axis=0)
        m = largest
    return m + xp.log(s / samples)
