"""Samples from a prior in training steps: z ~ p(z), reproducible per epoch, or frozen for gradient checks.

A Prior is a distribution and has no state. The random stream belongs to the model that is trained: a model with a prior
owns a PriorSampler.
"""

from collections.abc import Sequence

from npae.backend import Array, Stream, device_of, to_device
from npae.models.adversarial.priors import Prior


class PriorSampler:
    """Draws the codes of training steps from a Prior, with a random stream of its own.

    The model lists it in its `draws` (npae.models.base), so that training reseeds it before every epoch.

    Args:
        prior: the distribution of the codes.
    """

    _frozen: Array | None

    def __init__(self, prior: Prior):
        self.prior, self.stream, self._frozen = prior, Stream(), None

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Restart the stream from `seed`, an integer or a list of integers."""
        self.stream.reseed(seed)

    def freeze(self, z: Array | None) -> "PriorSampler":
        """Return the codes z at every call of `next`, as finite differences need; None: sample again. Returns self."""
        self._frozen = z
        return self

    def draw(self, like: Array, y: Array | None = None) -> Array:
        """The next codes of the stream.

        Args:
            like: an array of the shape (B, size) of the codes, of their dtype and on their device.
            y: the classes of the codes, see Prior.codes.

        Raises ValueError if `like` has another shape.
        """
        if like.shape[1:] != (self.prior.size,):
            raise ValueError(
                f"{self.prior!r}: expected codes of {self.prior.size} numbers, the encoder's have the shape "
                f"{like.shape[1:]}. Give both the same size."
            )
        return self.prior.codes(self.stream, like, y)

    def next(self, like: Array, y: Array | None = None) -> Array:
        """The frozen codes if there are any, otherwise draw(like, y).

        Args:
            like: as for draw.
            y: as for draw.

        Raises ValueError if the frozen codes have another shape than `like`.
        """
        if self._frozen is None:
            return self.draw(like, y)
        if self._frozen.shape != like.shape:
            raise ValueError(
                f"{self.prior!r}: expected a batch for the frozen codes' shape {self._frozen.shape}, "
                f"got {like.shape}. Freeze other codes, or freeze(None) to sample again."
            )
        self._frozen = to_device(self._frozen, device_of(like)).astype(like.dtype, copy=False)
        return self._frozen
