"""Interrupting training: Ctrl-C finishes the current step and then stops, with a usable model and history."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """While the `with` block runs, the first Ctrl-C only sets `requested`; a second one interrupts at once.

    Python handles signals in the main thread only; in any other thread this does nothing.
    """

    _before: Any = None  # the handler of SIGINT before the block; None: there is nothing to restore

    def __init__(self):
        self.requested = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> "Interrupt":
        self.requested, self._before = False, None
        # A handler that was not set by Python (then getsignal returns None) could not be restored, so it stays.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not None:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
