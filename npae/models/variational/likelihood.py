"""Estimates of ln p(x) under a variational autoencoder, and its bounds for every sample.

The bounds are those of `model.py` (ELBO) and `bounds.py` (L_K), without gradients and in inference mode. The estimate
of ln p(x) is the logarithm of the mean of K importance weights,

    ln p(x) ≈ ln 1/K Σ_k w_k,      w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x)

Its expectation is L_K ≤ ln p(x); published results often use K = 5000 (Burda et al. 2016, section 5).

5000 codes for each of 10,000 images do not fit into memory. So the weights are computed in chunks, and for every x only
two numbers are kept: the largest logarithm m so far, and the sum of all weights so far divided by eᵐ, s. A new chunk
with the largest logarithm m′ updates them:

    M = max(m, m′),      s ← s e^{m − M} + Σ_k e^{ln w_k − M},      m ← M,      so that always Σ_k w_k = s eᵐ
"""

from typing import TYPE_CHECKING

import numpy as np

from npae.backend import Arena, Array, BatchSize, Stream, array_module, rows_of
from npae.layers.sampling import tile
from npae.models.variational.bounds import log_mean_and_weights, log_ratio

if TYPE_CHECKING:
    from npae.models.variational.model import VariationalAutoencoder


def _sampled(model: "VariationalAutoencoder", x: Array, stats: Array, stream: Stream) -> tuple[Array, Array]:
    """(ℓ, ln q − ln p) of one code per row, sampled from the row's q(z | x): two arrays (n,)."""
    noise = stream.normal(model.sampler.split(stats)[0])
    z, _ = model.sampler.at(stats, noise)
    return model.loss.per_sample(model.decoder(z), x), log_ratio(z, noise, model.sampler.split(stats)[1])


def elbo_terms(model: "VariationalAutoencoder", x: Array, stream: Stream, samples: int = 1) -> Array:
    """(E_q[ℓ] and KL) for every sample of a batch: (B, 2). ELBO = −(E_q[ℓ] + KL).

    Args:
        model: a VariationalAutoencoder.
        x: the batch, (B, …).
        stream: draws the codes.
        samples: codes per sample, from which E_q[ℓ] is estimated.
    """
    stats = model.encoder(x)
    loss, _ = _sampled(model, tile(x, samples), tile(stats, samples), stream)
    return array_module(x).stack((loss.reshape(samples, -1).mean(axis=0), model.kl.per_sample(stats)), axis=1)


def iwae_terms(model: "VariationalAutoencoder", x: Array, stream: Stream, samples: int) -> Array:
    """(Σ_k w̃_k ℓ_k, and the rest of −L_K) for every sample of a batch: (B, 2). L_K is minus their sum.

    Args:
        model: a VariationalAutoencoder.
        x: the batch, (B, …).
        stream: draws the codes.
        samples: K, codes per sample.
    """
    loss, ratio = _sampled(model, tile(x, samples), tile(model.encoder(x), samples), stream)
    log_mean, w = log_mean_and_weights(-(loss + ratio), samples)
    reconstruction = (w * loss.reshape(samples, -1)).sum(axis=0)
    return array_module(x).stack((reconstruction, -log_mean - reconstruction), axis=1)


def log_mean_weight(model: "VariationalAutoencoder", x: Array, stream: Stream, samples: int,
                    at_once: BatchSize) -> Array:  # fmt: skip
    """ln 1/K Σ_k w_k for every sample of a batch: (B,).

    Args:
        model: a VariationalAutoencoder.
        x: the batch, (B, …).
        stream: draws the codes.
        samples: K, codes per sample.
        at_once: about how many codes are decoded at a time, a number or what as_batch_size returns.
    """
    xp, arena = array_module(x), Arena()
    codes = rows_of(at_once, (samples * len(x), *x.shape[1:]), x)
    most = min(samples, max(1, codes // len(x)))
    x_k, stats_k = tile(x, most), tile(model.encoder(x), most)
    m, s = xp.full(len(x), -np.inf), xp.zeros(len(x))
    for start in range(0, samples, most):
        k = min(most, samples - start)
        with arena.frame(k):
            loss, ratio = _sampled(model, x_k[: k * len(x)], stats_k[: k * len(x)], stream)
            log_w = -(loss + ratio).astype(np.float64).reshape(k, -1)
        largest = xp.maximum(m, log_w.max(axis=0))
        s = s * xp.exp(m - largest) + xp.exp(log_w - largest).sum(axis=0)
        m = largest
    return m + xp.log(s / samples)
