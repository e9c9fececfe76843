"""The training loop.

For a plain model without validation, schedule, callbacks and data_init it is these lines (a test compares the bits):

    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(x))
        for start in range(0, len(x), batch_size):
            with model.theta.fresh_grad():                                  # ∂J/∂θ = 0, then
                model.backpropagate(x[order[start : start + batch_size]])   # the gradient of J on a minibatch
            optimizer.step(model.theta)                                     # θ ← θ − …

The rest of this file is what happens around them: the learning rate follows a schedule, J is recorded and checked for
NaN, validation data are evaluated after every epoch, callbacks are called, and Ctrl-C stops after the current step. A
run that has stopped can go on from there: rows and random numbers of a step depend on seed, epoch and step alone.
"""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import array_module, as_int, counted
from npae.models.base import Model
from npae.optim.base import Optimizer
from npae.train.step import Step

if TYPE_CHECKING:
    from npae.data.minibatches import Minibatches
    from npae.optim import Schedule
    from npae.train.callbacks import Callback
    from npae.train.epoch_means import EpochMeans
    from npae.train.history import History
    from npae.train.interrupt import Interrupt
    from npae.train.last_step import LastStep
    from npae.train.parallel.process_group import ProcessGroup
    from npae.train.progress import Reporter


class Trainer:
    """A training run, built by npae.train.prepare. `run(epochs)` trains.

    Args:
        model: what is trained.
        batches: the source of the rows.
        step: takes one step on given rows (npae.train.step).
        optimizer: the one whose learning rate follows the schedule.
        schedule: of the learning rate.
        validation: data to evaluate after every epoch, or None.
        callbacks: they are called in this order.
        seed: of the order of the rows and of all noise.
        progress: the reporter of progress.
        history: the rows so far.
        group: the processes that train together.
        interrupt: notices Ctrl-C.
        last_step: keeps the weights of the last step, when callbacks assign others at the end.
        identity: the settings that a resumed run must share.

    Attributes:
        epoch: the number of finished epochs.
        means: the means of the terms of J over the epoch under way, and the number of its finished steps, `taken`.
        stopped: why training shall end after this epoch, or None.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.train import prepare
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> trainer = prepare(dense_autoencoder([8, 3]), x, progress="none")
        >>> trainer.run(2)["epoch"], trainer.run(5)["epoch"]
        ([1, 2], [1, 2, 3, 4, 5])
    """

    def __init__(self, model: Model, batches: "Minibatches", step: Step, optimizer: Optimizer, schedule: "Schedule", *,
                 validation: Any, callbacks: "list[Callback]", seed: int, progress: "Reporter", history: "History",
                 group: "ProcessGroup", interrupt: "Interrupt", last_step: "LastStep",
                 identity: dict[str, Any]):  # fmt: skip
        self.model, self.batches, self.step, self.optimizer, self.schedule = model, batches, step, optimizer, schedule
        self.validation, self.callbacks, self.seed, self.progress = validation, callbacks, seed, progress
        self.history, self.group, self.interrupt, self.identity = history, group, interrupt, identity
        self.last_step = last_step
        self.base_lr, self.epoch, self.means = optimizer.lr, 0, history.begin_epoch(0)
        self.stopped: str | None = None

    def stop(self, reason: str) -> None:
        """Stop training after this epoch. history.stopped will be `reason`."""
        self.stopped = reason

    def run(self, epochs: int) -> "History":
        """Train until `epochs` epochs are finished in total, from the last step on. Returns the history."""
        epochs = as_int(epochs, "epochs", least=1)
        self.last_step.restore()
        here = {"epoch": self.epoch, "step": self.means.taken, "epochs": epochs}
        self.group.begin(self.model, self.identity | here)
        for callback in self.callbacks:
            callback.on_start(self)
        try:
            with self.interrupt as interrupt, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                while self.epoch < epochs and (self.stopped is None or self.means.taken):
                    self._run_epoch(epochs, interrupt)
                    if self.means.taken:  # interrupted within the epoch
                        break
                    if interrupt.requested and self.stopped is None and self.epoch < epochs:
                        self.stop(f"interrupted after epoch {self.epoch}")
                    self.stopped = self.group.first(self.stopped)
        finally:
            self.progress.close(self.stopped)
            self.optimizer.lr = self.base_lr
        self.history.stopped, self.stopped = self.stopped, None  # so that run() can be called again
        with self.last_step.kept():
            for callback in self.callbacks:
                callback.on_stop(self)
        return self.history

    def _run_epoch(self, epochs: int, interrupt: "Interrupt") -> None:
        means, steps = self.means, len(self.batches)
        began = time.perf_counter() - means.seconds
        self.progress.epoch_starts(self.epoch, epochs, steps, means.taken)
        for k, random in enumerate((*self.model.draws, self.batches)):  # each epoch can be repeated by itself
            random.reseed([self.seed, self.epoch, k, self.group.rank])
        rates = [self.base_lr * float(self.schedule.factor(self.epoch + k / steps)) for k in range(steps)]
        self.step.epoch_starts(rates, means.taken)
        self.optimizer.lr = rates[means.taken - 1]  # of the step before, in case that there is no further one
        for k, rows in enumerate(self.batches.rows(self.epoch, means.taken), means.taken):
            self.optimizer.lr, self.last_step.is_whole = rates[k], False
            self.step(rows, means.add)
            for callback in self.callbacks:
                callback.on_step(self)
            means.taken, means.seconds, self.last_step.is_whole = k + 1, time.perf_counter() - began, True
            for callback in self.callbacks:
                callback.on_step_done(self)
            self.progress.step()
            if self.group.first(interrupt.requested or None):
                self.stop(f"interrupted in epoch {self.epoch + 1} after {k + 1} of {counted(steps, 'step')}")
                return
        self._end_epoch(means, began)

    def _end_epoch(self, means: "EpochMeans", began: float) -> None:
        self.step.read_terms()
        theta, terms = self.model.theta.value, means.means()
        if not bool(array_module(theta).isfinite(theta).all()):
            raise means.diverged("θ", "NaN or infinite")
        means.check_state(self.step.phases)
        self.history.terms = tuple(name for name in terms if name != "loss")
        if self.validation is not None:
            terms |= means.validate(self.model, self.validation, self.group, terms)
        self.epoch, self.means = self.epoch + 1, self.history.begin_epoch(self.epoch + 1)
        row = {"epoch": self.epoch, "lr": self.optimizer.lr, "seconds": time.perf_counter() - began} | terms
        self.schedule.observe(row.get("val_loss", row["loss"]))
        self.history.rows.append(row)
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)
        for callback in self.callbacks:
            callback.on_epoch_done(self, row)
        self.progress.epoch_ends(row)
