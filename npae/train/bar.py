"""The progress bar: one line that fits into the window, with the time left and the last losses.

    epoch  3/20  17%|███▍                | 00:35 left  loss 141.87  val_loss 140.73  142 steps/s

The window is measured whenever the line is drawn, so it may change its width at any time. The epoch and the time left
always stay. The losses and the speed are shown where they leave the bar LONG_ENOUGH, and the bar itself where it is not
too short to see. Where the encoding has no blocks, tqdm draws the bar of "#". In a notebook it is a widget, or text
where ipywidgets are missing.

This file needs tqdm (the extra `demos`), so `progress.py` imports it only for a bar.
"""

import time
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # in a notebook tqdm warns if ipywidgets are missing
    from tqdm.auto import tqdm

LONG_ENOUGH, TOO_SHORT = 10, 4  # columns of the bar


class FittedBar(tqdm):
    """A tqdm bar with `losses` beside it, as many of these texts as fit. over: has training stopped?"""

    losses: tuple[str, ...] = ()
    over = False

    def set_losses(self, title: str, losses: tuple[str, ...]) -> None:
        """Show other losses, and the epoch that they belong to, at once or when the line is next drawn.

        Args:
            title: the epoch.
            losses: numbers with their names, the most important first.
        """
        self.losses = losses
        self.set_description_str(title, refresh=time.time() - self.last_print_t > self.mininterval)

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
