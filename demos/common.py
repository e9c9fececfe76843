"""What all demos share: the command line, the data, the results table and metrics.json.

Under mpiexec (npae.train.parallel.process_group) every worker runs the whole demo as far as training goes; the rest is worker 0's.
"""

import argparse
import io
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from npae import mnist
from npae.backend import atomic_write, check_place, resolve_device, versions
from npae.train.parallel.process_group import ProcessGroup, from_environment


@dataclass
class Settings:
    """The flags of a demo, and where it puts its results."""

    name: str
    device: str
    quick: bool
    full: bool
    epochs: int
    seed: int
    out: Path
    workers: ProcessGroup
    own: argparse.Namespace  # the flags that no other demo has
    began: float = field(default_factory=time.perf_counter)

    @property
    def progress(self):
        """Reporting for fit: nothing in a quick run of the tests, else a bar or lines."""
        return "none" if self.quick else "auto"


def parse(name, description, epochs, quick_epochs=1, argv=None, own=None):
    """The Settings from the command line. epochs: the demo's default. Ends with a sentence on bad options.

    own: the flags of this demo alone, {"only": {keywords of add_argument}}; settings.own.only is what was given.
    """
    parser = argparse.ArgumentParser(prog=f"python -m demos.{name}", description=description)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute")
    parser.add_argument("--quick", action="store_true", help="a few seconds on a part of the sample: does it run?")
    parser.add_argument("--full", action="store_true", help="all 60,000 MNIST digits instead of the embedded 10,000")
    parser.add_argument("--epochs", type=int, help=f"passes over the data (default {epochs}; quick: {quick_epochs})")
    parser.add_argument("--seed", type=int, default=0, help="of first weights and order of the data (default 0)")
    parser.add_argument("--out", type=Path, default=Path("runs") / name, help="folder of the results")
    own = own or {}
    for flag, keywords in own.items():
        parser.add_argument(f"--{flag}", **keywords)
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
        workers = from_environment()
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    if workers.rank:
        sys.stdout = io.StringIO()  # worker 0 speaks for all
    epochs = a.epochs or (quick_epochs if a.quick else epochs)
    given = argparse.Namespace(**{flag: getattr(a, flag) for flag in own})
    return Settings(name, device, a.quick, a.full, epochs, a.seed, a.out, workers, given)


def digits(settings):
    """MNIST as rows of 784 uint8 pixels: (train, train labels, test, test labels).

    All of it with --full, else the embedded sample; a part of that with --quick.
    """
    data = mnist(which="full" if settings.full else "sample")
    n, m = (2000, 500) if settings.quick else (None, None)
    print(f"Data: {len(data.train_images[:n]):,} digits to learn from, {len(data.test_images[:m]):,} to test on.")
    return (
        data.train_images[:n].reshape(-1, 784), data.train_labels[:n],
        data.test_images[:m].reshape(-1, 784), data.test_labels[:m],
    )  # fmt: skip


def table(head, rows):
    """Print rows of cells under a head, in columns."""
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    print("\n".join(["", lines[0], "─" * max(map(len, lines)), *lines[1:], ""]))


def require(history):
    """End the demo, in a sentence, if training was interrupted before it had anything to show."""
    if not len(history):
        raise SystemExit(f"Nothing to show: {history.stopped}.")


def finish(settings, metrics, history):
    """Write metrics.json: what was run, on what, and every metric, its unit in its name. Says where everything is."""
    result = {
        "name": settings.name, "device": settings.device, "workers": settings.workers.size, "seed": settings.seed,
        "epochs": len(history), "seconds": round(time.perf_counter() - settings.began, 2),
        "data": "full" if settings.full else "sample", "quick": settings.quick, "stopped": history.stopped,
        **metrics, "versions": versions(),
    }  # fmt: skip
    with atomic_write(settings.out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Figures, model and metrics.json are in {settings.out}/ ({result['seconds']:.0f} s).")
    return result
