"""Tables as text, which fit the window."""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from npae.backend.console import as_shown

_GAP, _INDENT = "  ", "  "  # between columns; before the further lines of a cell to the left
_NUMBERS = re.compile(r"(\W|\d|\bto\b|e[-+]\d|\bnan\b|\binf\b)*")


def text_table(rows: Iterable[Sequence[Any]], align: str = "", foot: str = "", width: int | None = None) -> str:
    """A table as text: columns side by side, and a rule below the first row, which is the head.

    On a terminal the table fits the width of the window: cells continue on a further line, broken at spaces, at first
    those of the head, then others. Numbers are never broken. Columns that then still have no room follow in a second
    table below, again with the first column.

    Args:
        rows: of cells, all of one length; a cell becomes str(cell), and a line break in it is kept.
        align: "l" (left) or "r" (right) for each column. Columns without a letter are to the right if they hold
            numbers only; the first is to the left.
        foot: lines below a second rule.
        width: the number of characters per line; by default one less than the window's, or as many as the table
            needs if the output is not a terminal.

    Example:
        >>> from npae.backend import text_table
        >>> print(text_table([("network", "units", "loss"), ("small", 32, "0.09"), ("large", 1024, "0.0829")]))
        network  units    loss
        ----------------------
        small       32    0.09
        large     1024  0.0829
    """
    cells = [[str(cell) for cell in row] for row in rows]
    columns = [list(column) for column in zip(*cells, strict=True)]
    sides = [align[k] if k < len(align) else _side(column) if k else "l" for k, column in enumerate(columns)]
    natural = [max(map(_width, column)) for column in columns]
    least = [min(n, _least(*column)) for n, column in zip(natural, zip(columns, sides, strict=True), strict=True)]
    room = width or _room() or sum(natural) + len(_GAP) * len(natural)
    least[0] = max(least[0], min(natural[0], room // 4))  # names stay legible
    bodies = [max(low, *map(_width, column[1:]), 0) for low, column in zip(least, columns, strict=True)]
    blocks: list[list[int]] = [[0]]
    for k in range(1, len(columns)):
        if len(blocks[-1]) > 1 and sum(least[j] + len(_GAP) for j in [*blocks[-1], k]) - len(_GAP) > room:
            blocks.append([0])
        blocks[-1].append(k)
    tables = []
    for block in blocks:
        fitted = _fit([[widths[k] for k in block] for widths in (natural, bodies, least)], room)
        lines = [_lines([row[k] for k in block], fitted, [sides[k] for k in block]) for row in cells]
        rule = "-" * max(_width(line) for line in sum(lines, []))
        tables.append("\n".join([*lines[0], rule, *sum(lines[1:], [])]))
    return "\n\n".join(tables) + (f"\n{rule}\n{foot}" if foot else "")


def _room() -> int:
    """Characters per line of the terminal, less one, since some consoles break full lines; 0 without a terminal."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    columns = shutil.get_terminal_size((0, 0)).columns if terminal or "COLUMNS" in os.environ else 0
    return max(columns - 1, 0)


def _width(text: str) -> int:
    """The places that the longest line of the text takes on the console."""
    shown = as_shown(text, getattr(sys.stdout, "encoding", None))
    return max(sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
               for line in shown.split("\n"))  # fmt: skip


def _side(column: list[str]) -> str:
    return "r" if all(_NUMBERS.fullmatch(cell) for cell in column[1:]) else "l"


def _least(column: list[str], side: str) -> int:
    """The width below which a column would break a word or a number."""
    words = [word for cell in (column[:1] if side == "r" else column) for word in re.split(r"[ \n]+", cell)]
    numbers = column[1:] if side == "r" else []
    return max(map(_width, [*words, *numbers, ""])) + (len(_INDENT) if side == "l" else 0)


def _fit(kinds: list[list[int]], room: int) -> list[int]:
    """Widths of columns that together fit into the room. The widest become narrower first.

    kinds: the natural widths; those at which only heads are broken; the least ones.
    """
    natural, widths = kinds[0], kinds[0]
    for floors in kinds[1:]:
        for cap in range(max(natural), -1, -1):
            widths = [min(n, max(low, cap)) for n, low in zip(natural, floors, strict=True)]
            if sum(widths) + len(_GAP) * (len(widths) - 1) <= room:
                return widths
    return widths


def _lines(row: list[str], widths: list[int], sides: list[str]) -> list[str]:
    """A row as lines of text."""
    cells = [_wrap(cell, w, _INDENT if side == "l" else "") for cell, w, side in zip(row, widths, sides, strict=True)]
    lines = []
    for k in range(max(map(len, cells))):
        parts = [cell[k] if k < len(cell) else "" for cell in cells]
        blanks = [" " * (w - _width(part)) for part, w in zip(parts, widths, strict=True)]
        both = [blank + part if side == "r" else part + blank
                for part, blank, side in zip(parts, blanks, sides, strict=True)]  # fmt: skip
        lines.append(_GAP.join(both).rstrip())
    return lines


def _wrap(cell: str, width: int, indent: str) -> list[str]:
    """The lines of a cell, broken at spaces where it is too wide; further ones begin with the indent."""
    lines = []
    for line in cell.split("\n"):
        while _width(line) > width:
            head = max((p for p in _breaks(line) if _width(line[:p]) <= width), default=0)
            head = head or min(_breaks(line), default=len(line))
            lines.append(line[:head])
            line = indent + line[head:].lstrip() if head < len(line) else ""
        lines += [line] if line or not cell else []
    return lines


def _breaks(line: str) -> list[int]:
    """The places of the spaces between the words of a line."""
    return [match.start() for match in re.finditer(r"(?<=\S) +(?=\S)", line)]
