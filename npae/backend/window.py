"""Text that fits the window of the terminal: lines broken at spaces."""

import os
import re
import shutil
import sys
import unicodedata
from numbers import Integral, Real
from typing import Any

from npae.backend.console import as_shown, is_terminal

_DEEPER = " " * 4  # before the further lines of an indented line


def window_width() -> int:
    """Characters per line of the terminal, less one, since some consoles break full lines; 0 without a terminal."""
    columns = shutil.get_terminal_size((0, 0)).columns if is_terminal(sys.stdout) or "COLUMNS" in os.environ else 0
    return max(columns - 1, 0)


def text_width(text: str) -> int:
    """The places that the longest line of the text takes on the console."""
    shown = as_shown(text, getattr(sys.stdout, "encoding", None))
    return max(sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
               for line in shown.split("\n"))  # fmt: skip


def fit_text(text: str, width: int | None = None) -> str:
    """The text with lines that fit the window.

    A paragraph, which consists of lines without an indent, is refilled if one of its lines is too long. An indented
    line stays a line: it continues below with a deeper indent, broken first where it has several spaces, then between
    words. Lines that fit stay as they are. A word is broken only if it is longer than a line.

    Args:
        text: paragraphs, with empty lines between them.
        width: the number of characters per line; by default one less than the window's, or without a limit if the
            output is not a terminal.

    Example:
        >>> from npae.backend import fit_text
        >>> print(fit_text("The input x is noisy, and the\\ntarget is clean.\\n\\n    python -m demos.gan    GAN", 24))
        The input x is noisy,
        and the target is clean.
        <BLANKLINE>
            python -m demos.gan
                GAN
    """
    width = width or window_width()
    if not width:
        return text
    blocks: list[list[str]] = []
    for line in text.split("\n"):
        continues = blocks and blocks[-1][-1].strip() and not blocks[-1][-1].startswith(" ")
        if continues and line.strip() and not line.startswith(" "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return "\n".join(line for block in blocks for line in _fitted(block, width))


def _fitted(block: list[str], width: int) -> list[str]:
    """The lines of a paragraph, or of one indented line."""
    if all(text_width(line) <= width for line in block):
        return block
    text = " ".join(block)
    indent = text[: len(text) - len(text.lstrip())]
    if not indent:
        return wrap(text, width)
    indent, deeper = indent[: width // 4], (indent + _DEEPER)[: width // 3]
    lines: list[str] = []
    for part in re.findall(r" *\S+(?: \S+)*", text):  # cut where there are several spaces
        if lines and text_width(lines[-1] + part) <= width:
            lines[-1] += part
        else:
            lines.append((deeper if lines else indent) + part.lstrip())
    return [piece for line in lines for piece in wrap(line, width, deeper)]


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of a text, broken at spaces where it is too wide.

    A word is broken only if it is longer than a line.

    Args:
        text: lines, each of which is broken by itself.
        width: the number of characters per line.
        indent: what further lines begin with, where the width is at least twice that.
    """
    indent, lines = indent if width >= 2 * len(indent) else "", []
    for line in text.split("\n"):
        while text_width(line) > width:
            head = max((p for p in _breaks(line) if text_width(line[:p]) <= width), default=0)
            head = head or _last_that_fits(line, width)
            lines.append(line[:head])
            line = indent + line[head:].lstrip() if head < len(line) else ""
        lines += [line] if line or not text else []
    return lines


def _breaks(line: str) -> list[int]:
    """The places of the spaces between the words of a line."""
    return [match.start() for match in re.finditer(r"(?<=\S) +(?=\S)", line)]


def _last_that_fits(line: str, width: int) -> int:
    """The number of characters of a line's first word that fit: one beyond its indent at least."""
    end = len(line) - len(line.lstrip()) + 1
    while end < len(line) and (unicodedata.combining(line[end]) or text_width(line[: end + 1]) <= width):
        end += 1
    return end


def value_text(value: Any) -> str:
    """A value in a line of text: a number that is not whole with five digits, anything else as str(value) in one line.

    Args:
        value: such as a number, a text or None.

    Example:
        >>> from npae.backend import value_text
        >>> value_text(141.873456), value_text(1_000_000), value_text("warm-up"), value_text(None)
        ('141.87', '1000000', 'warm-up', 'None')
    """
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{value:.5g}"
    return " ".join(str(value).split())


def counted(count: int, noun: str) -> str:
    """A number of things: "1 epoch", "2 epochs", "10,000 steps".

    Args:
        count: how many.
        noun: in the singular; the plural ends in "s".

    Example:
        >>> from npae.backend import counted
        >>> counted(1, "epoch"), counted(10_000, "step")
        ('1 epoch', '10,000 steps')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def size_text(count: int) -> str:
    """A number of bytes in words: "12 bytes", "9.3 kB", "0.20 MB".

    Args:
        count: how many bytes.

    Example:
        >>> from npae.backend import size_text
        >>> size_text(12), size_text(9_310), size_text(203_968)
        ('12 bytes', '9.3 kB', '0.20 MB')
    """
    if count >= 1e5:
        return f"{count / 1e6:.2f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1e3 else counted(count, "byte")
