"""Dropout: in training, set each unit to zero with probability p, so that units cannot rely on particular others.

    y = x ⊙ m/(1 − p),   m = [u ≥ p],  u uniform in [0, 1)           ∂J/∂x = ∂J/∂y ⊙ m/(1 − p)

At inference no unit is dropped. Scaling by 1/(1 − p) during training (*inverted* dropout) keeps the next layer's
expected input the same:

    E[y] = x · P(u ≥ p)/(1 − p) = x

This scaling is the difference to the masking noise of a denoising autoencoder (corruption.py). Dropout follows an
activation: Sequential(Dense(784, 500, ReLU), Dropout(0.5), Dense(500, 30)).

Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, "Dropout: a simple way to prevent neural networks from
overfitting", JMLR 15, section 10 for the scaling in training.
"""

from npae.backend import Array, elementwise
from npae.layers.corruption import RandomMask


@elementwise
def _drop(x, u, p, scale):
    return x * (u >= p) * scale


class Dropout(RandomMask):
    """y = x ⊙ [u ≥ p]/(1 − p) in training, y = x at inference, for x of any shape.

    Each number of x is dropped independently. Random numbers are drawn, frozen and reseeded as in Stochastic.
    Raises ValueError unless 0 ≤ p < 1.

    Args:
        fraction: p, the probability that a number is dropped.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Dropout
        >>> dropout, h = Dropout(0.5), np.ones((100, 100), np.float32)
        >>> y, cache = dropout.forward(h, training=True)
        >>> np.unique(y).tolist()
        [0.0, 2.0]
        >>> dropout(h) is h
        True
    """

    def __init__(self, fraction: float = 0.5):
        super().__init__(fraction)
        if self.fraction == 1:
            raise ValueError("Dropout: expected a fraction below 1, got 1: nothing would be left to be scaled up.")

    def corrupt(self, x: Array, noise: Array) -> Array:
        return _drop(x, noise, self.fraction, 1 / (1 - self.fraction))

    def gradient(self, dy: Array, noise: Array, y: Array) -> Array:
        return self.corrupt(dy, noise)  # linear in x
