"""The weights of the last step, kept while the model has others.

When training stops, callbacks may assign other weights to the model: an average, or the best so far. A run that goes on
afterwards, and its checkpoint, need those of the last step.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from npae.backend import Array
from npae.models.base import Model


class LastStep:
    """θ and running statistics of a model after the last step of its run.

    Args:
        model: that is trained.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._kept: tuple[list[Array], list[Array]] | None = None  # vectors of the last step, and the assigned ones

    def _vectors(self) -> list[Array]:
        return [self.model.theta.value, self.model.statistics.value]

    def _assign(self, vectors: list[Array]) -> None:
        self.model.theta.assign(vectors[0])
        self.model.statistics.assign(vectors[1])

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the weights as they are before the block, if the block assigns others."""
        before = [vector.copy() for vector in self._vectors()]
        yield
        after = self._vectors()
        self._kept = None if _same(before, after) else (before, [vector.copy() for vector in after])

    def restore(self, between_epochs: bool) -> None:
        """Assign the weights of the last step, unless the model was changed by others since.

        Args:
            between_epochs: False: training was interrupted in an epoch. Then RuntimeError is raised.
        """
        if not between_epochs:
            raise RuntimeError(
                "Trainer.run: training ended in the middle of an epoch, whose first steps would be taken twice. Resume "
                "the last checkpoint, fit(…, resume=…), or start a new fit from this model."
            )
        kept, self._kept = self._kept, None
        if kept is not None and _same(kept[1], self._vectors()):
            self._assign(kept[0])

    @contextmanager
    def restored(self) -> Iterator[None]:
        """The same for the time of the block."""
        if self._kept is None or not _same(self._kept[1], self._vectors()):
            yield
            return
        last, assigned = self._kept
        self._assign(last)
        try:
            yield
        finally:
            self._assign(assigned)


def _same(some: list[Array], others: list[Array]) -> bool:
    """Are the vectors equal, and of the same dtype and device?"""
    return all(
        type(a) is type(b) and a.dtype == b.dtype and bool((a == b).all()) for a, b in zip(some, others, strict=True)
    )
