"""How a program ends where no main function can catch it: Ctrl-C while it imports, or in a page of from_scratch.

`python -m demos.simple` imports the package demos before anything else, so that demos/__init__.py can set this hook
before NumPy and npae are imported. main functions handle both cases themselves (npae.backend.command).
"""

import atexit
import os
import sys


def without_traceback(kind, error, trace):
    """A sys.excepthook: one sentence after Ctrl-C, nothing if the reader of a pipe has ended, else the traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)  # Python then ends with the status of Ctrl-C
    elif not issubclass(kind, BrokenPipeError):
        sys.__excepthook__(kind, error, trace)


def flush():
    """Write what is printed and not yet written; nothing if the reader of a pipe has ended."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes stdout once more when it ends


def in_programs():
    """Set both hooks if Python is about to run a module with -m, not if a program imports one."""
    if sys.argv[:1] == ["-m"]:
        sys.excepthook = without_traceback
        atexit.register(flush)
