"""Tables as text, which fit the window."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from npae.backend.window import text_width, window_width, wrap

_GAP, _INDENT = "  ", "  "  # between columns; before the further lines of a cell to the left
_NUMBERS = re.compile(r"(\W|\d|\bto\b|e[-+]\d|\bnan\b|\binf\b)*")


def text_table(rows: Iterable[Sequence[Any]], align: str = "", foot: str = "", width: int | None = None) -> str:
    """A table as text: columns side by side, and a rule below the first row, which is the head.

    On a terminal the table fits the width of the window: cells continue on a further line, broken at spaces, at first
    those of the head, then others. Columns that then still have no room follow in a second table below, again with the
    first column. Words and numbers are broken only in a window that is too narrow for a column of them.

    Args:
        rows: of cells, all of one length; a cell becomes str(cell), and a line break in it is kept.
        align: "l" (left) or "r" (right) for each column. Columns without a letter are to the right if they hold
            numbers only; the first is to the left.
        foot: lines below a second rule. They continue on further lines where they are too long.
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
    if not any(cells):
        return foot
    columns = [list(column) for column in zip(*cells, strict=True)]
    sides = [align[k] if k < len(align) else _side(column) if k else "l" for k, column in enumerate(columns)]
    natural = [max(map(text_width, column)) for column in columns]
    least = [min(n, _least(*column)) for n, column in zip(natural, zip(columns, sides, strict=True), strict=True)]
    limit = width or window_width()
    room = limit or sum(natural) + len(_GAP) * len(natural)
    least[0] = max(least[0], min(natural[0], room // 4))  # names stay legible
    bodies = [max(low, *map(text_width, column[1:]), 0) for low, column in zip(least, columns, strict=True)]
    blocks: list[list[int]] = [[0]]
    for k in range(1, len(columns)):
        if len(blocks[-1]) > 1 and sum(least[j] + len(_GAP) for j in [*blocks[-1], k]) - len(_GAP) > room:
            blocks.append([0])
        blocks[-1].append(k)
    tables = []
    for block in blocks:
        fitted = _fit([[widths[k] for k in block] for widths in (natural, bodies, least)], room)
        lines = [_lines([row[k] for k in block], fitted, [sides[k] for k in block]) for row in cells]
        rule = "-" * max(text_width(line) for line in sum(lines, []))
        tables.append("\n".join([*lines[0], rule, *sum(lines[1:], [])]))
    below = [rule, *wrap(foot, limit or text_width(foot), _INDENT)] if foot else []
    return "\n".join(["\n\n".join(tables), *below])


def _side(column: list[str]) -> str:
    return "r" if all(_NUMBERS.fullmatch(cell) for cell in column[1:]) else "l"


def _least(column: list[str], side: str) -> int:
    """The width below which a column would break a word or a number."""
    words = [word for cell in (column[:1] if side == "r" else column) for word in re.split(r"[ \n]+", cell)]
    numbers = column[1:] if side == "r" else []
    return max(map(text_width, [*words, *numbers, ""])) + (len(_INDENT) if side == "l" else 0)


def _fit(kinds: list[list[int]], room: int) -> list[int]:
    """Widths of columns that together fit into the room. The widest become narrower first.

    kinds: the natural widths; those at which only heads are broken; the least ones that break no word.
    """
    natural, widths = kinds[0], kinds[0]
    for floors in [*kinds[1:], [1] * len(natural)]:
        for cap in range(max(natural), -1, -1):
            widths = [min(n, max(low, cap)) for n, low in zip(natural, floors, strict=True)]
            if sum(widths) + len(_GAP) * (len(widths) - 1) <= room:
                return widths
    return widths


def _lines(row: list[str], widths: list[int], sides: list[str]) -> list[str]:
    """A row as lines of text."""
    cells = [wrap(cell, w, _INDENT if side == "l" else "") for cell, w, side in zip(row, widths, sides, strict=True)]
    lines = []
    for k in range(max(map(len, cells))):
        parts = [cell[k] if k < len(cell) else "" for cell in cells]
        blanks = [" " * (w - text_width(part)) for part, w in zip(parts, widths, strict=True)]
        both = [blank + part if side == "r" else part + blank
                for part, blank, side in zip(parts, blanks, sides, strict=True)]  # fmt: skip
        lines.append(_GAP.join(both).rstrip())
    return lines
