"""Interrupting training: Ctrl-C finishes the current step and then stops, with a usable model and history."""

import signal
import threading


class Interrupt:
    """While the `with` block runs, the first Ctrl-C only sets `requested`; a second one interrupts at once.

    Python handles signals in the main thread only; in any other thread this does nothing.
    """

    def __init__(self):
        self.requested = False

    def _handle(self, signum, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self):
        self.requested = False
        self._in_main = threading.current_thread() is threading.main_thread()
        if self._in_main:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *exception):
        if self._in_main:
            signal.signal(signal.SIGINT, self._before)
