"""The workload of sparse autoencoders: 384-3072-384 on hidden states of a language model, or on synthetic ones.

A synthetic row is a sum of ACTIVE out of 4 d random directions with positive coefficients: what a sparse autoencoder
assumes. The time of a step does not depend on the values, as long as no unit is dead.
"""

import numpy as np

from npae import SparseAutoencoder
from npae.layers import BatchTopK, TopK

D, UNITS, ACTIVE = 384, 3072, 20
KINDS = {"top_k": TopK, "batch_top_k": BatchTopK}


def activations(n, d=D, seed=0):
    """n synthetic rows of mean 0 and variance 1, float32."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((4 * d, d)).astype(np.float32)
    h = np.zeros((n, 4 * d), np.float32)
    which = rng.integers(4 * d, size=(n, ACTIVE))
    np.put_along_axis(h, which, rng.exponential(size=which.shape).astype(np.float32), axis=1)
    x = h @ directions
    x -= x.mean(axis=0)
    return x / x.std()


def sparse_autoencoder(k, n_units=UNITS, kind="top_k", seed=0, d=D):
    """npae's model, with its initial weights. On one repeated batch many units never fire: none counts as dead."""
    return SparseAutoencoder(d, n_units, KINDS[kind](k), dead_after=10**9, seed=seed)
