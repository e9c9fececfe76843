"""Runs: the result files of benchmarks/results, with what is known of how each was made.

A file holds what one run has measured, or a list of runs with other seeds. Demos write such files (demos/results.py),
and two studies of benchmarks.lab.
"""

from dataclasses import dataclass

from benchmarks.page import load
from npae.backend import counted


class Unusable(Exception):
    """A result file that a table cannot use, in a sentence."""


@dataclass(frozen=True)
class Run:
    """The runs in <results>/<file>.json. command: what makes them, where the file does not record it."""

    file: str
    command: str = ""

    def load(self, results):
        """The runs, a list; [] without a file."""
        runs = load(self.file, results) or []
        runs = runs if isinstance(runs, list) else [runs]
        for run in runs:
            if why := "of a --quick run" if run.get("quick") else run.get("stopped"):
                raise Unusable(f"{self.file}.json is no result: {why}. Run `{self.command_of(runs)}` to its end.")
        return runs

    def having(self, runs, what):
        """Those of the runs that have what `what` names; there must be one.

        what: a key, or a function of a run; a key that the function misses is one that the run does not have.
        """
        found, missing = [], set()
        for run in runs:
            try:
                value_of(run, what)
            except KeyError as error:
                missing.add(error.args[0])
            else:
                found.append(run)
        if not found:
            names = ", ".join(repr(key) for key in sorted(missing))
            raise Unusable(
                f"{self.file}.json has no {names}. If the name has changed, change it in benchmarks/published; if the "
                f"file is older, run `{self.command_of(runs)}` again."
            )
        return found

    def numbers(self, runs, what):
        """The numbers that `what` names, over all runs that have them; a function may return a list of numbers."""
        values = [value_of(run, what) for run in self.having(runs, what)]
        return [number for value in values for number in (value if isinstance(value, list) else [value])]

    def command_of(self, runs):
        """What follows "python -m": as the file records it, without the seed, or as stated here."""
        recorded = runs[0].get("command", "").removeprefix("python -m ").split(" ") if runs else []
        for option in ("--seed", "--device"):
            if option in recorded:
                at = recorded.index(option)
                del recorded[at : at + 2]
        return " ".join(recorded) or self.command

    def rows(self, runs):
        """The rows of this file in the table of runs, one per command."""
        if not runs:
            return [[f"`{self.file}`", f"`{self.command}`", "", "", "not run"]]
        groups = {}
        for run in runs:
            groups.setdefault(self.command_of([run]), []).append(run)
        return [self._row(command, group) for command, group in groups.items()]

    def _row(self, command, runs):
        first, seeds = runs[0], {run["seed"] for run in runs if "seed" in run}
        machine = f"{first['processor']}, {counted(first['cores'], 'core')}" if "processor" in first else ""
        made = [
            first.get("date", "")[:10], machine or first["versions"]["machine"],
            f"commit {first['commit']}" if "commit" in first else "", f"NumPy {first['versions']['numpy']}",
        ]  # fmt: skip
        seeds, made = span(sorted(seeds | _seeds_within(first))), ", ".join(filter(None, made))
        return [f"`{self.file}`", f"`{command}`", seeds, time_of(runs), made]


RUNS_HEAD = ["run", "command", "seeds", "time", "made"]


def value_of(run, what):
    """The value of a key of a run, or of a function of it."""
    return run[what] if isinstance(what, str) else what(run)


def _seeds_within(run):
    """The seeds of a study, which has all of its runs in one file."""
    return {int(seed) for runs in run.get("runs", {}).values() for seed in runs}


def span(seeds):
    """Seeds as text: "0", "0, 2", "0 to 9"."""
    whole = len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def time_of(runs):
    """The time of the longest run as text, "" if it is not known."""
    seconds = [run["seconds"] for run in runs if "seconds" in run]
    return duration(max(seconds)) if seconds else ""


def duration(seconds):
    """A time as text, in seconds, minutes or hours."""
    for unit, size, most in (("s", 1, 99.5), ("min", 60, 5970)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 3600:.1f} h"
