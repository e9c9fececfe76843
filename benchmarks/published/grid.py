"""Grids of results: a table of many numbers from one result file."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.published.runs import Run
from benchmarks.published.table import Measure, Number, in_bold
from benchmarks.report import markdown


class Grid(NamedTuple):
    """A table of many numbers from one result file. read: {name of the row: {head: number}} of a run.

    Of several runs it has the medians. measure: None for cells that are texts, those of the first run. what: the head
    of the first column.
    """

    what: str
    run: Run
    read: Callable
    measure: Measure | None = None

    def markdown(self, results):
        """The table in Markdown; the best number of a row is in bold."""
        if not (runs := self.run.load(results)):
            return f"Not run: `{self.run.command_of(runs)}`."
        tables = self.run.numbers(runs, self.read)
        heads = list(dict.fromkeys(head for row in tables[0].values() for head in row))
        rows = [[name, *self._cells([table[name] for table in tables], heads)] for name in tables[0]]
        return markdown([self.what, *heads], rows)

    def _cells(self, rows, heads):
        """The cells of one row, which every run has once."""
        if self.measure is None:
            return [rows[0].get(head, "") for head in heads]
        values = {head: statistics.median(row[head] for row in rows) for head in rows[0]}
        numbers = [Number(format(value, self.measure.form), head) for head, value in values.items()]
        text = {number.label: number.text for number in in_bold(numbers, self.measure.better)}
        return [text.get(head, "") for head in heads]

    def runs(self):
        """The Runs that it is made of."""
        return [self.run]

    def sources(self):
        """The Sources of published numbers: none."""
        return []
