"""Losses ℓ: the distance between what a network returns and what it should return.

Reading order: `base.py` (the rule of reduction), `squared_error.py`, `binary_cross_entropy.py`,
`softmax_cross_entropy.py` (of classes), `masked_cross_entropy.py` (some of which are not known), `gaussian.py`,
`adversarial.py` (discriminator and generator: functions).
"""

from npae.losses.adversarial import discriminator_loss, generator_loss
from npae.losses.base import Loss
from npae.losses.binary_cross_entropy import BinaryCrossEntropy
from npae.losses.gaussian import GaussianNLL, HeteroscedasticGaussianNLL
from npae.losses.masked_cross_entropy import MaskedCrossEntropy
from npae.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from npae.losses.squared_error import SquaredError

Loss.aliases = {"mse": SquaredError, "bce": BinaryCrossEntropy}
Loss.example = 'a loss such as losses.BinaryCrossEntropy() or "mse"'

__all__ = [
    "Loss", "SquaredError", "BinaryCrossEntropy", "GaussianNLL", "HeteroscedasticGaussianNLL", "SoftmaxCrossEntropy",
    "MaskedCrossEntropy", "discriminator_loss", "generator_loss",
]  # fmt: skip
