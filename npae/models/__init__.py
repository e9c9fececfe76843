"""Models: what layers, losses and penalties are put together for.

Reading order: `base.py` (the contract), `autoencoder.py`, `dense_autoencoder.py` (the dense one from a list of sizes),
`convolutional.py` (those of images), `data_dependent_init.py` (first weights from the data), `summary.py` (its table),
`classifier.py`, `stacked.py` (greedy pretraining of either); `variational.py`, `bounds.py`, `likelihood.py` (codes that
are distributions), `latent.py` (ways through code space), `mixture.py` (new samples from a plain autoencoder);
`phases.py` (several objectives), `duel.py` (a discriminator and its opponent), `gan.py`, `priors.py`, `adversarial.py`
(the adversarial autoencoder); `parts.py` (codes of several parts), `semi_supervised.py` (one part is the class).
"""

from npae.models import latent
from npae.models.adversarial.autoencoder import AdversarialAutoencoder
from npae.models.adversarial.gan import GAN
from npae.models.adversarial.priors import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.adversarial.semi_supervised import SemiSupervisedAutoencoder
from npae.models.autoencoder import Autoencoder
from npae.models.classifier import Classifier
from npae.models.convolutional import conv_decoder, conv_encoder, convolutional_autoencoder
from npae.models.data_dependent_init import data_dependent_init
from npae.models.dense import dense_autoencoder
from npae.models.latent.mixture import CodeMixture
from npae.models.stacked import Stacked
from npae.models.variational.model import VariationalAutoencoder, variational_autoencoder

__all__ = [
    "AdversarialAutoencoder", "Autoencoder", "Classifier", "CodeMixture", "GAN", "GaussianPrior", "OneHotPrior",
    "RingPrior", "SemiSupervisedAutoencoder", "Stacked", "SwissRollPrior", "UniformPrior", "VariationalAutoencoder",
    "data_dependent_init", "convolutional_autoencoder", "conv_encoder", "dense_autoencoder", "conv_decoder", "variational_autoencoder", "latent",
]  # fmt: skip
