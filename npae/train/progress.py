"""How training tells what it is doing: a bar, one line an epoch, or nothing."""

import sys

try:
    from tqdm import tqdm
except ImportError:  # the engine needs numpy only; the bar comes with the extra "demos"
    tqdm = None


class Silent:
    """Say nothing."""

    def epoch_starts(self, epoch, epochs, steps):
        """Epoch `epoch` (from 0) of `epochs` begins; it has `steps` batches."""

    def step(self):
        """One more batch is done."""

    def epoch_ends(self, row):
        """The epoch's row of the history."""

    def close(self):
        """Training is over."""


def row_text(row, epochs):
    """A row of the history as one line of text."""
    numbers = [f"{k} {v:.5g}" for k, v in row.items() if k not in ("epoch", "seconds", "lr")]
    if row["loss"] == row.get("reconstruction"):  # the only term: not the same number twice
        numbers = [n for n in numbers if not n.startswith(("reconstruction", "val_reconstruction"))]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(numbers)}  {row['seconds']:.1f} s"


class Lines(Silent):
    """One line an epoch."""

    def epoch_starts(self, epoch, epochs, steps):
        self.epochs = epochs

    def epoch_ends(self, row):
        print(row_text(row, self.epochs), flush=True)


class Bar(Silent):
    """A tqdm bar over all steps, with the last epoch's numbers beside it."""

    def __init__(self):
        self.bar = None

    def epoch_starts(self, epoch, epochs, steps):
        if self.bar is None:
            self.bar = tqdm(total=epochs * steps, initial=epoch * steps, unit="step", leave=True, mininterval=0.2)
            self.epochs = epochs

    def step(self):
        self.bar.update()

    def epoch_ends(self, row):
        self.bar.set_description_str(row_text(row, self.epochs))

    def close(self):
        if self.bar is not None:
            self.bar.close()


def make_progress(kind):
    """The reporter for "bar", "lines", "none" or "auto" (a bar on a terminal, lines elsewhere).

    Raises ValueError for another kind, and for "bar" without tqdm.
    """
    if kind == "auto":
        kind = "bar" if tqdm is not None and sys.stderr.isatty() else "lines"
    if kind == "bar" and tqdm is None:
        raise ValueError('progress="bar" needs tqdm: pip install "npae[demos]", or take progress="lines".')
    if kind not in ("bar", "lines", "none"):
        raise ValueError(f'Unknown progress {kind!r}: expected "auto", "bar", "lines" or "none".')
    return {"bar": Bar, "lines": Lines, "none": Silent}[kind]()
