"""Results of a demo: tables for the console, and metrics.json, which is written before anything is printed."""

import json
import re
import time

from npae.backend import INTERRUPTED, atomic_write, counted, fit_text, text_table, versions


def key(name):
    """A name as a part of a metric's or a file's name: "masking 50 %" becomes "masking_50"."""
    return "_".join(re.findall(r"\w+", name.lower()))


class Table:
    """A table, one row per model, and the same numbers as `metrics` for metrics.json. settings.table(…) makes one.

    columns: {metric: (head, format)}, or a list of heads for a table of texts. published: head of the last column, or
    None for a table without one. Published numbers are left out where the run cannot be compared with them: they are
    of MNIST's 60,000 digits, unless of_digits is False.
    """

    def __init__(self, settings, what, columns, published="published (60,000 digits)", of_digits=True):
        self.settings, self.what, self.published, self.metrics = settings, what, published, {}
        self.of_digits = of_digits
        self.columns = columns if isinstance(columns, dict) else {head: (head, "") for head in columns}
        self.rows, self.cited = {}, {}  # {name: {metric, or "published": text}}

    def add(self, name, measures, published="", prefix=None):
        """Add measures, {metric: value}, to the row of that name; each becomes the metric f"{prefix}_{metric}".

        prefix: by default key(name); "" for none. A measure without a column is a metric only.
        """
        prefix = key(name) if prefix is None else prefix
        self.metrics |= {f"{prefix}_{metric}" if prefix else metric: value for metric, value in measures.items()}
        cells = {m: format(measures[m], form) for m, (_, form) in self.columns.items() if m in measures}
        self.rows.setdefault(name, {"published": published}).update(cells)

    def row(self, name, *cells, published=""):
        """Add a row of texts only; cells that are missing on the right stay empty."""
        self.rows[name] = dict(zip(self.columns, cells, strict=False)) | {"published": published}

    def cite(self, name, *cells):
        """Add a row of published numbers, below all others."""
        self.cited[name] = dict(zip(self.columns, cells, strict=False))

    @property
    def has_published(self):
        """Whether it has published numbers, shown or not."""
        return bool(self.cited) or any(row["published"] for row in self.rows.values())

    @property
    def incomparable(self):
        """Why the numbers of this run stand beside no published ones: "" if they do."""
        run = self.settings
        if run.stopped or run.quick:
            return run.stopped or "a quick run"
        if self.of_digits and not run.full:
            return "10,000 training digits, not 60,000"
        few = self.of_digits and run.epochs < run.compared_epochs
        return f"{counted(run.epochs, 'epoch')}, not {run.compared_epochs}" if few else ""

    def __str__(self):
        comparable = not self.incomparable
        shown = [*self.columns, *(["published"] if self.published and comparable else [])]
        heads = {metric: head for metric, (head, _) in self.columns.items()} | {"published": self.published}
        rows = self.rows | (self.cited if comparable else {})
        body = [[name, *(row.get(column, "") for column in shown)] for name, row in rows.items()]
        return text_table([[self.what, *(heads[column] for column in shown)], *body], foot=self._foot(comparable))

    def _foot(self, comparable):
        lines = [f"Training was {self.settings.stopped}."] if self.settings.stopped else []
        if self.has_published and not comparable:
            lines.append("Published numbers are left out: they are not comparable with this run.")
        return "\n".join(lines)


def write(settings):
    """Write metrics.json: settings, metrics, each with its unit in its name, origin and versions. Returns all of it.

    A run that has ended early without any number writes nothing, and None is returned.
    """
    metrics = dict(settings.metrics)
    for table in settings.tables:
        metrics |= table.metrics
    if settings.stopped and not metrics:
        return None
    if reasons := [table.incomparable for table in settings.tables if table.has_published]:
        metrics["published_numbers"] = next((f"not comparable: {why}" for why in reasons if why), "comparable")
    result = {
        "name": settings.name, "device": settings.device, "seed": settings.seed, "epochs": settings.epochs,
        "seconds": round(time.perf_counter() - settings.began, 2), "data": "full" if settings.full else "sample",
        "quick": settings.quick, "stopped": settings.stopped, **metrics,
        **settings.origin, "versions": versions(),
    }  # fmt: skip
    with atomic_write(settings.out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def finish(settings):
    """Write metrics.json, then print the tables. Returns what metrics.json holds.

    After an interruption the program ends here, with the exit status of one that Ctrl-C has ended.
    """
    result = write(settings)
    if result is None:
        print(fit_text(f"Training was {settings.stopped}: there are no results yet."))
        raise SystemExit(INTERRUPTED)
    for table in settings.tables:
        if table.rows:
            print(f"\n{table}")
    print("\n" + fit_text(f"Pictures, models and metrics.json are in {settings.out} ({result['seconds']:.0f} s)."))
    if settings.stopped:
        raise SystemExit(INTERRUPTED)
    return result
