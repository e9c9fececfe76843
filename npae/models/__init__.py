"""Models: networks with an objective J, which can be trained and evaluated.

Reading order: `base.py` (the contract), `autoencoder.py`, `dense.py` (from a list of sizes), `wrapper.py` (a model that
is one of its parts), `classifier.py`, `rbm.py` (contrastive divergence), `stacked.py` (greedy layer-wise pretraining),
`phases.py` (several objectives), `sparse/` (dictionaries with few active units), `convolutional.py` (from a list of
channels), `data_dependent_init.py` (first weights from data), `variational/`, `adversarial/`, `latent/`
(interpolation, samples of codes).
"""

from npae.models import latent
from npae.models.adversarial.autoencoder import AdversarialAutoencoder
from npae.models.adversarial.gan import GAN
from npae.models.adversarial.priors import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.adversarial.rejection import rejection_sample
from npae.models.adversarial.semi_supervised import SemiSupervisedAutoencoder
from npae.models.autoencoder import Autoencoder
from npae.models.classifier import Classifier
from npae.models.convolutional import conv_decoder, conv_encoder, convolutional_autoencoder
from npae.models.data_dependent_init import data_dependent_init
from npae.models.dense import dense_autoencoder
from npae.models.latent.mixture import CodeMixture
from npae.models.phases import frozen
from npae.models.rbm import RBM
from npae.models.sparse.gated import GatedSparseAutoencoder
from npae.models.sparse.model import SparseAutoencoder
from npae.models.sparse.resample import resample
from npae.models.stacked import Stacked
from npae.models.variational.dense import variational_autoencoder
from npae.models.variational.model import VariationalAutoencoder

__all__ = [
    "AdversarialAutoencoder", "Autoencoder", "Classifier", "CodeMixture", "GAN", "GatedSparseAutoencoder",
    "GaussianPrior", "OneHotPrior", "RBM", "RingPrior", "SemiSupervisedAutoencoder", "SparseAutoencoder", "Stacked",
    "SwissRollPrior", "UniformPrior", "VariationalAutoencoder", "conv_decoder", "conv_encoder",
    "convolutional_autoencoder", "data_dependent_init", "dense_autoencoder", "frozen", "latent", "rejection_sample",
    "resample", "variational_autoencoder",
]  # fmt: skip
