"""What is made of all tables of results: the headlines of README.md, the list of runs, and the sources."""

from typing import NamedTuple

from benchmarks.published.runs import RUNS_HEAD
from benchmarks.published.table import HEADLINE_HEAD, Table
from benchmarks.report import markdown


class Headlines(NamedTuple):
    """The rows of all tables that have a headline, if they have been run."""

    tables: dict

    def markdown(self, results):
        """The table in Markdown."""
        rows = [row for table in self.tables.values() if isinstance(table, Table) for row in table.rows]
        return markdown(HEADLINE_HEAD, filter(None, (row.headline_cells(results) for row in rows)))


class RunsTable(NamedTuple):
    """The result files of all tables, those that are still to be made among them."""

    tables: dict

    def markdown(self, results):
        """The table in Markdown."""
        runs = dict.fromkeys(run for table in self.tables.values() for run in table.runs())
        return markdown(RUNS_HEAD, [row for run in runs for row in run.rows(run.load(results))])


class Sources(NamedTuple):
    """The publications of all numbers that are compared with npae's."""

    tables: dict

    def markdown(self, results):
        """A list in Markdown, in the order of the alphabet."""
        found = {source.reference for table in self.tables.values() for source in table.sources()}
        return "\n".join(f"- {reference}" for reference in sorted(found))
