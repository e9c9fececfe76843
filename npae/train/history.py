"""Training history: one row per epoch, with the means of the terms of J over its steps."""

import csv
import json
import math

from npae.backend import atomic_write, device_of


class Diverged(ArithmeticError):
    """The objective became NaN or infinite; the message names epoch, step and term."""


class History:
    """The rows of a training run, each a dict: epoch, lr, seconds, loss, the terms of J, and val_… on validation data.

    stopped: why training ended before its last epoch ("interrupted …", "early stopping …"), or None.
    history["loss"] is a column: the list of this number over the epochs. seen: names and range of the training data
    (backend.Seen), for the message of Diverged.
    """

    def __init__(self, rows=(), seen=None):
        self.rows, self.seen = list(rows), seen
        self.stopped = None

    def __getitem__(self, column):
        columns = self.columns
        if self.rows and column not in columns:
            raise KeyError(f"No column {column!r} in this history: it has {', '.join(columns)}.")
        return [row.get(column) for row in self.rows]

    @property
    def columns(self):
        """The names of all columns, in order of appearance. A row may lack a column that a callback added later."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def begin_epoch(self, epoch):
        """The EpochMeans of a new epoch, counted from 0."""
        return EpochMeans(epoch, seen=self.seen)

    def __len__(self):
        return len(self.rows)

    def best(self, column):
        """The row in which `column` is smallest."""
        return min(self.rows, key=lambda row: row[column])

    def to_json(self, path):
        """Write the rows as a JSON list."""
        with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.rows, file, indent=1, default=float)

    def to_csv(self, path):
        """Write the rows as a table with a header. A cell is empty if its row lacks the column."""
        columns = self.columns or ["epoch"]
        with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def __repr__(self):
        last = ", ".join(f"{k} {v:.4g}" for k, v in self.rows[-1].items()) if self.rows else "empty"
        return f"History({len(self.rows)} epochs; last: {last})"


class EpochMeans:
    """Means of the terms of J over the batches of an epoch, weighted by batch size. NaN raises Diverged.

    On the CPU the terms are read at every step, before it changes θ. On the GPU they stay on the device and are read
    every `read_every` steps, so that the loop does not wait for the device at every step.
    """

    def __init__(self, epoch, read_every=100, seen=None):
        self.epoch, self.read_every, self.seen = epoch, read_every, seen
        self.steps, self._sums = 0, {}  # {name: (Σ value · batch size, samples, steps)}
        self._pending, self._read_before = [], 0  # (batch size, terms) not read yet; how many were read

    def add(self, terms, batch_size):
        """Add the terms of one step, or of one of its phases. Raises Diverged if a term that is read is not finite."""
        self._pending.append((batch_size, terms))
        if device_of(next(iter(terms.values()))) == "cpu" or len(self._pending) >= self.read_every:
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

    def means(self):
        """{"loss": J, term: mean, …} over the epoch so far. Raises Diverged as add does."""
        self._read()
        means = {name: total / samples for name, (total, samples, _) in self._sums.items()}
        return {"loss": sum(means.values())} | means

    def diverged(self, term, value):
        """The Diverged error for a term of J (or θ) that became `value` in the step that was read last."""
        what = f"The objective's term {term!r} became {value} in epoch {self.epoch + 1}, step {self.steps}"
        if self.epoch == 0 and self._read_before == 0:
            cause = f"{self.seen or 'Look at the data'}. Or the weights are too large, or the loss is for other data."
            return Diverged(f"{what}, before the first update of θ, so the learning rate is not the cause. {cause}")
        cure = "Lower the learning rate, clip the gradient (clip_norm=1.0), or look at the data of that step."
        return Diverged(f"{what}. {cure}{f' {self.seen}.' * bool(self.seen)} The last checkpoint is unchanged.")
