"""Sparse autoencoders: a dictionary of many directions, of which each sample uses few.

Reading order: `dictionary.py` (what all have in common: the decoder, the count of dead units), `auxiliary.py` (dead
units reconstruct the residual), `model.py` (one linear map and a sparse activation), `gated.py` (gates), `resample.py`
(dead units begin anew).
"""

from npae.models.sparse.gated import GatedSparseAutoencoder
from npae.models.sparse.model import SparseAutoencoder
from npae.models.sparse.resample import resample

__all__ = ["GatedSparseAutoencoder", "SparseAutoencoder", "resample"]
