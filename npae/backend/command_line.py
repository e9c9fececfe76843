"""Programs of the command line: help that fits the window, Ctrl-C, and a pipe that is closed."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from npae.backend.console import safe_output
from npae.backend.window import fit_text, text_width, window_width, wrap

INTERRUPTED = 130  # exit status of a program that Ctrl-C has ended: 128 + the number of the signal


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The layout of the help."""

    def _format_usage(self, *arguments: Any) -> str:
        """The line of options, with as many of them on a line as fit; an option and its value stay together."""
        text, width = super()._format_usage(*arguments), window_width()
        if not width or text_width(text) <= width:
            return text
        options = re.findall(r"\[.*?\]+|\S+", " ".join(text.split()))
        lines = wrap(" ".join(option.replace(" ", "\xa0") for option in options), width, " " * 4)
        return "\n".join(lines).replace("\xa0", " ") + "\n\n"

    def format_help(self) -> str:
        """The whole text of the help."""
        return fit_text(super().format_help())


class CommandParser(argparse.ArgumentParser):
    """A parser of the command line whose help and errors fit the window.

    Args:
        prog: the command, such as "python -m program".
        description: such as the docstring of the program: its paragraphs and indented lines are kept.

    Example:
        >>> from npae.backend import CommandParser
        >>> print(CommandParser(prog="python -m program", description="A title.").format_help().splitlines()[2])
        A title.
    """

    def __init__(self, prog: str, description: str | None = None):
        super().__init__(prog=prog, description=description, formatter_class=_Formatter)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the program.

        Args:
            status: its exit status.
            message: what is printed to stderr before.
        """
        super().exit(status, fit_text(message or ""))


@contextmanager
def command_line() -> Iterator[None]:
    """A block that is the main function of a program of the command line.

    Any console can show what it prints (safe_output). Ctrl-C ends the program with a sentence and exit status 130. If
    the program that reads the output has ended, as `head` does after its lines, this one ends as well, without a word
    and with exit status 1.

    Example:
        >>> from npae.backend import command_line
        >>> with command_line():
        ...     print("J = -ELBO")
        J = -ELBO
    """
    safe_output()
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        if sys.stdout is not None:  # Python flushes it once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
