"""Training history: one row per epoch, with the means of the terms of J over its steps."""

import csv
import json
import os
from collections.abc import Iterable
from operator import methodcaller
from typing import Any

from npae.backend import Seen, atomic_write, counted, missing, value_text
from npae.train.epoch_means import EpochMeans
from npae.train.learning_curves import learning_curves


class History:
    """The rows of a training run, each a dict: epoch, lr, seconds, loss, the terms of J, and val_… on validation data.

    history["loss"] is a column: the list of this number over the epochs.

    Args:
        rows: one per epoch.
        seen: names and range of the training data (backend.Seen), for the message of Diverged.
        terms: the names of the terms of J.

    Attributes:
        stopped: why training ended before its last epoch ("interrupted …", "early stopping …"), or None.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> history = fit(dense_autoencoder([8, 3]), x, validation=0.1, epochs=3, progress="none")
        >>> history.columns
        ['epoch', 'lr', 'seconds', 'loss', 'reconstruction', 'val_loss', 'val_reconstruction']
        >>> history["epoch"], history["loss"][-1] < history["loss"][0], history.stopped
        ([1, 2, 3], True, None)
        >>> history.best("val_loss")["epoch"]
        3
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = (), seen: Seen | None = None, terms: Iterable[str] = ()):
        self.rows, self.seen, self.terms = list(rows), seen, tuple(terms)
        self.stopped: str | None = None

    def __getitem__(self, column: str) -> list[Any]:
        columns = self.columns
        if self.rows and column not in columns:
            raise KeyError(f"No column {column!r} in this history: it has {', '.join(columns)}.")
        return [row.get(column) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in order of appearance. A row may lack a column that a callback added later."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def begin_epoch(self, epoch: int) -> EpochMeans:
        """The EpochMeans of a new epoch, counted from 0."""
        return EpochMeans(epoch, seen=self.seen)

    def __len__(self) -> int:
        return len(self.rows)

    def best(self, column: str) -> dict[str, Any]:
        """The row in which `column` is smallest; NaN counts as the largest number."""
        return min(self.rows, key=lambda row: (row[column] != row[column], row[column]))

    def plot(self, ax: Any = None, *, terms: bool = False) -> Any:
        """Draw the loss over the epochs, and the validation loss if there is one. Returns the matplotlib Axes.

        Args:
            ax: the Axes to draw in; None: a new figure.
            terms: draw the terms of J too, such as "reconstruction" and "kl".

        Raises ModuleNotFoundError without matplotlib, ValueError for a history without epochs.
        """
        names = ["loss", *self.terms] if terms else ["loss"]
        columns = [column for name in names for column in (name, f"val_{name}") if column in self.columns]
        return learning_curves(self, columns, ax)

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame, indexed by the epoch. Raises ModuleNotFoundError without pandas."""
        try:
            import pandas as pd
        except ImportError:
            raise ModuleNotFoundError(f"History.to_frame: {missing('pandas', 'tables')}") from None
        return pd.DataFrame(self.rows, columns=self.columns or ["epoch"]).set_index("epoch")

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as a JSON list."""
        with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.rows, file, indent=1, default=methodcaller("item"))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as a table with a header. A cell is empty if its row lacks the column."""
        columns = self.columns or ["epoch"]
        with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def __repr__(self) -> str:
        last = ", ".join(f"{k} {value_text(v)}" for k, v in self.rows[-1].items()) if self.rows else "empty"
        return f"History({counted(len(self.rows), 'epoch')}; last: {last})"
