"""Reports: tables on the terminal and in Markdown, and one JSON file per part with the machine that it ran on."""

import io
import json
import statistics
import sys
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict

from npae.backend import atomic_write, text_table


def table(head, rows, foot=""):
    """Print rows of cells under a head: the first column is aligned to the left, the others to the right."""
    progress("")
    print("\n" + text_table([head, *rows], align="l" + "r" * (len(head) - 1), foot=foot), flush=True)


def progress(what):
    """Show what is measured now, in one line of the terminal that the next call overwrites; "" clears it."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{what[:70]:70}\r", end="", file=sys.stderr, flush=True)


def faster(ratios, than):
    """Ratios of times, theirs divided by npae's, as the end of a sentence; there may be none."""
    if not ratios:
        return f"not compared with {than}"
    low, mean, high = min(ratios), statistics.geometric_mean(ratios), max(ratios)
    return f"{mean:.2f} times as fast as {than} (geometric mean of {len(ratios)}, {low:.2f} to {high:.2f})"


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
    """Text that also goes to the terminal, as long as there is one: a closed terminal must not stop a measurement."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def write(self, text):
        with suppress(OSError, ValueError):
            self.terminal.write(text)
        return super().write(text)

    def flush(self):
        with suppress(OSError, ValueError):
            self.terminal.flush()

    @property
    def encoding(self):
        return getattr(self.terminal, "encoding", None)

    def isatty(self):
        return self.terminal.isatty()


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
