"""What the demos share: the command line, the data, training, and what happens after Ctrl-C."""

import argparse
import importlib.util
import sys
import time
import warnings
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path

from demos import machine, results
from npae import fit, mnist, save
from npae.backend import CommandParser, as_path, check_place, command_line, counted, fit_text, missing, resolve_device
from npae.train import DeadUnitWarning


@dataclass
class Settings:
    """The command line of a demo, the folder of its results, and the numbers that it has found so far."""

    name: str
    device: str
    quick: bool
    full: bool
    epochs: int
    compared_epochs: int  # the fewest that are compared with published numbers
    seed: int
    out: Path
    own: argparse.Namespace  # the options that only this demo has
    origin: dict  # command, commit and machine: machine.origin
    stopped: str | None = None  # why the run ended early, if it did
    metrics: dict = field(default_factory=dict)  # numbers for metrics.json, beside those of the tables
    tables: list = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def table(self, *arguments, **options):
        """A new results.Table, printed at the end of the run."""
        self.tables.append(results.Table(self, *arguments, **options))
        return self.tables[-1]


def demo(name, doc, epochs, quick_epochs=1, own=None, compared_epochs=None):
    """A decorator that makes a program main(argv=None) of a function of the Settings; for the arguments see `parse`.

    The program returns what metrics.json holds. After Ctrl-C it writes and prints what there is, and ends with exit
    status 130. After an error, too, metrics.json has the numbers found before it.
    """

    def program(function):
        @wraps(function)
        def main(argv=None):
            with command_line():
                return run(function, parse(name, doc, epochs, quick_epochs, argv, own, compared_epochs))

        return main

    return program


def run(function, settings):
    """Call function(settings), then write and print the results. Returns what metrics.json holds."""
    if settings.device == "cpu" and not settings.quick and (sentence := machine.crowded()):
        print(fit_text(sentence))
    try:
        function(settings)
    except KeyboardInterrupt:
        settings.stopped = settings.stopped or "interrupted"
    except Exception as error:
        settings.stopped = f"stopped by an error, {type(error).__name__}: {error}"
        results.write(settings)
        raise
    return results.finish(settings)


def parse(name, doc, epochs, quick_epochs=1, argv=None, own=None, compared_epochs=None):
    """The Settings from the command line. epochs: the default. Bad options end the program with a message.

    own: options of this demo alone, {"only": {keywords of add_argument}}; their values are in settings.own.only.
    compared_epochs: the fewest that are compared with published numbers, by default `epochs`.
    """
    parser = CommandParser(prog=f"python -m demos.{name}", description=doc)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute")
    parser.add_argument("--quick", action="store_true", help="a run of a few seconds on a part of the sample")
    parser.add_argument("--full", action="store_true", help="all 60,000 MNIST digits instead of the embedded 10,000")
    parser.add_argument("--epochs", type=int, help=f"passes over the data (default {epochs}; quick: {quick_epochs})")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights, noise and batches (default 0)")
    parser.add_argument("--out", type=as_path, default=Path("runs") / name, help="folder of the results")
    parser.add_argument("--format", choices=("png", "svg", "pdf"), default="png", help="of the pictures (default png)")
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
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit(fit_text(missing("matplotlib", "demos")))
    try:
        device = resolve_device(a.device)
        check_place(a.out / "metrics.json")
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    use_format(a.format)
    compared_epochs = compared_epochs or epochs
    epochs = a.epochs or (quick_epochs if a.quick else epochs)
    given = argparse.Namespace(**{option: getattr(a, option) for option in own})
    origin = machine.origin(f"demos.{name}", sys.argv[1:] if argv is None else argv)
    return Settings(name, device, a.quick, a.full, epochs, compared_epochs, a.seed, a.out, given, origin)


def use_format(name):
    """Write pictures as "png", "svg" or "pdf": matplotlib's own setting, which figures.py follows."""
    from matplotlib import rcParams  # only here: the help needs no matplotlib

    rcParams["savefig.format"] = name


def digits(settings):
    """MNIST as rows of 784 uint8 pixels: (train, train labels, test, test labels).

    All digits with --full, else the embedded sample; a part of the sample with --quick.
    """
    data = mnist(which="full" if settings.full else "sample")
    n, m = (2000, 500) if settings.quick else (None, None)
    print(fit_text(f"Data: {len(data.train_images[:n]):,} training digits, {len(data.test_images[:m]):,} test digits."))
    return (
        data.train_images[:n].reshape(-1, 784), data.train_labels[:n],
        data.test_images[:m].reshape(-1, 784), data.test_labels[:m],
    )  # fmt: skip


def train(settings, model, data, validation=None, name="", **recipe):
    """Fit the model on the device of the command line and move it back to the CPU. Returns the history.

    name: of the model, printed before; recipe: further arguments of npae.fit; epochs, seed and progress come from the
    command line unless given. Unless it has data_init, training begins with the weights as they are: the published
    numbers are those of such runs. Some of these networks have dead code units, by design or by their settings; the
    history counts them, without a warning. After an interruption no further model is trained: see `check`.
    """
    if settings.stopped:
        raise KeyboardInterrupt
    if name:
        print(name)
    progress = "none" if settings.quick else "auto"
    recipe = {"epochs": settings.epochs, "seed": settings.seed, "progress": progress, "data_init": False} | recipe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)
        history = fit(model.to(settings.device), data, validation=validation, **recipe)
    model.to("cpu")
    check(settings, history, recipe["epochs"], name)
    return history


def check(settings, history, epochs, name=""):
    """Note whether training was interrupted, so that what follows measures this model and trains no other one.

    Raises KeyboardInterrupt if that was within the first epoch: then there is nothing to measure.
    """
    if not (history.stopped or "").startswith("interrupted"):
        return
    where = f" of {name}" if name else ""
    settings.stopped = f"interrupted after {len(history)} of {counted(epochs, 'epoch')}{where}"
    if not len(history):
        raise KeyboardInterrupt
    print(fit_text(f"Training was {settings.stopped}. What there is will be measured and written."))


def compare(settings, networks, data, validation=None):
    """Train networks one after the other: {name: (model, recipe)}, recipe as for `train`. Saves each model.

    Yields (name, model, history) as soon as a model is trained. An interrupted one is the last.
    """
    for name, (model, recipe) in networks.items():
        history = train(settings, model, data, validation, name, **recipe)
        save(settings.out / f"{results.key(name)}.npz", model)
        yield name, model, history
        if settings.stopped:
            return
