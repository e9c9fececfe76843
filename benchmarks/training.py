"""A training step as a user's is: npae.train's own, on rows drawn from 60,000 images of 28 x 28 uint8 pixels.

That is more than benchmarks/train_step.py times beside PyTorch: gathering and scaling the rows is in it.
"""

from functools import cache
from itertools import cycle

import numpy as np

from benchmarks.workloads import network
from npae.data.minibatches import Minibatches
from npae.optim import Adam
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step

IMAGES = 60_000


@cache
def images():
    """Images with MNIST's sizes; what is on them is nothing to a clock."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 784), dtype=np.uint8)


class TrainingStep:
    """A step of a network with Adam, at one batch size, again and again; graph: replayed as one CUDA graph.

    sizes: of its Dense layers, or the arguments of a convolutional one, as in benchmarks.workloads.
    """

    def __init__(self, sizes, batch, device="cpu", graph=False):
        self.model = network(sizes).to(device)
        self.optimizer = Adam(1e-6)  # repeating pieces of a step a thousand times must not lead far away
        data = images().reshape(-1, 1, 28, 28) if isinstance(sizes, dict) else images()
        self.batches = Minibatches(data, batch, device=device, seed=0)
        self.step = (CapturedStep if graph else Step)(self.model, self.batches, self.optimizer)
        self._rows = cycle([rows for rows in self.batches.rows() if len(rows) == batch])

    @property
    def sizes(self):
        """[(n_in, n_out)] of the Dense layers in order."""
        return [layer.W.shape for _, layer in self.model.leaves() if hasattr(layer, "W")]

    def next_rows(self):
        """Row numbers of the next batch."""
        return next(self._rows)

    def __call__(self):
        self.step(self.next_rows(), lambda terms, size: None)
