"""Losses ℓ(z, x): what a reconstruction costs.

Reading order: `base.py` (the rule of reduction), `squared_error.py`, `cross_entropy.py`, `gaussian.py`,
`softmax.py` (of classes), `partial.py` (few of which are known), `adversarial.py` (of two players: functions).
"""

from npae.losses.adversarial import discriminator_loss, generator_loss
from npae.losses.base import Loss
from npae.losses.binary_cross_entropy import BinaryCrossEntropy
from npae.losses.gaussian import Gaussian, HeteroscedasticGaussianNLL
from npae.losses.masked_cross_entropy import MaskedCrossEntropy
from npae.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from npae.losses.squared_error import SquaredError

__all__ = [
    "Loss", "SquaredError", "BinaryCrossEntropy", "Gaussian", "HeteroscedasticGaussianNLL", "SoftmaxCrossEntropy",
    "MaskedCrossEntropy", "discriminator_loss", "generator_loss",
]  # fmt: skip
