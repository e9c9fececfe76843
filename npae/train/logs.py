"""Logs: callbacks that record a training run, in a list, in a table on disk, or for TensorBoard.

They only observe: a run may be resumed with or without them. Of several processes the first writes.
"""

import csv
import os
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Array, as_path, check_place, missing
from npae.train.callbacks import Callback
from npae.train.saved_run import is_number

if TYPE_CHECKING:
    from npae.train.trainer import Trainer


class LearningRateLog(Callback):
    """Record the learning rate of every step in the list `rates`.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import LearningRateLog
        >>> x, log = np.random.default_rng(0).random((200, 8)), LearningRateLog()
        >>> history = fit(dense_autoencoder([8, 3]), x, epochs=2, schedule="cosine", callbacks=log, progress="none")
        >>> [round(rate, 6) for rate in log.rates]  # two steps per epoch
        [0.001, 0.000854, 0.0005, 0.000146]
    """

    observes = True

    def __init__(self):
        self.rates: list[float] = []

    def on_step(self, trainer: "Trainer") -> None:
        self.rates.append(trainer.optimizer.lr)

    def state(self) -> dict[str, Any]:
        return {"rates": self.rates}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        if not (isinstance(state["rates"], list) and all(map(is_number, state["rates"]))):
            raise ValueError(f"LearningRateLog: expected a list of learning rates, got {state['rates']!r}")
        self.rates = list(state["rates"])


class CSVLog(Callback):
    """Write the history to a table of comma-separated values, one row more after every epoch.

    A row is on disk when its epoch is over, so the table survives a killed process. When a run is resumed, the rows of
    epochs that are run again are removed, and so is half a row that a power failure may have left. A new run replaces
    the file after its first epoch. The file is only appended to, or replaced as a whole.

    Args:
        path: the file; missing folders are made.

    Raises OSError, before the first step, if it cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import CSVLog
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = CSVLog(Path(folder, "log.csv"))
        ...     history = fit(dense_autoencoder([8, 3]), x, epochs=2, callbacks=log, progress="none")
        ...     lines = log.path.read_text().splitlines()
        >>> lines[0], len(lines)
        ('epoch,lr,seconds,loss,reconstruction', 3)
    """

    observes = True

    def __init__(self, path: str | os.PathLike[str]):
        self.path = as_path(path, "CSVLog")
        self._columns: list[str] = []  # of the header, once this run has written it

    def on_start(self, trainer: "Trainer") -> None:
        self._columns = []
        if trainer.group.rank == 0:
            check_place(self.path)
            if len(trainer.history):
                self._write(trainer)

    def on_epoch_done(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        if trainer.group.rank:
            return
        if not set(row) <= set(self._columns) or not self.path.is_file():
            self._write(trainer)
            return
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)
            file.flush()
            os.fsync(file.fileno())

    def _write(self, trainer: "Trainer") -> None:
        """Replace the file by all rows so far."""
        trainer.history.to_csv(self.path)
        self._columns = trainer.history.columns


class TensorBoard(Callback):
    """Write every number and text of the history to event files, which TensorBoard shows: tensorboard --logdir=folder.

    Training and validation are two runs with the same names, so that TensorBoard draws them in one chart: "loss" is
    the column "loss" in the run `training`, and "val_loss" in the run `validation`. An epoch is on disk about a second
    after its end. In a resumed run, TensorBoard hides the earlier points of repeated epochs; in a new run,
    all points of the previous run in that folder.

    The files are written by tensorboardX (the extra `tensorboard`; 5 MB with its dependencies). torch.utils.tensorboard
    writes the same files and needs PyTorch, more than a gigabyte.

    Args:
        folder: the folder of the two runs.

    Raises ModuleNotFoundError without tensorboardX.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import TensorBoard
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = TensorBoard(folder)
        ...     history = fit(dense_autoencoder([8, 3]), x, validation=0.1, epochs=2, callbacks=board, progress="none")
        ...     sorted(path.name for path in board.folder.iterdir())
        ['training', 'validation']
    """

    observes = True

    def __init__(self, folder: str | os.PathLike[str]):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ModuleNotFoundError(f"TensorBoard: {missing('tensorboardX', 'tensorboard')}") from None
        self.folder, self._writer = as_path(folder, "TensorBoard"), SummaryWriter
        self._runs: dict[str, Any] = {}  # the writers by name

    def on_start(self, trainer: "Trainer") -> None:
        self.on_stop(trainer)  # of a run that ended by an exception
        if trainer.group.rank == 0:
            check_place(self.folder / "training" / "events")

    def on_epoch_done(self, trainer: "Trainer", row: dict[str, Any]) -> None:
        if trainer.group.rank:
            return
        for name, value in row.items():
            run = "validation" if name.startswith("val_") else "training"
            if run not in self._runs:
                self._runs[run] = self._writer(
                    str(self.folder / run), purge_step=row["epoch"], flush_secs=1, filename_suffix=f".{row['epoch']}"
                )
            if isinstance(value, str):
                self._runs[run].add_text(name.removeprefix("val_"), value, row["epoch"])
            elif isinstance(value, Real | np.bool_) and name != "epoch":
                self._runs[run].add_scalar(name.removeprefix("val_"), float(value), row["epoch"])

    def on_stop(self, trainer: "Trainer") -> None:
        for run in self._runs.values():
            run.close()
        self._runs.clear()
