"""Adversarial models: a discriminator, and a network that learns from its derivative.

Reading order: `game.py` (one adversarial step), `gan.py`, `priors.py`, `autoencoder.py` (the adversarial autoencoder),
`parts.py` (codes of several parts), `semi_supervised.py` (one part is the class).
"""

from npae.models.adversarial.autoencoder import AdversarialAutoencoder
from npae.models.adversarial.gan import GAN
from npae.models.adversarial.priors import GaussianPrior, OneHotPrior, RingPrior, SwissRollPrior, UniformPrior
from npae.models.adversarial.semi_supervised import SemiSupervisedAutoencoder

__all__ = [
    "AdversarialAutoencoder", "GAN", "GaussianPrior", "OneHotPrior", "RingPrior", "SemiSupervisedAutoencoder",
    "SwissRollPrior", "UniformPrior",
]  # fmt: skip
