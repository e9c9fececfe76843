"""Variational autoencoders: codes that are distributions.

Reading order: `model.py` (the model and its builder), `bounds.py` (ELBO and importance-weighted bound),
`likelihood.py` (estimates of ln p(x)).
"""

from npae.models.variational.model import VariationalAutoencoder, variational_autoencoder

__all__ = ["VariationalAutoencoder", "variational_autoencoder"]
