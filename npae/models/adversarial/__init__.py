"""Adversarial models: a discriminator, and a generator or encoder that is trained with its gradient.

Reading order: `priors.py` (distributions of codes), `sampler.py` (samples of them in training), `game.py` (one
adversarial step), `gan.py`, `rejection.py` (better samples of it), `autoencoder.py` (the adversarial autoencoder),
`parts.py` (codes of several parts), `semi_supervised.py` (one of them is the class).
"""

from npae.models.adversarial.autoencoder import AdversarialAutoencoder
from npae.models.adversarial.gan import GAN
from npae.models.adversarial.priors import (
    GaussianPrior,
    OneHotPrior,
    Prior,
    RingPrior,
    SwissRollPrior,
    UniformPrior,
)
from npae.models.adversarial.rejection import rejection_sample
from npae.models.adversarial.semi_supervised import SemiSupervisedAutoencoder

__all__ = [
    "AdversarialAutoencoder", "GAN", "GaussianPrior", "OneHotPrior", "Prior", "RingPrior", "SemiSupervisedAutoencoder",
    "SwissRollPrior", "UniformPrior", "rejection_sample",
]  # fmt: skip
