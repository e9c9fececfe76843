"""Augmentation: a fresh variant of every sample, each time it is trained on.

    x ← a(x; u)                 J(θ) = 1/B Σ_i ℓ(g(f(a(x_i))), a(x_i)) + …

Unlike a corruption (npae.layers.corruption), which the decoder has to undo, a variant is as good as the original: the
loss compares with it, too. `fit(..., augment=Binarize())` varies the batches of training; validation and inference see
samples as they are. Nothing has to be differentiated, since no parameter stands before it.

`Binarize` is here; `warp.py` has small rotations, stretches and shears.
"""

from npae.backend import Serializable, Stream, check_floats, elementwise


class Augmentation(Serializable):
    """A function of a batch x and of random numbers. A new one defines __call__, config, and draws from self.stream."""

    registry = {}

    def __init__(self):
        self.stream = Stream()

    def __call__(self, x):
        """A new array, the variants of the batch x (B, …): of its shape and dtype, on its device."""
        raise NotImplementedError

    def reseed(self, seed):
        """Draw from the stream `seed` from now on. Training calls it before every epoch, as for layers."""
        self.stream.reseed(seed)

    def config(self):
        return {}


@elementwise
def _below(u, x):
    return u < x


class Binarize(Augmentation):
    """x ← [u < x], u ~ U[0, 1): every pixel is 1 with its grey value as the probability, else 0.

    E[a(x)] = x. Samples lie in [0, 1]. Drawn anew in every epoch, this is the *dynamic* binarisation of MNIST under
    which likelihoods of variational autoencoders are reported (Salakhutdinov & Murray 2008, "On the quantitative
    analysis of deep belief networks"; Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", 5).
    """

    def __call__(self, x):
        check_floats(self, x)
        return _below(self.stream.uniform(x), x)
