"""Callbacks: what else should happen during training, each a small object.

A callback is told when training starts, when an epoch has ended and when training stops, and may end training by
trainer.stop(reason). What it must remember across an interruption it gives in state() (JSON values) and arrays().
"""

import math

from npae.backend import check_place, to_device


class Callback:
    """Does nothing; a new callback overrides what it needs. `trainer` is the npae.train.Trainer that calls."""

    def on_start(self, trainer):
        """Training begins (or goes on from a checkpoint)."""

    def on_step(self, trainer):
        """One step was taken."""

    def on_epoch_end(self, trainer, row):
        """An epoch has ended; `row` is its row of the history, and may be added to."""

    def on_epoch_done(self, trainer, row):
        """Every callback has seen the epoch's end: the moment to save."""

    def on_stop(self, trainer):
        """Training is over, for whatever reason but an exception."""

    def config(self):
        """The settings that a run which resumes must share: JSON values."""
        return {}

    def state(self):
        """What a checkpoint must keep of this callback: JSON values."""
        return {}

    def arrays(self):
        """What a checkpoint must keep of this callback: arrays by name."""
        return {}

    def restore(self, state, arrays):
        """Take back what state() and arrays() gave."""


def watched(callback, row):
    """callback.monitor's column of `row`; by default "val_loss" where there is validation data, else "loss"."""
    monitor = callback.monitor or ("val_loss" if "val_loss" in row else "loss")
    if monitor not in row:
        raise ValueError(f"{type(callback).__name__}: no column {monitor!r} to watch; there are {', '.join(row)}.")
    return monitor


def check_monitor(callback, trainer):
    """Raise ValueError if the callback has no monitor, and the model no common objective to watch instead."""
    if callback.monitor is None and len(trainer.model.phases) > 1:
        raise ValueError(
            f"{type(callback).__name__}: expected a column to watch, monitor=..., for a model trained in phases: "
            'the sum of what adversaries pay says nothing. Take one of the history, such as "val_reconstruction".'
        )


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs in a row, and give the model the best θ there was.

    monitor: a column of the history that should fall; by default "val_loss" where there is validation data, else
    "loss" (ValueError for a model of several phases, which has no default). min_delta: what counts as an improvement.
    The best θ is given back also if training ends in another way, with the running statistics that it had.
    """

    def __init__(self, patience=5, monitor=None, min_delta=0.0):
        if patience < 1:
            raise ValueError(f"EarlyStopping: expected a patience of at least 1 epoch, got {patience}.")
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self._forget()

    def _forget(self):
        self.best, self.best_epoch, self.best_theta, self.best_statistics = math.inf, None, None, None

    def on_start(self, trainer):
        check_monitor(self, trainer)
        if trainer.epoch == 0:  # not what it saw in another run
            self._forget()

    def on_epoch_end(self, trainer, row):
        monitor = watched(self, row)
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


class Checkpoint(Callback):
    """Write everything that is needed to go on (see Trainer.save) to `path` after every `every` epochs.

    With best=True the file is written only when `monitor` (see EarlyStopping) is at its best so far: it then holds the
    best model.
    """

    def __init__(self, path, every=1, best=False, monitor=None):
        if every < 1:
            raise ValueError(f"Checkpoint: expected every >= 1 epochs, got {every}.")
        self.path, self.every, self.only_best, self.monitor = path, every, best, monitor
        self.best = math.inf

    def on_start(self, trainer):
        if self.only_best:
            check_monitor(self, trainer)
        if trainer.epoch == 0:  # not what it saw in another run
            self.best = math.inf
        check_place(self.path)  # now, rather than after an epoch of work

    def on_epoch_done(self, trainer, row):
        if self.only_best:
            value = row[watched(self, row)]
            if value >= self.best:
                return
            self.best = value
        elif row["epoch"] % self.every:
            return
        trainer.save(self.path)

    def config(self):
        return {"every": self.every, "best": self.only_best, "monitor": self.monitor}

    def state(self):
        return {"best": self.best}

    def restore(self, state, arrays):
        self.best = state["best"]


class LearningRateLog(Callback):
    """Keep every learning rate that was used: `rates`, one number a step."""

    def __init__(self):
        self.rates = []

    def on_step(self, trainer):
        self.rates.append(trainer.optimizer.lr)

    def state(self):
        return {"rates": self.rates}

    def restore(self, state, arrays):
        self.rates = list(state["rates"])
