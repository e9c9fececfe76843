"""Latent space: paths between codes, and a Gaussian mixture fitted to the codes of a trained model.

Reading order: `paths.py` (interpolation, traversal, grids), `mixture.py` (samples from a plain autoencoder).
"""

from npae.models.latent.mixture import CodeMixture
from npae.models.latent.paths import grid, lerp, slerp, traversal

__all__ = ["CodeMixture", "grid", "lerp", "slerp", "traversal"]
