"""Data augmentation: in every epoch the network is trained on a new random variant of each sample.

    x ← t(x; u)                 J(θ) = 1/B Σ_i ℓ(g(f(t(x_i; u_i))), t(x_i; u_i)) + …

The same variant is input and target. That is the difference from a corruption (npae.layers.corruption), which changes
the input only, and which the network has to undo. `fit(..., augment=Binarize())` augments the batches of training;
validation and inference get the samples as they are. No derivative of t is needed, since x depends on no parameter.

`Binarize` is here; warp.py has small rotations, stretches and shears.
"""

from collections.abc import Sequence

from npae.backend import Array, Config, Serializable, Stream, check_floats, elementwise


class Augmentation(Serializable):
    """A function of a batch x and of random numbers. Subclasses implement __call__ and config, and use self.stream.

    Example:
        >>> import numpy as np
        >>> from npae.data import Augmentation
        >>> class Flip(Augmentation):  # the mirror image of every second image, on average
        ...     def __call__(self, x):
        ...         u = self.stream.uniform(x[:, 0, 0, 0].copy())
        ...         return np.where(u[:, None, None, None] < 0.5, x[..., ::-1], x)
        >>> Flip()(np.zeros((8, 1, 28, 28), np.float32)).shape
        (8, 1, 28, 28)
    """

    registry = {}

    def __init__(self) -> None:
        self.stream = Stream()

    def __call__(self, x: Array) -> Array:
        """The variants of the batch x (B, …), as a new array of its shape and dtype, on its device."""
        raise NotImplementedError

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Start the random numbers again from `seed`. Training calls this before every epoch, as for layers."""
        self.stream.reseed(seed)

    def config(self) -> Config:
        return {}


@elementwise
def _below(u, x):
    return u < x


class Binarize(Augmentation):
    """x ← [u < x] with u ~ U[0, 1): a pixel becomes 1 with its grey value as the probability, else 0.

    So E[t(x; u)] = x. Samples lie in [0, 1]. With new u in every epoch, this is the *dynamic* binarisation of MNIST
    for which likelihoods of variational autoencoders are reported (Salakhutdinov & Murray 2008, "On the quantitative
    analysis of deep belief networks"; Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", 5).

    Example:
        >>> import numpy as np
        >>> from npae.data import Binarize
        >>> x = np.full((1000, 28), 0.25, np.float32)
        >>> y = Binarize()(x)
        >>> sorted(set(y.ravel().tolist())), round(float(y.mean()), 1)
        ([0.0, 1.0], 0.2)
    """

    def __call__(self, x: Array) -> Array:
        check_floats(self, x)
        return _below(self.stream.uniform(x), x)
