"""Models: what layers, losses and penalties are put together for.

Reading order: `autoencoder.py`, `mirrored.py` (the dense one from a list of sizes), `summary.py` (its table).
"""

from npae.models.autoencoder import Autoencoder
from npae.models.mirrored import mirrored

__all__ = ["Autoencoder", "mirrored"]
