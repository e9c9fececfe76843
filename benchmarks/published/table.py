"""Tables of results: each row is one number of npae beside those that it is compared with.

    Row("784-32-784", CROSS_ENTROPY, SIMPLE, "784_32_test_cross_entropy_nats_per_pixel", {KERAS_LOGS: "0.0914"})

Our number is read from a result file (runs.py); several runs give a median and a range. A published number is text,
typed as its source prints it. The best number is set in bold, npae's or not, and so are those that equal it: as they
are printed, or within the ranges of several runs. A row without a result file is "not run".
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.published.runs import Run, time_of
from benchmarks.report import markdown


class Source(NamedTuple):
    """Where a published number stands. label: its name in a table; reference: title and place."""

    label: str
    reference: str

    def noted(self, note):
        """The same source with a note behind its name, such as "after 10 epochs"."""
        return self._replace(label=f"{self.label} {note}")


class Measure(NamedTuple):
    """What is measured: its name with the unit, the format, and which of two numbers is better, min or max."""

    name: str
    form: str
    better: Callable


class Number(NamedTuple):
    """A number as text; a label; the lowest and highest of several runs, as numbers; what is printed behind it."""

    text: str
    label: str = ""
    range: tuple = ()
    around: str = ""

    def __str__(self):
        return " ".join(part for part in (self.text, self.around, self.label) if part)

    def equals(self, other):
        """Whether the printed numbers are equal, or the ranges of several runs overlap."""
        several = self.range and other.range
        overlap = several and self.range[0] <= other.range[1] and other.range[0] <= self.range[1]
        return float(self.text) == float(other.text) or bool(overlap)


@dataclass(frozen=True)
class Row:
    """One number of npae. `ours`, the values of `measured` and `beside`, and `error`: keys or functions of a run."""

    network: str
    measure: Measure
    run: Run
    ours: str | Callable
    published: dict = field(default_factory=dict)  # {Source: text}
    measured: dict = field(default_factory=dict)  # {name: ours} of rivals in the same result file
    beside: dict = field(default_factory=dict)  # the same, without competing: the noisy input, real digits
    error: str | None = None  # the standard error of `ours`
    epochs: int | str | None = None  # None: those of the run
    headline: str = ""  # the text of the first column in README.md; a row without it is not there

    def numbers(self, runs):
        """[ours, theirs, …] as Numbers, the best in bold."""
        ours = self._number(runs, self.ours)
        if self.error:
            error = statistics.median(self.run.numbers(runs, self.error))
            ours = ours._replace(around=f"± {error:{self.measure.form}}")
        measured = [self._number(runs, what, name) for name, what in self.measured.items()]
        beside = [self._number(runs, what, name) for name, what in self.beside.items()]
        return in_bold([ours, *self._cited(), *measured], self.measure.better) + beside

    def _runs(self, results):
        """The runs in the result file that have `ours`, [] without a file."""
        runs = self.run.load(results)
        return self.run.having(runs, self.ours) if runs else []

    def _cited(self):
        """The published numbers."""
        return [Number(text, source.label) for source, text in self.published.items()]

    def _number(self, runs, what, label=""):
        """The median over the runs; behind it their range, and behind ours their number."""
        values, form = self.run.numbers(runs, what), self.measure.form
        low, high, several = format(min(values), form), format(max(values), form), len(values) > 1
        around = [f"{low} to {high}"] if low != high else []
        around += [f"{len(values)} seeds"] if several and what == self.ours else []
        ends = (min(values), max(values)) if several else ()
        return Number(format(statistics.median(values), form), label, ends, f"({', '.join(around)})" if around else "")

    def cells(self, results):
        """The cells of this row in docs/results.md."""
        if runs := self._runs(results):
            ours, *theirs = self.numbers(runs)
            epochs = runs[0].get("epochs", "") if self.epochs is None else self.epochs
        else:
            ours, theirs, epochs = "not run", self._cited(), ""
        theirs = "; ".join(map(str, theirs))
        return [self.network, self.measure.name, str(ours), theirs, epochs, f"[{self.run.file}](#runs)"]

    def headline_cells(self, results):
        """The cells of this row in README.md, or None if it is not there."""
        if not self.headline or not (runs := self._runs(results)):
            return None
        ours, *theirs = map(str, self.numbers(runs))
        how = ", ".join(filter(None, (f"`{self.run.command_of(runs)}`", time_of(runs))))
        return [self.headline, ours, "; ".join(theirs), how]


HEAD = ["network", "measure", "npae", "for comparison", "epochs", "run"]
HEADLINE_HEAD = ["network, measure", "npae", "for comparison", "command, time"]


class Table(NamedTuple):
    """Rows of one kind."""

    rows: tuple

    def markdown(self, results):
        """The table in Markdown."""
        return markdown(HEAD, [row.cells(results) for row in self.rows])

    def runs(self):
        """The Runs that it is made of."""
        return [row.run for row in self.rows]

    def sources(self):
        """The Sources of the published numbers."""
        return [source for row in self.rows for source in row.published]


def in_bold(numbers, better):
    """Numbers with the best one in bold, and those that equal it, if there is anything to compare."""
    if len(numbers) < 2:
        return numbers
    first = better([float(number.text) for number in numbers])
    best = [number for number in numbers if float(number.text) == first]
    return [n._replace(text=f"**{n.text}**") if any(n.equals(b) for b in best) else n for n in numbers]
