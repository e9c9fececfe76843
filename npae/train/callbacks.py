"""Callbacks: objects that the training loop calls when training starts, after each step and epoch, and when it stops.

A callback may end training with trainer.stop(reason). What it must remember when a run is resumed it returns from
state() (JSON values) and arrays().
"""

import math

from npae.backend import to_device


class Callback:
    """Does nothing; subclasses override what they need. `trainer` is the npae.train.Trainer that calls it.

    observes: True for a callback that only records or writes, or acts only before the first step. A run may be resumed
    with or without such callbacks.
    """

    observes = False

    def on_start(self, trainer):
        """Training starts, or resumes from a checkpoint."""

    def on_step(self, trainer):
        """A step has been taken."""

    def on_epoch_end(self, trainer, row):
        """An epoch has ended. `row` is its row of the history; columns may be added to it."""

    def on_epoch_done(self, trainer, row):
        """on_epoch_end of all callbacks has been called: the time to save."""

    def on_stop(self, trainer):
        """Training has stopped, but not by an exception."""

    def config(self):
        """The settings that a resumed run must share: JSON values."""
        return {}

    def state(self):
        """What a checkpoint must keep of this callback: JSON values."""
        return {}

    def arrays(self):
        """What a checkpoint must keep of this callback: arrays by name."""
        return {}

    def restore(self, state, arrays):
        """Restore what state() and arrays() returned."""


def monitored(callback, row):
    """The name of the column to watch: callback.monitor, by default "val_loss" if `row` has it, else "loss"."""
    monitor = callback.monitor or ("val_loss" if "val_loss" in row else "loss")
    if monitor not in row:
        raise ValueError(f"{type(callback).__name__}: no column {monitor!r} to watch; there are {', '.join(row)}.")
    return monitor


def check_monitor(callback, trainer):
    """Raise ValueError if the callback has no monitor, and the model has several objectives and so no default."""
    if callback.monitor is None and len(trainer.model.phases) > 1:
        raise ValueError(
            f"{type(callback).__name__}: expected a column to watch, monitor=..., for a model trained in phases: "
            'the sum of adversarial losses does not measure progress. Take one of the history, such as '
            '"val_reconstruction".'
        )


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs in a row, and restore the best θ.

    monitor: a column of the history that should decrease; by default "val_loss" if there is validation data, else
    "loss" (ValueError for a model of several phases, which has no default). min_delta: a decrease by less than this is
    no improvement. The best θ and its running statistics are also restored if training stops for another reason.
    """

    def __init__(self, patience=5, monitor=None, min_delta=0.0):
        if patience < 1:
            raise ValueError(f"EarlyStopping: expected a patience of at least 1 epoch, got {patience}.")
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self._reset()

    def _reset(self):
        self.best, self.best_epoch, self.best_theta, self.best_statistics = math.inf, None, None, None

    def on_start(self, trainer):
        check_monitor(self, trainer)
        if trainer.epoch == 0:  # discard the best of an earlier run
            self._reset()

    def on_epoch_end(self, trainer, row):
        monitor = monitored(self, row)
        if row[monitor] < self.best - self.min_delta:
            self.best, self.best_epoch = row[monitor], row["epoch"]
            self.best_theta = trainer.model.theta.value.copy()
            self.best_statistics = trainer.model.statistics.value.copy() if trainer.model.statistics.size else None
        elif row["epoch"] - (self.best_epoch or 0) >= self.patience:
            trainer.stop(f"early stopping: {monitor} was best, {self.best:.5g}, in epoch {self.best_epoch}")

    def on_stop(self, trainer):
        if self.best_theta is not None:
            trainer.model.theta.assign(self.best_theta)
        if self.best_statistics is not None:
            trainer.model.statistics.assign(self.best_statistics)

    def config(self):
        return {"patience": self.patience, "monitor": self.monitor, "min_delta": self.min_delta}

    def state(self):
        return {"best": self.best, "best_epoch": self.best_epoch}

    def arrays(self):
        best = {"best_theta": self.best_theta, "best_statistics": self.best_statistics}
        return {name: to_device(vector, "cpu") for name, vector in best.items() if vector is not None}

    def restore(self, state, arrays):
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.best_theta, self.best_statistics = arrays.get("best_theta"), arrays.get("best_statistics")


class LearningRateLog(Callback):
    """Record the learning rate of every step in the list `rates`."""

    observes = True

    def __init__(self):
        self.rates = []

    def on_step(self, trainer):
        self.rates.append(trainer.optimizer.lr)

    def state(self):
        return {"rates": self.rates}

    def restore(self, state, arrays):
        self.rates = list(state["rates"])
