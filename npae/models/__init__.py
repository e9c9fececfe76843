"""Models: what layers, losses and penalties are put together for.

Reading order: `base.py` (the contract), `autoencoder.py`, `mirrored.py` (the dense one from a list of sizes),
`convolutional.py` (those of images), `calibrate.py` (first weights from the data), `summary.py` (its table),
`classifier.py`, `stacked.py` (greedy pretraining of either); `variational.py`, `bounds.py`, `likelihood.py` (codes that
are distributions), `walks.py` (ways through code space), `mixture.py` (new samples from a plain autoencoder);
`phases.py` (several objectives), `duel.py` (a discriminator and its opponent), `gan.py`, `priors.py`, `adversarial.py`
(the adversarial autoencoder); `parts.py` (codes of several parts), `semi_supervised.py` (one part is the class).
"""

from npae.models import walks
from npae.models.adversarial import AdversarialAutoencoder
from npae.models.autoencoder import Autoencoder
from npae.models.calibrate import calibrate
from npae.models.classifier import Classifier
from npae.models.convolutional import convolutional, from_images, to_images
from npae.models.gan import GAN
from npae.models.mirrored import mirrored
from npae.models.mixture import CodeMixture
from npae.models.priors import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.semi_supervised import SemiSupervisedAutoencoder
from npae.models.stacked import Stacked
from npae.models.variational import VariationalAutoencoder, variational

__all__ = [
    "AdversarialAutoencoder", "Autoencoder", "Classifier", "CodeMixture", "GAN", "GaussianPrior", "OneHotPrior",
    "RingPrior", "SemiSupervisedAutoencoder", "Stacked", "SwissRollPrior", "UniformPrior", "VariationalAutoencoder",
    "calibrate", "convolutional", "from_images", "mirrored", "to_images", "variational", "walks",
]  # fmt: skip
