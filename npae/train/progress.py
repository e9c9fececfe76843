"""Progress reports: a progress bar, one line per epoch, or nothing."""

import sys

try:
    from tqdm import tqdm
except ImportError:  # the engine needs numpy only; the bar comes with the extra "demos"
    tqdm = None


class NoProgress:
    """Print nothing. Other reporters override what they need."""

    def epoch_starts(self, epoch, epochs, steps):
        """Epoch `epoch` (from 0) of `epochs` starts; it has `steps` steps."""

    def step(self):
        """A step has been taken."""

    def epoch_ends(self, row):
        """An epoch has ended; `row` is its row of the history."""

    def close(self):
        """Training has stopped."""


def row_text(row, epochs):
    """A row of the history as one line of text."""
    numbers = [f"{k} {v:.5g}" for k, v in row.items() if k not in ("epoch", "seconds", "lr")]
    if row["loss"] == row.get("reconstruction"):  # the only term: do not print the same number twice
        numbers = [n for n in numbers if not n.startswith(("reconstruction", "val_reconstruction"))]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(numbers)}  {row['seconds']:.1f} s"


class Lines(NoProgress):
    """One line per epoch."""

    def epoch_starts(self, epoch, epochs, steps):
        self.epochs = epochs

    def epoch_ends(self, row):
        print(row_text(row, self.epochs), flush=True)


class Bar(NoProgress):
    """A tqdm bar over all steps, with the numbers of the last epoch."""

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
    kind = {True: "auto", False: "none"}.get(kind, kind)
    if kind == "auto":
        kind = "bar" if tqdm is not None and sys.stderr.isatty() else "lines"
    if kind == "bar" and tqdm is None:
        raise ValueError('progress="bar" needs tqdm: pip install "npae[demos]", or take progress="lines".')
    if kind not in ("bar", "lines", "none"):
        raise ValueError(f'Unknown progress {kind!r}: expected "auto", "bar", "lines" or "none".')
    return {"bar": Bar, "lines": Lines, "none": NoProgress}[kind]()
