"""Callbacks: objects that the training loop calls when training starts, after each step and epoch, and when it stops.

A callback may end training with trainer.stop(reason). What it must remember when a run is resumed it returns from
state() (JSON values) and arrays().
"""

import math
from typing import TYPE_CHECKING, Any

from npae.backend import Array, Config, as_float, as_int, to_device
from npae.train.saved_run import check_vectors, is_number

if TYPE_CHECKING:
    from npae.train.trainer import Trainer


class Callback:
    """Does nothing; subclasses override what they need. `trainer` is the npae.train.Trainer that calls it.

    Attributes:
        observes: True for a callback that only records or writes, or acts only before the first step. A run may be
            resumed with or without such callbacks.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import Callback
        >>> class StopBelow(Callback):
        ...     def on_epoch_end(self, trainer, row):
        ...         if row["loss"] < 6:
        ...             trainer.stop("the loss is below 6")
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> fit(dense_autoencoder([8, 3]), x, epochs=500, callbacks=StopBelow(), progress="none").stopped
        'the loss is below 6'
    """

    observes = False

    def on_start(self, trainer: "Trainer") -> None:
        """Training starts, or resumes from a checkpoint."""

    def on_step(self, trainer: "Trainer") -> None:
        """A step has been taken."""

    def on_step_done(self, trainer: "Trainer") -> None:
        """on_step of all callbacks has been called: the time to save within an epoch."""

    def on_epoch_end(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        """An epoch has ended.

        Args:
            trainer: the training run.
            row: the epoch's row of the history; columns may be added to it.
        """

    def on_epoch_done(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        """on_epoch_end of all callbacks has been called: the time to save.

        Args:
            trainer: the training run.
            row: the epoch's row of the history, complete.
        """

    def on_stop(self, trainer: "Trainer") -> None:
        """Training has stopped, but not by an exception."""

    def config(self) -> Config:
        """The settings that a resumed run must share: JSON values."""
        return {}

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep of this callback: JSON values."""
        return {}

    def arrays(self) -> dict[str, Array]:
        """What a checkpoint must keep of this callback: arrays by name."""
        return {}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Continue from a checkpoint. A file is not trusted: raise for values that are not such a state.

        It is called on a copy of the callback, copy.copy(self), so that a damaged file changes nothing.

        Args:
            state: what state() returned.
            arrays: what arrays() returned.
        """

    def check_restored(self, trainer: "Trainer", epoch: int) -> None:
        """Raise ValueError if what was restored does not fit the run. It is called after `restore`, on the copy.

        Args:
            trainer: the run, of which nothing has been restored yet.
            epoch: the finished epochs of the checkpoint.
        """


def monitored(callback: Any, row: dict[str, Any]) -> str:
    """The name of the column to watch.

    Args:
        callback: its `monitor` is the name; None: "val_loss" if `row` has it, else "loss".
        row: a row of the history.

    Raises ValueError if the row has no such column.
    """
    monitor = callback.monitor or ("val_loss" if "val_loss" in row else "loss")
    if monitor not in row:
        raise ValueError(f"{type(callback).__name__}: no column {monitor!r} to watch; there are {', '.join(row)}.")
    return monitor


def check_monitor(callback: Any, trainer: "Trainer") -> None:
    """Raise ValueError if the callback has no monitor, and the model has several objectives and so no default.

    Args:
        callback: one with a `monitor`.
        trainer: the training run.
    """
    if callback.monitor is None and len(trainer.model.phases) > 1:
        raise ValueError(
            f"{type(callback).__name__}: expected a column to watch, monitor=..., for a model trained in phases: "
            'the sum of adversarial losses does not measure progress. Take one of the history, such as '
            '"val_reconstruction".'
        )


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs in a row, and restore the best θ.

    The best θ and its running statistics are also restored if training stops for another reason.

    Args:
        patience: epochs in a row without improvement.
        monitor: a column of the history that should decrease. None: "val_loss" if there is validation data, else
            "loss"; ValueError for a model of several phases, which has no default.
        min_delta: a decrease by less than this is no improvement.

    Attributes:
        best: the smallest value of the column so far.
        best_epoch: the epoch in which it was reached.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.optim import Adam
        >>> from npae.train import EarlyStopping
        >>> x = np.random.default_rng(0).random((60, 8), np.float32)
        >>> model, stop = dense_autoencoder([8, 3]), EarlyStopping(patience=3)
        >>> history = fit(model, x[:40], validation=x[40:], epochs=2000, optimizer=Adam(0.05), callbacks=stop,
        ...               progress="none")
        >>> len(history) == stop.best_epoch + 3, model.evaluate(x[40:])["reconstruction"] == stop.best
        (True, True)
    """

    best: float
    best_epoch: int | None
    best_theta: Array | None
    best_statistics: Array | None

    def __init__(self, patience: int = 5, monitor: str | None = None, min_delta: float = 0.0):
        self.patience, self.monitor = as_int(patience, "patience of EarlyStopping", least=1), monitor
        self.min_delta = as_float(min_delta, "min_delta of EarlyStopping", least=0)
        self._reset()

    def _reset(self):
        self.best, self.best_epoch, self.best_theta, self.best_statistics = math.inf, None, None, None

    def on_start(self, trainer: "Trainer") -> None:
        check_monitor(self, trainer)
        if trainer.means.begins:  # discard the best of an earlier run
            self._reset()

    def on_epoch_end(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        monitor = monitored(self, row)
        if row[monitor] < self.best - self.min_delta:
            self.best, self.best_epoch = row[monitor], row["epoch"]
            self.best_theta = trainer.model.theta.value.copy()
            self.best_statistics = trainer.model.statistics.value.copy() if trainer.model.statistics.size else None
        elif row["epoch"] - (self.best_epoch or 0) >= self.patience:
            trainer.stop(f"early stopping: {monitor} was best, {self.best:.5g}, in epoch {self.best_epoch}")

    def on_stop(self, trainer: "Trainer") -> None:
        if self.best_theta is not None:
            trainer.model.theta.assign(self.best_theta)
        if self.best_statistics is not None:
            trainer.model.statistics.assign(self.best_statistics)

    def config(self) -> Config:
        return {"patience": self.patience, "monitor": self.monitor, "min_delta": self.min_delta}

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def arrays(self) -> dict[str, Array]:
        best = {"best_theta": self.best_theta, "best_statistics": self.best_statistics}
        return {name: to_device(vector, "cpu") for name, vector in best.items() if vector is not None}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.best_theta, self.best_statistics = arrays.get("best_theta"), arrays.get("best_statistics")

    def check_restored(self, trainer: "Trainer", epoch: int) -> None:
        found = self.best_epoch
        if not (is_number(self.best) and (found is None or type(found) is int and 1 <= found <= epoch)):
            raise ValueError(f"EarlyStopping: its best value was {self.best!r} in epoch {found!r}")
        check_vectors(self.arrays(), ("best_theta", "best_statistics"), trainer, there=found is not None)
