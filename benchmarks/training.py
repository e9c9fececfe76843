"""A training step of npae.train, as users take it: on rows drawn from 60,000 images of 28 x 28 uint8 pixels.

It includes gathering and scaling the rows, which benchmarks/train_step.py leaves out.
"""

from contextlib import contextmanager
from functools import cache

import numpy as np

from benchmarks.workloads import network
from npae.backend.formulas import on_numba
from npae.backend.pool import turn
from npae.data.minibatches import Minibatches
from npae.optim import Adam
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step

IMAGES = 60_000


@cache
def images():
    """Random images with MNIST's sizes: the time does not depend on their content."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 784), dtype=np.uint8)


def epoch_after_epoch(step, rows, rate):
    """Yield rows, an epoch of batches after the other, and tell the step where they begin and end, as Trainer does."""
    while True:
        step.epoch_starts([rate] * len(rows))
        yield from rows
        step.read_terms()


@contextmanager
def compiled_at_once():
    """In the block, Numba (if installed) compiles what it is used for at once, as in a long training after a while."""
    before, on_numba.PATIENCE = on_numba.PATIENCE, 0
    product, turn.PATIENCE = turn.PATIENCE, 0
    try:
        yield
    finally:
        on_numba.PATIENCE, turn.PATIENCE = before, product


class TrainingStep:
    """A callable that takes one step with Adam on the next batch. graph: the step is replayed as one CUDA graph.

    sizes: of the Dense layers, or the arguments of a convolutional autoencoder, as in benchmarks.workloads.
    """

    def __init__(self, sizes, batch, device="cpu", graph=False):
        self.model = network(sizes).to(device)
        self.optimizer = Adam(1e-6)  # a small rate: thousands of steps must not change θ much
        data = images().reshape(-1, 1, 28, 28) if isinstance(sizes, dict) else images()
        self.batches = Minibatches(data, batch, device=device, seed=0)
        self.step = (CapturedStep if graph else Step)(self.model, self.batches, self.optimizer)
        self._rows = [rows for rows in self.batches.rows() if len(rows) == batch]
        self._batches = epoch_after_epoch(self.step, self._rows, self.optimizer.lr)

    @property
    def sizes(self):
        """[(n_in, n_out)] of the Dense layers in order."""
        return [layer.W.shape for _, layer in self.model.leaves() if hasattr(layer, "W")]

    def next_rows(self):
        """Row numbers of the next batch. After the last one of an epoch another begins, as in training."""
        return next(self._batches)

    def __call__(self):
        self.step(self.next_rows(), lambda terms, size: None)
