"""The progress bar: one line that fits into the window, with the time left and the last losses.

    epoch  3/20  17%|███▍                | 00:35 left  loss 141.87  val_loss 140.73  142 steps/s

The line is fitted to the window each time it is drawn. The epoch and the time left are always shown; the losses and the
speed only if the bar keeps LONG_ENOUGH columns. Where the encoding has no blocks, tqdm draws the bar of "#". In a
notebook it is a widget, or text where ipywidgets are missing.

This file needs tqdm (the extra `demos`), so `progress.py` imports it only for a bar.
"""

import time
import warnings
from typing import Any

from npae.backend import fit_text

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # in a notebook tqdm warns if ipywidgets are missing
    from tqdm.auto import tqdm

LONG_ENOUGH, TOO_SHORT = 10, 4  # columns of the bar


class FittedBar(tqdm):
    """A tqdm bar with `losses` beside it, as many of these texts as fit. over: has training stopped?"""

    losses: tuple[str, ...] = ()
    over = False

    def set_epoch(self, title: str) -> None:
        """Show another epoch, at once or when the line is next drawn.

        Args:
            title: the epoch.
        """
        self.set_description_str(title, refresh=time.time() - self.last_print_t > self.mininterval)

    def end(self, stopped: str | None) -> None:
        """Draw the line for the last time: whole, and with the reason below it if training stopped early.

        Args:
            stopped: the reason, or None.
        """
        self.over = True
        if stopped:
            self.total = self.n  # a bar that ends before its total looks like a failure
        self.close()
        if stopped:
            self.write(fit_text(f"Training stopped: {stopped}."), file=self.fp)

    def display(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the line, also on a terminal that does not know its height and so has 0 lines for tqdm."""
        self.nrows = None
        return super().display(*args, **kwargs)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What tqdm draws the line from, with a format for the present width of the window."""
        state = dict(super().format_dict)
        state["ncols"] = max(0, state["ncols"] or 0) or None  # a terminal that does not know its width has 0 columns
        clock = "{elapsed} in all" if self.over else "{remaining} left"
        room = (state["ncols"] or 1000) - len(f"{state['prefix']} 100%|| 0:00:00 left") - LONG_ENOUGH
        bar = "|{bar}|" if room + LONG_ENOUGH > TOO_SHORT else ""
        line = f"{state['prefix']} {{percentage:3.0f}}%{bar} {clock}"
        for text in filter(None, (*self.losses, _speed(state))):
            room -= len(text) + 2
            if room < 0:
                break
            line += f"  {text}"
        return state | {"bar_format": line}


def _speed(state: dict[str, Any]) -> str:
    """Steps per second, or seconds per step where these are more than one; "" before the first step."""
    rate = state["rate"] or (state["n"] - state["initial"]) / (state["elapsed"] or 1)
    return "" if rate <= 0 else f"{rate:.0f} steps/s" if rate > 1 else f"{1 / rate:.1f} s per step"
