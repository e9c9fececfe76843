"""What the demos share: the command line, the data, training, the table of results, and metrics.json."""

import argparse
import json
import re
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from npae import fit, mnist, save
from npae.backend import as_path, atomic_write, check_place, resolve_device, versions
from npae.train import DeadUnitWarning


@dataclass
class Settings:
    """The command line of a demo: what to run, where to compute, and the folder of the results."""

    name: str
    device: str
    quick: bool
    full: bool
    epochs: int
    seed: int
    out: Path
    own: argparse.Namespace  # the options that only this demo has
    stopped: str | None = None  # why training ended early, if it did
    began: float = field(default_factory=time.perf_counter)


def parse(name, doc, epochs, quick_epochs=1, argv=None, own=None):
    """The Settings from the command line. epochs: the default. Bad options end the program with a message.

    own: options of this demo alone, {"only": {keywords of add_argument}}; their values are in settings.own.only.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a console without ‖ or ½ prints a question mark
    parser = argparse.ArgumentParser(prog=f"python -m demos.{name}", description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute")
    parser.add_argument("--quick", action="store_true", help="a run of a few seconds on a part of the sample")
    parser.add_argument("--full", action="store_true", help="all 60,000 MNIST digits instead of the embedded 10,000")
    parser.add_argument("--epochs", type=int, help=f"passes over the data (default {epochs}; quick: {quick_epochs})")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights, noise and batches (default 0)")
    parser.add_argument("--out", type=as_path, default=Path("runs") / name, help="folder of the results")
    own = own or {}
    for option, keywords in own.items():
        parser.add_argument(f"--{option}", **keywords)
    a = parser.parse_args(argv)
    if a.quick and a.full:
        parser.error("--quick and --full exclude each other: choose one.")
    if a.epochs is not None and a.epochs < 1:
        parser.error(f"--epochs: expected at least 1, got {a.epochs}.")
    if a.seed < 0:
        parser.error(f"--seed: expected 0 or more, got {a.seed}.")
    try:
        device = resolve_device(a.device)
        check_place(a.out / "metrics.json")
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    epochs = a.epochs or (quick_epochs if a.quick else epochs)
    given = argparse.Namespace(**{option: getattr(a, option) for option in own})
    return Settings(name, device, a.quick, a.full, epochs, a.seed, a.out, given)


def digits(settings):
    """MNIST as rows of 784 uint8 pixels: (train, train labels, test, test labels).

    All digits with --full, else the embedded sample; a part of the sample with --quick.
    """
    data = mnist(which="full" if settings.full else "sample")
    n, m = (2000, 500) if settings.quick else (None, None)
    print(f"Data: {len(data.train_images[:n]):,} training digits, {len(data.test_images[:m]):,} test digits.")
    return (
        data.train_images[:n].reshape(-1, 784), data.train_labels[:n],
        data.test_images[:m].reshape(-1, 784), data.test_labels[:m],
    )  # fmt: skip


def train(settings, model, data, validation=None, **recipe):
    """Fit the model on the device of the command line and move it back to the CPU. Returns the history.

    recipe: further arguments of npae.fit; epochs, seed and progress come from the command line unless given. Unless it
    has data_init, training begins with the weights as they are: the published numbers are those of such runs. Some of
    these networks have dead code units, by design or by their settings; the history counts them, without a warning.
    """
    progress = "none" if settings.quick else "auto"
    recipe = {"epochs": settings.epochs, "seed": settings.seed, "progress": progress, "data_init": False} | recipe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)
        history = fit(model.to(settings.device), data, validation=validation, **recipe)
    model.to("cpu")
    check(settings, history)
    return history


def check(settings, history):
    """Note whether training was interrupted. Ends the program if it was within the first epoch."""
    if not len(history):
        raise SystemExit(f"No results: {history.stopped}.")
    settings.stopped = settings.stopped or history.stopped


def compare(settings, networks, data, validation=None):
    """Train networks one after the other: {name: (model, recipe)}, recipe as for `train`. Saves each model.

    Yields (name, model, history) as soon as a model is trained.
    """
    for name, (model, recipe) in networks.items():
        print(name)
        history = train(settings, model, data, validation, **recipe)
        save(settings.out / f"{key(name)}.npz", model)
        yield name, model, history


def key(name):
    """A name as a part of a metric's or a file's name: "masking 50 %" becomes "masking_50"."""
    return "_".join(re.findall(r"\w+", name.lower()))


class Table:
    """A table for the console, one row per model, and the same numbers as `metrics` for metrics.json.

    columns: {metric: (head, format)}, or a list of heads for a table of texts. published: head of the last column, or
    None for a table without one.
    """

    def __init__(self, what, columns, published="published (60,000 digits)"):
        self.columns, self.metrics = columns, {}
        heads = [head for head, _ in columns.values()] if isinstance(columns, dict) else list(columns)
        self.rows = [[what, *heads, *([published] if published else [])]]

    def add(self, name, measures, published="", prefix=None):
        """Add a row of measures, {metric: value}; each becomes the metric f"{prefix}_{metric}".

        prefix: by default key(name); "" for none. A measure without a column is a metric only.
        """
        prefix = key(name) if prefix is None else prefix
        self.metrics |= {f"{prefix}_{metric}" if prefix else metric: value for metric, value in measures.items()}
        self.row(name, *(format(measures[m], form) if m in measures else "" for m, (_, form) in self.columns.items()),
                 published)  # fmt: skip

    def row(self, *cells):
        """Add a row of texts only; cells that are missing on the right stay empty."""
        width = len(self.rows[0])
        self.rows.append([*cells, *[""] * width][:width])

    def __str__(self):
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        head, *rows = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in self.rows)
        return "\n".join(["", head, "-" * max(map(len, [head, *rows])), *rows, ""])


def finish(settings, metrics, *tables):
    """Write metrics.json, then print the tables. Returns what metrics.json holds.

    It holds the settings, `metrics` and those of the tables, each with its unit in its name, and the versions of the
    libraries.
    """
    for table in tables:
        metrics = metrics | table.metrics
    result = {
        "name": settings.name, "device": settings.device, "seed": settings.seed, "epochs": settings.epochs,
        "seconds": round(time.perf_counter() - settings.began, 2), "data": "full" if settings.full else "sample",
        "quick": settings.quick, "stopped": settings.stopped, **metrics, "versions": versions(),
    }  # fmt: skip
    with atomic_write(settings.out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(*tables, sep="\n")
    print(f"Pictures, models and metrics.json are in {settings.out}/ ({result['seconds']:.0f} s).")
    return result
