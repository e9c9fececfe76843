"""Models: what layers, losses and penalties are put together for.

Reading order: `base.py` (the contract), `autoencoder.py`, `mirrored.py` (the dense one from a list of sizes),
`calibrate.py` (first weights from the data), `summary.py` (its table), `classifier.py`, `stacked.py` (greedy
pretraining of either).
"""

from npae.models.autoencoder import Autoencoder
from npae.models.calibrate import calibrate
from npae.models.classifier import Classifier
from npae.models.mirrored import mirrored
from npae.models.stacked import Stacked

__all__ = ["Autoencoder", "Classifier", "Stacked", "calibrate", "mirrored"]
