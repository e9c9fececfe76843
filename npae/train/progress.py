"""Progress reports: a progress bar, one line per epoch, or nothing."""

import sys
from typing import Any

from npae.backend import as_shown, missing


class NoProgress:
    """Print nothing. Other reporters override what they need."""

    def epoch_starts(self, epoch: int, epochs: int, steps: int) -> None:
        """An epoch starts.

        Args:
            epoch: its number, from 0.
            epochs: how many there will be.
            steps: how many steps it has.
        """

    def step(self) -> None:
        """A step has been taken."""

    def epoch_ends(self, row: dict[str, Any]) -> None:
        """An epoch has ended; `row` is its row of the history."""

    def close(self) -> None:
        """Training has stopped."""


def row_text(row: dict[str, Any], epochs: int) -> str:
    """A row of the history as one line of text.

    Args:
        row: numbers by name.
        epochs: how many epochs there will be.
    """
    numbers = [f"{k} {v:.5g}" for k, v in row.items() if k not in ("epoch", "seconds", "lr")]
    if row["loss"] == row.get("reconstruction"):  # the only term: do not print the same number twice
        numbers = [n for n in numbers if not n.startswith(("reconstruction", "val_reconstruction"))]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(numbers)}  {row['seconds']:.1f} s"


class Lines(NoProgress):
    """One line per epoch, with all numbers of its row."""

    epochs: int

    def epoch_starts(self, epoch: int, epochs: int, steps: int) -> None:
        self.epochs = epochs

    def epoch_ends(self, row: dict[str, Any]) -> None:
        text = row_text(row, self.epochs)
        try:
            print(text, flush=True)
        except UnicodeEncodeError as error:  # the name of a term has a letter that the console lacks
            print(as_shown(text, error.encoding), flush=True)


class Bar(NoProgress):
    """A tqdm bar over all steps, with the losses of the last epoch (npae.train.bar)."""

    bar: Any = None

    def epoch_starts(self, epoch: int, epochs: int, steps: int) -> None:
        if self.bar is None:
            from npae.train.bar import FittedBar

            self.epochs = epochs
            self.bar = FittedBar(
                total=epochs * steps, initial=epoch * steps, desc=self._title(epoch), mininterval=0.2,
                dynamic_ncols=True, file=sys.stdout if in_notebook() else sys.stderr,
            )  # fmt: skip

    def step(self) -> None:
        self.bar.update()

    def epoch_ends(self, row: dict[str, Any]) -> None:
        losses = tuple(f"{name} {row[name]:.5g}" for name in ("loss", "val_loss") if name in row)
        self.bar.set_losses(self._title(row["epoch"]), losses)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.over = True
            self.bar.close()

    def _title(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self.epochs))}}/{self.epochs}"


def in_notebook() -> bool:
    """Does this program run in a notebook, whose output is not a terminal but can show a bar?"""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _has_tqdm() -> bool:
    try:
        import npae.train.bar  # noqa: F401
    except ImportError:
        return False
    return True


def make_progress(kind: str | bool) -> NoProgress:
    """The reporter of progress of this kind.

    Args:
        kind: "bar", "lines", "none", or "auto": a bar on a terminal and in a notebook, lines elsewhere. True and
            False: "auto" and "none".

    Raises ValueError for another kind, and for "bar" without tqdm.
    """
    if kind in (True, False):
        kind = "auto" if kind else "none"
    if kind == "auto":
        terminal = sys.stderr is not None and sys.stderr.isatty()
        kind = "bar" if (terminal or in_notebook()) and _has_tqdm() else "lines"
    if kind == "bar" and not _has_tqdm():
        raise ValueError(f'progress="bar": {missing("tqdm", "demos")} Or take progress="lines".')
    if kind not in ("bar", "lines", "none"):
        raise ValueError(f'Unknown progress {kind!r}: expected "auto", "bar", "lines" or "none".')
    return {"bar": Bar, "lines": Lines, "none": NoProgress}[kind]()
