"""One training step, from row numbers to a new θ.

    x ← the batch of these rows                 data.Minibatches.take
    for each phase of the model, in order:      one, for a plain model: itself (npae.models.phases)
        g ← ∂J/∂θ on x                          phase.backpropagate
        g ← g · min(1, c/‖g‖)                   where clipping is asked for
        θ ← optimizer(θ, g)                     θ, J and optimizer of this phase, the learning rate of this moment

All arrays on the way come from one Arena: after the first step of a batch size nothing is allocated any more.
"""

from npae.backend import Arena
from npae.optim import clip_by_global_norm


class Step:
    """The steps of one run: a callable that trains `model` on rows of `batches` (Minibatches)."""

    def __init__(self, model, batches, optimizer, clip_norm=None):
        self.model, self.batches, self.optimizer, self.clip_norm = model, batches, optimizer, clip_norm
        self.phases = tuple(zip(model.phases, optimizer.parts, strict=True))
        self.arena = Arena()
        self._dry_run(self._least_rows())

    def _least_rows(self):
        """How many rows the smallest batch has: the last one of an epoch."""
        return (self.batches.n - 1) % self.batches.batch_size + 1

    def _dry_run(self, size):
        """Find ∂J/∂θ on `size` rows, those of the smallest batch, and forget it.

        So a batch that is too small for a layer (one row, whose variance BatchNorm cannot take) is said before the run
        begins, and not at the end of its first epoch. Only models with running statistics look at a batch as a whole.
        """
        statistics = self.model.statistics
        if size == self.batches.batch_size or not statistics.size:
            return
        before = statistics.value.copy()
        with self.arena.frame(size):
            batch = self.batches.take(next(self.batches.rows())[:size])
            for phase, _ in self.phases:
                phase.backpropagate(batch)
                phase.theta.zero_grad()
        statistics.value[...] = before

    def epoch_starts(self):
        """Told before the first step of an epoch, when layers have begun new streams of random numbers."""

    def __call__(self, rows, note):
        """Take one step. note(terms, batch size) is called with a phase's terms of J before its θ is changed, to look
        at them.
        """
        size = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        with self.arena.frame(size):
            batch = self._take(rows)
            for phase, optimizer in self.phases:
                note(self._gradient(phase, batch), size)
                optimizer.step(phase.theta)

    def _take(self, rows):
        """The batch of these rows."""
        return self.batches.take(rows)

    def _gradient(self, phase, batch):
        """Put ∂J/∂θ of the phase on this batch, clipped, into its theta.grad. Returns the terms of J by name."""
        theta = phase.theta
        theta.zero_grad()
        terms = self._backpropagate(phase, batch)
        if self.clip_norm is not None:
            clip_by_global_norm(theta.grad, self.clip_norm)
        return terms

    def _backpropagate(self, phase, batch):
        """Add ∂J/∂θ of the phase on this batch to its theta.grad. Returns the terms of J by name."""
        return phase.backpropagate(batch)
