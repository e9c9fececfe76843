"""npae's contender among sparse autoencoders: the step of npae.train, and whole trainings."""

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.opponents.ours import STEPS, switched
from benchmarks.sparse_workload import activations, sparse_autoencoder
from benchmarks.training import epoch_after_epoch
from npae.data.minibatches import Minibatches
from npae.optim import Adam
from npae.train.step import Step


class NpaeSparse:
    """The step on one batch of synthetic activations."""

    package = "numpy"

    def __init__(self, k, batch, n_units=3072, kind="top_k"):
        self.switches = switched()
        self.model, self.optimizer = sparse_autoencoder(k, n_units, kind), Adam()
        data = Minibatches(activations(batch), batch)
        self.step = Step(self.model, data, self.optimizer)
        self.batches = epoch_after_epoch(self.step, list(data.rows()) * STEPS, self.optimizer.lr)

    def __call__(self):
        self.step(next(self.batches), self._note)

    def _note(self, terms, size):
        self.terms = terms

    def _objective(self):
        self.step.read_terms()
        return sum(float(value) for value in self.terms.values())

    def first_steps(self):
        """(J and ∂J/∂θ of the first step, J of the tenth and Σ|θ| after it)."""
        self()
        theta, first = self.model.theta, self._objective()
        gradient = theta.grad.copy()
        for _ in range(FIRST - 1):
            self()
        return first, gradient, self._objective(), float(np.abs(theta.value).sum(dtype=np.float64))
