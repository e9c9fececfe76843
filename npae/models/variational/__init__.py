"""Variational autoencoders: the encoder outputs a distribution of codes.

Reading order: `bounds.py` (the importance-weighted bound, IWAE), `likelihood.py` (estimates of ln p(x)), `model.py`
(the model and its ELBO), `dense.py` (dense networks from a list of sizes).
"""

from npae.models.variational.dense import variational_autoencoder
from npae.models.variational.model import VariationalAutoencoder

__all__ = ["VariationalAutoencoder", "variational_autoencoder"]
