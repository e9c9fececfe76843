"""Reports: tables on the terminal and in Markdown, and one JSON file per part with the machine that it ran on."""

import io
import json
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict

from npae.backend import atomic_write


def table(head, rows):
    """Print rows of cells under a head: the first column is aligned to the left, the others to the right."""
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]

    def line(row):
        return "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])

    print("\n".join(["", line(cells[0]), "─" * (sum(widths) + 2 * len(widths) - 2), *map(line, cells[1:])]), flush=True)


def spread(low, high, digits=2):
    """Two quartiles as text."""
    return f"{low:.{digits}f} to {high:.{digits}f}"


def markdown(head, rows):
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows))


def with_quartiles(three, digits=2):
    """(median, lower, upper quartile) as text."""
    return f"{three[0]:.{digits}f} ({spread(*three[1:], digits)})"


class _Copy(io.StringIO):
    """Text that also goes to the terminal."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def write(self, text):
        super().write(text)
        return self.terminal.write(text)

    def flush(self):
        self.terminal.flush()


@contextmanager
def copied_output():
    """A text file with a copy of everything that the block prints."""
    with redirect_stdout(_Copy(sys.stdout)) as copy:
        yield copy


def write(settings, part, seconds, machine, result, printed):
    """Write <out>/<part>.json, and <part>.txt with what the part printed. Returns their paths.

    machine: what hardware() returns, and the load before and after.
    """
    path = settings.out / f"{part}.json"
    head = {"part": part, "settings": asdict(settings) | {"out": settings.out.name}, "seconds": round(seconds, 1)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        text = json.dumps(head | {"machine": machine, "result": result}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    with atomic_write(path.with_suffix(".txt")) as temporary:
        temporary.write_text(printed, encoding="utf-8")
    return [path, path.with_suffix(".txt")]
