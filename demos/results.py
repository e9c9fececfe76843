"""Results of a demo: tables for the console, and metrics.json, which is written before anything is printed."""

import json
import re
import time

from npae.backend import atomic_write, text_table, versions

INTERRUPTED = 130  # exit status of a program that Ctrl-C has ended: 128 + the number of the signal


def key(name):
    """A name as a part of a metric's or a file's name: "masking 50 %" becomes "masking_50"."""
    return "_".join(re.findall(r"\w+", name.lower()))


class Table:
    """A table, one row per model, and the same numbers as `metrics` for metrics.json. settings.table(…) makes one.

    columns: {metric: (head, format)}, or a list of heads for a table of texts. published: head of the last column, or
    None for a table without one. Published numbers are left out where the run cannot be compared with them.
    """

    def __init__(self, settings, what, columns, published="published (60,000 digits)"):
        self.settings, self.what, self.published, self.metrics = settings, what, published, {}
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

    def __str__(self):
        comparable = not incomparable(self.settings)
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
    """Write metrics.json: the settings, the metrics, each with its unit in its name, and versions. Returns all of it.

    A run that has ended early without any number writes nothing, and None is returned.
    """
    metrics = dict(settings.metrics)
    for table in settings.tables:
        metrics |= table.metrics
    if settings.stopped and not metrics:
        return None
    if any(table.has_published for table in settings.tables):
        metrics["published_numbers"] = published_numbers(settings)
    result = {
        "name": settings.name, "device": settings.device, "seed": settings.seed, "epochs": settings.epochs,
        "seconds": round(time.perf_counter() - settings.began, 2), "data": "full" if settings.full else "sample",
        "quick": settings.quick, "stopped": settings.stopped, **metrics, "versions": versions(),
    }  # fmt: skip
    with atomic_write(settings.out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def incomparable(settings):
    """Why the numbers of a run stand beside no published ones: "" if they do."""
    return settings.stopped or ("a quick run" if settings.quick else "")


def published_numbers(settings):
    """Whether published numbers, which are of 60,000 digits, can be compared with those of this run."""
    if reason := incomparable(settings):
        return f"not comparable: {reason}"
    return "comparable" if settings.full else "not comparable: 10,000 training digits, not 60,000"


def finish(settings):
    """Write metrics.json, then print the tables. Returns what metrics.json holds.

    After an interruption the program ends here, with the exit status of one that Ctrl-C has ended.
    """
    result = write(settings)
    if result is None:
        print(f"Training was {settings.stopped}: there are no results yet.")
        raise SystemExit(INTERRUPTED)
    for table in settings.tables:
        if table.rows:
            print(f"\n{table}")
    print(f"\nPictures, models and metrics.json are in {settings.out} ({result['seconds']:.0f} s).")
    if settings.stopped:
        raise SystemExit(INTERRUPTED)
    return result
