"""One training step, from row numbers to a new θ.

    x ← the batch of these rows                 data.Minibatches.take
    for each phase of the model, in order:      a plain model has one phase, itself (npae.models.phases)
        g ← ∂J/∂θ on x                          phase.backpropagate
        g ← g · min(1, c/‖g‖)                   with a clip_norm c
        θ ← optimizer(θ, g)                     with the θ, J and optimizer of this phase, and the current learning rate

All intermediate arrays come from one Arena, which keeps them: after the first step of a batch size, none is allocated.
Random numbers are those of step k of the epoch (npae.backend.draws_in_step).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from npae.backend import Arena, Array, FlatParameters, draws_in_step, one_pool
from npae.models.base import Model, Terms
from npae.optim.base import Optimizer
from npae.optim.clipping import clip_by_global_norm

if TYPE_CHECKING:
    from npae.data.minibatches import Minibatches
    from npae.models.phases import Phase

OnTerms: TypeAlias = Callable[[Terms, int], None]  # of (terms of J, batch size)


class Step:
    """The steps of one run: a callable that trains `model` on rows of `batches`.

    Args:
        model: a plain model, or one with several phases.
        batches: the source of the rows.
        optimizer: one for the model, or a Phased.
        clip_norm: upper bound c of ‖g‖; None: no clipping.

    Attributes:
        k: the number of the next step within the epoch, from 0.
    """

    def __init__(self, model: Model, batches: "Minibatches", optimizer: Optimizer, clip_norm: float | None = None):
        self.model, self.batches, self.optimizer, self.clip_norm = model, batches, optimizer, clip_norm
        self.phases = tuple(zip(model.phases, optimizer.parts, strict=True))
        self.arena, self.k = Arena(), 0
        self._pool = one_pool(self.phases[0][0].theta.value)
        self._draws = bool(model.draws) or batches.augment is not None
        self._dry_run(self._smallest_batch())

    def __call__(self, rows: Array | slice, on_terms: OnTerms) -> None:
        """Take one step.

        Args:
            rows: the numbers of the rows of the batch.
            on_terms: a function of (terms of J, batch size), called in each phase before its θ changes.
        """
        self._take_step(rows, on_terms)
        self.k += 1

    def _take_step(self, rows: Array | slice, on_terms: OnTerms) -> None:
        size = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        with self.arena.frame(size), self._pool, draws_in_step(self.k) if self._draws else nullcontext():
            x = self._take(rows)
            for phase, optimizer in self.phases:
                theta = phase.theta
                on_terms(self._gradient(phase, theta, x), size)
                optimizer.step(theta)

    def _take(self, rows: Array | slice) -> Any:
        """The batch of these rows."""
        return self.batches.take(rows)

    def _gradient(self, phase: "Model | Phase", theta: FlatParameters, x: Any) -> Terms:
        """Write ∂J/∂θ of the phase on the batch x, clipped, to theta.grad. Returns the terms of J by name."""
        with theta.fresh_grad():
            terms = phase.backpropagate(x)
        self._clip(theta.grad)
        return terms

    def _clip(self, grad: Array) -> None:
        if self.clip_norm is not None:
            clip_by_global_norm(grad, self.clip_norm)

    def epoch_starts(self, rates: list[float], first: int = 0) -> None:
        """Called before the first step of an epoch, after the random streams have been reseeded.

        Args:
            rates: the learning rates of its steps.
            first: the number of the step that comes next: of an epoch that was begun earlier, not 0.
        """
        self.k = first

    def read_terms(self) -> None:
        """Called after an epoch, and to save within one: on_terms has been called for all steps when this returns."""

    def _smallest_batch(self) -> int:
        """The number of rows in the smallest batch, the last one of an epoch."""
        return (self.batches.n - 1) % self.batches.batch_size + 1

    def _dry_run(self, size: int) -> None:
        """Compute ∂J/∂θ on a batch of `size` rows, and discard it.

        A batch that is too small for a layer (BatchNorm: one row has no variance) then raises before the run starts,
        not at the end of its first epoch. Only models with running statistics depend on the batch as a whole.
        """
        statistics = self.model.statistics
        if size == self.batches.batch_size or not statistics.size:
            return
        before = statistics.value.copy()
        with self.arena.frame(size):
            rows = next(self.batches.rows())  # without a seed a slice, otherwise numbers
            x = self.batches.take(slice(0, size) if isinstance(rows, slice) else rows[:size])
            for phase, _ in self.phases:
                phase.backpropagate(x)
        statistics.value[...] = before
