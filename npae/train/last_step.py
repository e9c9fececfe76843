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

    Attributes:
        is_whole: False within a step, and after an error in one.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.is_whole = model, True
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

    def restore(self) -> None:
        """Assign the weights of the last step, unless the model was changed by others since.

        Raises RuntimeError as check_whole does.
        """
        self.check_whole("Trainer.run")
        kept, self._kept = self._kept, None
        if kept is not None and _same(kept[1], self._vectors()):
            self._assign(kept[0])

    def check_whole(self, what: str) -> None:
        """Raise RuntimeError within a step, and after an error in one.

        Args:
            what: shall be done, for the message.
        """
        if not self.is_whole:
            raise RuntimeError(
                f"{what}: not possible within a step, or after an error in one, whose update may be half done. A "
                "callback saves in on_step_done. After an error resume the last checkpoint, fit(…, resume=…), or start "
                "a new fit from this model."
            )

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
