"""One training step, from row numbers to a new θ.

    x ← the batch of these rows                 data.Minibatches.take
    g ← ∂J/∂θ on x                              model.backpropagate
    g ← g · min(1, c/‖g‖)                       where clipping is asked for
    θ ← optimizer(θ, g)                         with the learning rate of this moment

All arrays on the way come from one Arena: after the first step of a batch size nothing is allocated any more.
"""

from npae.memory import Arena
from npae.optim import clip_by_global_norm


class Step:
    """The steps of one run: a callable that trains `model` on rows of `batches` (Minibatches)."""

    def __init__(self, model, batches, optimizer, clip_norm=None):
        self.model, self.batches, self.optimizer, self.clip_norm = model, batches, optimizer, clip_norm
        self.arena = Arena()

    def epoch_starts(self):
        """Told before the first step of an epoch, when layers have begun new streams of random numbers."""

    def __call__(self, rows, note):
        """Take one step. note(terms, batch size) is called with the terms of J before θ is changed, to look at them."""
        size = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        with self.arena.frame(size):
            note(self._gradient(rows), size)
            self.optimizer.step(self.model.theta)

    def _gradient(self, rows):
        """Put ∂J/∂θ on these rows, clipped, into theta.grad. Returns the terms of J by name."""
        theta = self.model.theta
        theta.zero_grad()
        terms = self._backpropagate(rows)
        if self.clip_norm is not None:
            clip_by_global_norm(theta.grad, self.clip_norm)
        return terms

    def _backpropagate(self, rows):
        """Add ∂J/∂θ on these rows to theta.grad. Returns the terms of J by name."""
        return self.model.backpropagate(self.batches.take(rows))
