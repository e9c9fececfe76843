"""Reports: tables on the terminal and in Markdown, and one JSON file per part with the machine that it ran on."""

import io
import json
import re
import shutil
import statistics
import sys
from contextlib import contextmanager, redirect_stdout, suppress

from npae.backend import atomic_write, fit_text, text_table


def table(head, rows, foot=""):
    """Print rows of cells under a head: the first column is aligned to the left, the others to the right."""
    progress("")
    print("\n" + text_table([head, *rows], align="l" + "r" * (len(head) - 1), foot=foot))


def not_measured(reasons):
    """Print what was not measured: {name: reason}."""
    for name, why in reasons.items():
        print(fit_text(f"Not measured: {name}. {why}"))


def progress(what):
    """Show what is measured now, in one line of the terminal that the next call overwrites; "" clears it."""
    if sys.stderr is not None and sys.stderr.isatty():
        width = min(70, max(shutil.get_terminal_size().columns - 1, 1))
        print(f"\r{what[:width]:{width}}\r", end="", file=sys.stderr, flush=True)


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


MARKED = re.compile(r"<!-- ([\w/]+) -->.*?<!-- /\1 -->", re.DOTALL)


def marked(text):
    """The names of the marked sections of a page: {"a"} for lines `<!-- a -->` and `<!-- /a -->`."""
    return {match[1] for match in MARKED.finditer(text)}


def fill_marked(text, section):
    """`text` with what stands in the marked section of any name replaced by section(name)."""
    return MARKED.sub(lambda match: f"<!-- {match[1]} -->\n{section(match[1])}\n<!-- /{match[1]} -->", text)


def with_quartiles(three, digits=2):
    """(median, lower, upper quartile) as text."""
    return f"{three[0]:.{digits}f} ({spread(*three[1:], digits)})"


class _Held(io.StringIO):
    """Text for a terminal: it has the encoding of the terminal, so that tables are as wide as there."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal, self.released = terminal, 0

    def release(self):
        """Print what is new since the last call. A terminal that was closed meanwhile is no error."""
        text = self.getvalue()[self.released :]
        self.released += len(text)
        with suppress(OSError, ValueError):
            print(text, end="", file=self.terminal, flush=True)

    @property
    def encoding(self):
        return getattr(self.terminal, "encoding", None)

    def isatty(self):
        return self.terminal.isatty()


@contextmanager
def held_output():
    """A text file with everything that the block prints; it is shown by release(), and when the block ends or fails.

    A terminal that is closed meanwhile does not stop the block.
    """
    with redirect_stdout(_Held(sys.stdout)) as held:
        try:
            yield held
        finally:
            held.release()


def write(settings, part, seconds, machine, result, printed, complete=True):
    """Write <out>/<part>.json, and <part>.txt with what the part printed. Returns their paths.

    machine: what hardware() returns, and the load before and after. complete: has the part come to its end?
    """
    path = settings.out / f"{part}.json"
    head = {"part": part, "complete": complete, "settings": settings.as_json(), "seconds": round(seconds, 1)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        text = json.dumps(head | {"machine": machine, "result": result}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    with atomic_write(path.with_suffix(".txt")) as temporary:
        temporary.write_text(printed, encoding="utf-8")
    return [path, path.with_suffix(".txt")]
