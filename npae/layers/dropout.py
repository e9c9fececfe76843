"""Dropout: in training every unit is silent with probability p, so that no unit can lean on another.

    y = x ⊙ m/(1 − p),   m = [u ≥ p],  u uniform in [0, 1)           ∂J/∂x = ∂J/∂y ⊙ m/(1 − p)

In inference all units speak. The next layer was trained with about 1 − p of them, so what is left of them in training
is scaled up (*inverted* dropout), and on average it hears the same in both:

    E[y] = x · P(u ≥ p)/(1 − p) = x

which is how dropout differs from the masking noise of a denoising autoencoder (corruption.py), whose numbers it shares.
It stands behind an activation: Sequential(Dense(784, 500), ReLU(), Dropout(0.5), Dense(500, 30)).

Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, "Dropout: a simple way to prevent neural networks from
overfitting", JMLR 15, section 10 for the scaling in training.
"""

from npae.backend import elementwise
from npae.layers.corruption import RandomMask


@elementwise
def _drop(x, u, p, scale):
    return x * (u >= p) * scale


class Dropout(RandomMask):
    """y = x ⊙ [u ≥ p]/(1 − p) in training, y = x in inference; p is `fraction`, of x of any shape.

    Every number of x is dropped by itself. Random numbers are drawn, frozen and begun anew as in Corruption.
    Raises ValueError unless 0 ≤ p < 1.
    """

    transparent = True

    def __init__(self, fraction=0.5):
        super().__init__(fraction)
        if fraction == 1:
            raise ValueError("Dropout: expected a fraction below 1, got 1: nothing would be left to be scaled up.")

    def corrupt(self, x, noise):
        return _drop(x, noise, self.fraction, 1 / (1 - self.fraction))

    def gradient(self, dy, noise, y):
        return self.corrupt(dy, noise)  # linear in x
