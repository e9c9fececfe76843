"""Progress reports: a progress bar, one line per epoch, or nothing."""

import sys
from typing import Any

from npae.backend import Progress, as_shown, fit_text, is_open, is_terminal, missing, value_text, warn


class Reporter:
    """Reports of the progress of training. This one prints nothing; subclasses override what they need."""

    def epoch_starts(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        """An epoch starts, or one that was begun earlier goes on.

        Args:
            epoch: its number, from 0.
            epochs: how many there will be.
            steps: how many steps it has.
            done: how many of these have been taken.
        """

    def step(self) -> None:
        """A step has been taken."""

    def epoch_ends(self, row: dict[str, Any]) -> None:
        """An epoch has ended; `row` is its row of the history."""

    def close(self, stopped: str | None) -> None:
        """Training has ended.

        Args:
            stopped: why before its last epoch, or None: it was the last one, or an error.
        """


def row_text(row: dict[str, Any], epochs: int) -> str:
    """A row of the history as one line of text.

    Args:
        row: numbers, and perhaps other values, by name.
        epochs: how many epochs there will be.
    """
    numbers = [f"{k} {value_text(v)}" for k, v in row.items() if k not in ("epoch", "seconds", "lr")]
    if row["loss"] == row.get("reconstruction"):  # the only term: do not print the same number twice
        numbers = [n for n in numbers if not n.startswith(("reconstruction", "val_reconstruction"))]
    return f"epoch {row['epoch']}/{epochs}  {'  '.join(numbers)}  {row['seconds']:.1f} s"


def _print(text: str) -> None:
    """Print a line, also on a console that lacks some of its letters, as those of a term's name."""
    if not is_open(sys.stdout):
        return
    try:
        print(text, flush=True)
    except UnicodeEncodeError as error:
        print(as_shown(text, error.encoding), flush=True)


class Lines(Reporter):
    """One line per epoch, with all numbers of its row, and one with the reason why training stopped early."""

    epochs: int

    def epoch_starts(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        self.epochs = epochs

    def epoch_ends(self, row: dict[str, Any]) -> None:
        _print(fit_text(row_text(row, self.epochs)))

    def close(self, stopped: str | None) -> None:
        if stopped:
            _print(fit_text(f"Training stopped: {stopped}."))


class Bar(Reporter):
    """A tqdm bar over all steps, with the losses of the last epoch (npae.train.bar)."""

    bar: Any = None

    def epoch_starts(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        title = f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"
        if self.bar is None:
            from npae.train.bar import FittedBar

            self.bar = FittedBar(
                total=epochs * steps, initial=epoch * steps + done, desc=title, mininterval=0.2, dynamic_ncols=True,
                file=sys.stdout if in_notebook() else sys.stderr,
            )  # fmt: skip
        else:
            self.bar.set_epoch(title)

    def step(self) -> None:
        self.bar.update()

    def epoch_ends(self, row: dict[str, Any]) -> None:
        self.bar.losses = tuple(f"{name} {value_text(row[name])}" for name in ("loss", "val_loss") if name in row)

    def close(self, stopped: str | None) -> None:
        if self.bar is not None:
            self.bar.end(stopped)


class Guarded(Reporter):
    """A reporter whose stream may fail: the disk is full, the terminal or the reader of a pipe is gone.

    Training goes on, with one warning and without further reports.

    Args:
        reporter: any other one.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def _report(self, method: str, *args: Any) -> None:
        try:
            getattr(self.reporter, method)(*args)
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) and "closed file" not in str(error):
                raise
            self.reporter = Reporter()
            warn(f"progress: training goes on, but its progress cannot be printed ({error}).", RuntimeWarning)

    def epoch_starts(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        self._report("epoch_starts", epoch, epochs, steps, done)

    def step(self) -> None:
        self._report("step")

    def epoch_ends(self, row: dict[str, Any]) -> None:
        self._report("epoch_ends", row)

    def close(self, stopped: str | None) -> None:
        self._report("close", stopped)


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


def make_progress(kind: Progress) -> Reporter:
    """The reporter of progress of this kind.

    Args:
        kind: "bar", "lines", "none", or "auto": a bar on a terminal and in a notebook, lines elsewhere. True and
            False: "auto" and "none".

    Raises ValueError for another kind, ModuleNotFoundError for "bar" without tqdm.
    """
    if kind in (True, False):
        kind = "auto" if kind else "none"
    if kind == "auto":
        kind = "bar" if (is_terminal(sys.stderr) or in_notebook()) and _has_tqdm() else "lines"
    if kind == "bar" and not _has_tqdm():
        raise ModuleNotFoundError(f'progress="bar": {missing("tqdm", "demos")} Or take progress="lines".')
    if kind not in ("bar", "lines", "none"):
        raise ValueError(f'Unknown progress {kind!r}: expected "auto", "bar", "lines" or "none".')
    if kind == "bar" and not in_notebook() and not is_open(sys.stderr):  # a program without a console
        kind = "none"
    return {"bar": Bar, "lines": Lines, "none": Reporter}[kind]()
