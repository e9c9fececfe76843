"""Models: what layers, losses and penalties are put together for.

Reading order: `autoencoder.py`, `mirrored.py` (the dense one from a list of sizes), `calibrate.py` (first weights from
the data), `summary.py` (its table), `classifier.py`.
"""

from npae.models.autoencoder import Autoencoder
from npae.models.calibrate import calibrate
from npae.models.classifier import Classifier
from npae.models.mirrored import mirrored

__all__ = ["Autoencoder", "Classifier", "calibrate", "mirrored"]
