"""npae's contenders: the step that users run, and whole epochs.

The step is that of npae.train, on a batch of consecutive rows of floats on the device: a view, without gathering. The
captured step must gather, since it is captured with its row numbers: slightly more work than the others have. What
training does once per epoch, such as copying row numbers to the device, is done every STEPS steps.
"""

import time
import warnings
from contextlib import ExitStack

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.training import compiled_at_once, epoch_after_epoch
from benchmarks.workloads import EPOCH_ROWS, batch_for, batch_of, network
from npae.backend import Arena, synchronize, tf32, to_device
from npae.data.minibatches import Minibatches
from npae.data.sets.mnist import mnist
from npae.layers import ReLU
from npae.losses import SquaredError
from npae.models import dense_autoencoder
from npae.optim import Adam
from npae.train import DeadUnitWarning, prepare
from npae.train.cuda_graph import CapturedStep
from npae.train.step import Step

STEPS = 100  # per epoch


def insist_on_graphs():
    """Turn the warning of a step that cannot be captured as a CUDA graph into an error."""
    warnings.filterwarnings("error", "graph=True")


def switched(tf32_on=False):
    """Switch TF32 as requested, and compile formulas at their first use, as the opponents' compilers do.

    Both last until the returned object is closed.
    """
    stack = ExitStack()
    stack.enter_context(tf32(tf32_on))
    stack.enter_context(compiled_at_once())
    return stack


class NpaeStep:
    """The step as npae.train.Trainer takes it, in epochs of STEPS steps. graph: launched as one CUDA graph."""

    package = "numpy"

    def __init__(self, sizes, batch, device="cpu", tf32=False, graph=False):
        self.switches, self.device, self.graph = switched(tf32), device, graph
        self.model, self.optimizer = network(sizes).to(device), Adam()
        again = np.tile(np.arange(batch), STEPS) if graph else None  # the same batch in every step
        data = Minibatches(to_device(batch_for(sizes, batch), device), batch, device=device, only=again)
        self.step = (CapturedStep if graph else Step)(self.model, data, self.optimizer)
        rows = list(data.rows()) * (1 if graph else STEPS)
        self.batches = epoch_after_epoch(self.step, rows, self.optimizer.lr)
        if graph:
            insist_on_graphs()

    def __call__(self):
        self.step(next(self.batches), self._note)

    def _note(self, terms, size):
        self.terms = terms

    def wait(self):
        """Return when the device is done."""
        synchronize(self.device)

    def _objective(self):
        self.step.read_terms()  # a captured step passes on its terms later
        return float(self.terms["reconstruction"])

    def first_steps(self):
        """(J and ∂J/∂θ of the first step, J of the tenth and Σ|θ| after it)."""
        self()
        theta, first = self.model.theta, self._objective()
        gradient = to_device(theta.grad, "cpu").copy()
        for _ in range(FIRST - 1):
            self()
        total = float(np.abs(to_device(theta.value, "cpu")).sum(dtype=np.float64))
        return first, gradient, self._objective(), total


class NpaeEpoch:
    """An epoch of EPOCH_ROWS images with squared error, with rows in a new order every epoch, as MLPRegressor does."""

    package = "numpy"

    def __init__(self, sizes, batch):
        self.switches, self.epoch = switched(), 0
        self.model = dense_autoencoder(sizes, ReLU, ReLU, SquaredError(), seed=0)
        self.batches = Minibatches(batch_of(EPOCH_ROWS), batch, seed=0)
        self.steps = len(self.batches)
        self.step = Step(self.model, self.batches, Adam())

    def __call__(self):
        for rows in self.batches.rows(self.epoch):
            self.step(rows, lambda terms, size: None)
        self.epoch += 1

    def first_steps(self):
        """(J on the first batch, None, None, None): scikit-learn returns no more. θ is not changed."""
        value = self.model.backpropagate(self.batches.take(slice(0, self.batches.batch_size)))["reconstruction"]
        return float(value), None, None, None


class NpaeTraining:
    """Training as users start it: a Trainer on uint8 digits. A call is one epoch."""

    package = "numpy"

    def __init__(self, sizes, batch, which, device="cpu", graph=False):
        if graph:
            insist_on_graphs()
        self.device, digits = device, mnist(which=which)
        train, self.test = (a.reshape(-1, 784) for a in (digits.train_images, digits.test_images))
        self.model = dense_autoencoder(sizes, ReLU, ReLU, seed=0).to(device)
        self.trainer = prepare(self.model, train, batch_size=batch, progress="none", graph=graph, data_init=False)

    def first_steps(self):
        """Returns None: training begins with the first call."""

    def compile_at_once(self):
        """Compile all formulas in the next epoch, so that no later one is slowed down."""
        self.switches = switched()

    def __call__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeadUnitWarning)  # the networks are given: dead units are not the question
            self.trainer.run(self.trainer.epoch + 1)

    def wait(self):
        """Return when the device is done."""
        synchronize(self.device)

    def test_error(self):
        """Cross-entropy on the test digits, in nats per pixel."""
        return self.model.evaluate(self.test)["reconstruction"] / 784

    def seconds_to_take(self):
        """Seconds for gathering and converting all batches of an epoch, without training."""
        batches, arena = self.trainer.batches, Arena()
        synchronize(self.device)
        began = time.perf_counter()
        for rows in batches.rows():
            with arena.frame(len(rows)):
                batches.take(rows)
        synchronize(self.device)
        return time.perf_counter() - began
