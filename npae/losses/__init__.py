"""Losses ℓ(z, x): what a reconstruction costs.

Reading order: `base.py` (the rule of reduction), `squared_error.py`, `cross_entropy.py`, `gaussian.py`,
`softmax.py` (of classes), `partial.py` (few of which are known), `adversarial.py` (of two players: functions).
"""

from npae.losses.adversarial import discriminator_loss, generator_loss
from npae.losses.base import Loss
from npae.losses.cross_entropy import CrossEntropy
from npae.losses.gaussian import Gaussian, LearnedGaussian
from npae.losses.partial import PartialCrossEntropy
from npae.losses.softmax import SoftmaxCrossEntropy
from npae.losses.squared_error import SquaredError

__all__ = [
    "Loss", "SquaredError", "CrossEntropy", "Gaussian", "LearnedGaussian", "SoftmaxCrossEntropy",
    "PartialCrossEntropy", "discriminator_loss", "generator_loss",
]  # fmt: skip
