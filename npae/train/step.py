"""One training step, from row numbers to a new θ.

    x ← the batch of these rows                 data.Minibatches.take
    for each phase of the model, in order:      one, for a plain model: itself (npae.models.phases)
        g ← ∂J/∂θ on x                          phase.backpropagate
        g ← g · min(1, c/‖g‖)                   where clipping is asked for
        θ ← optimizer(θ, g)                     θ, J and optimizer of this phase, the learning rate of this moment

All arrays on the way come from one Arena: after the first step of a batch size nothing is allocated any more.
"""

from npae.memory import Arena
from npae.optim import clip_by_global_norm


class Step:
    """The steps of one run: a callable that trains `model` on rows of `batches` (Minibatches)."""

    def __init__(self, model, batches, optimizer, clip_norm=None):
        self.model, self.batches, self.optimizer, self.clip_norm = model, batches, optimizer, clip_norm
        self.phases = tuple(zip(model.phases, optimizer.parts, strict=True))
        self.arena = Arena()

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
