"""Training history: one row per epoch, with the means of the terms of J over its steps."""

import csv
import json
import math
import os
from collections.abc import Iterable
from operator import methodcaller
from typing import Any

from npae.backend import Seen, atomic_write, counted, device_of, missing, value_text
from npae.train.learning_curves import learning_curves
from npae.train.overflow import overflowed


class Diverged(ArithmeticError):
    """The objective became NaN or infinite; the message names epoch, step and term."""


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

    def begin_epoch(self, epoch: int) -> "EpochMeans":
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


class EpochMeans:
    """Means of the terms of J over the batches of an epoch, weighted by batch size. NaN raises Diverged.

    On the CPU the terms are read at every step, before it changes θ. On the GPU they stay on the device and are read
    every `read_every` steps, so that the loop does not wait for the device at every step.

    Args:
        epoch: its number, from 0.
        read_every: how often the terms are read on the GPU.
        seen: names and range of the training data, for the message of Diverged.
    """

    def __init__(self, epoch: int, read_every: int = 100, seen: Seen | None = None):
        self.epoch, self.read_every, self.seen = epoch, read_every, seen
        self.steps = 0
        self._sums: dict[str, tuple[float, int, int]] = {}  # {name: (Σ value · batch size, samples, steps)}
        self._pending: list[tuple[int, dict[str, Any]]] = []  # (batch size, terms) not read yet
        self._read_before = 0  # how many were read

    def add(self, terms: dict[str, Any], batch_size: int) -> None:
        """Add the terms of one step, or of one of its phases.

        Args:
            terms: {name: value}, scalars on the device or floats.
            batch_size: the number of samples of which they are means.

        Raises Diverged if a term that is read is not finite.
        """
        self._pending.append((batch_size, terms))
        first = next(iter(terms.values()))
        if isinstance(first, float) or device_of(first) == "cpu" or len(self._pending) >= self.read_every:
            self._read()

    def _read(self):
        for batch_size, terms in self._pending:
            for name, value in terms.items():
                total, samples, steps = self._sums.get(name, (0.0, 0, 0))
                self.steps, value = steps + 1, float(value)
                if not math.isfinite(value):
                    raise self.diverged(name, value)
                self._sums[name] = total + value * batch_size, samples + batch_size, self.steps
            self._read_before += 1
        self._pending.clear()

    def means(self) -> dict[str, float]:
        """{"loss": J, term: mean, …} over the epoch so far. Raises Diverged as add does."""
        self._read()
        means = {name: total / samples for name, (total, samples, _) in self._sums.items()}
        return {"loss": sum(means.values())} | means

    def diverged(self, term: str, value: Any) -> Diverged:
        """The error for the step that was read last.

        Args:
            term: the name of a term of J, or "θ".
            value: what it became.
        """
        what = f"The objective's term {term!r} became {value} in epoch {self.epoch + 1}, step {self.steps}"
        if self.epoch == 0 and self._read_before == 0:
            cause = f"{self.seen or 'Look at the data'}. Or the weights are too large, or the loss is for other data."
            return Diverged(f"{what}, before the first update of θ, so the learning rate is not the cause. {cause}")
        cure = "Lower the learning rate, clip the gradient (clip_norm=1.0), or look at the data of that step."
        return Diverged(f"{what}. {cure}{f' {self.seen}.' * bool(self.seen)} The last checkpoint is unchanged.")

    def check_state(self, phases: Iterable[tuple[Any, Any]]) -> None:
        """Raise Diverged if a state vector of an optimizer is not finite (npae.train.overflow).

        Args:
            phases: pairs of a phase and its optimizer.
        """
        for phase, optimizer in phases:
            place = overflowed(optimizer, phase.theta)
            if place is not None:
                raise Diverged(
                    f"{place} became NaN or infinite in epoch {self.epoch + 1}: a gradient was so large that its "
                    "square overflowed, and this parameter would never move again. Lower the learning rate, or "
                    f"standardise the data.{f' {self.seen}.' * bool(self.seen)} The last checkpoint is unchanged."
                )
