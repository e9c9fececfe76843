"""The command line of `python -m benchmarks` and `python -m benchmarks.lab`: run parts, write results and pictures.

A part is a module of functions. run(settings) prints its tables and returns the contents of the JSON file.
verdict(result) returns one line that states what was found. draw(result, folder) draws from the result and returns the
paths of the pictures. overview(result), if the part has a section in README.md, returns its main tables for
benchmarks/page.py. failures(result), if the part checks something, returns how many checks failed.

A part saves its result after every row, so that its file is whole whatever happens next; what it has printed since it
last saved is shown then. With --minutes every part has a deadline, and a timer in C ends the program if something
hangs, even in a call that does not return to Python.
"""

import argparse
import faulthandler
import importlib
import importlib.util
import math
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks import report
from benchmarks.hardware import hardware, load
from benchmarks.settings import Settings
from npae.backend import (
    INTERRUPTED,
    CommandParser,
    as_path,
    check_place,
    command_line,
    fit_text,
    missing,
    resolve_device,
)

COMMITTED = Path(__file__).parent.resolve() / "results"  # for quiet machines; the folder gpu in it takes any
BUSY = 0.5  # programs that are running or waiting, on average over the last minute
GRACE = 5.0  # seconds after the end of --minutes in which the program may still end by itself
DRAWING = 10.0  # seconds that must be left for pictures


class Part(NamedTuple):
    """What a part measures, and how long that takes on two cores: in full, and with --quick.

    share: of the time of a run with --minutes, which only parts with a share can take part in. named: the part runs
    only if it is named.
    """

    what: str
    full: str
    quick: str
    share: float = 0.0
    named: bool = False


def parse(package, doc, parts, argv=None):
    """(names of the parts, Settings) from the command line. Exits with one sentence on wrong options.

    package: that holds the modules; doc: the description in the help; parts: {name: Part}.
    """
    names = "\n".join(f"  {name:16}{part.what}\n{'':18}{part.full}; with --quick {part.quick}"
                      for name, part in parts.items())  # fmt: skip
    parser = CommandParser(
        prog=f"python -m {package}", description=f"{doc}\nparts, with their time on two cores:\n{names}",
    )  # fmt: skip
    by_name = ", ".join(name for name, part in parts.items() if part.named)
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"which parts (default: all{f' but {by_name}' if by_name else ''})")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="few and short turns, without slow contenders")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto",
                        help="gpu: the CPU and the GPU; auto: the same if there is a GPU, else the CPU")  # fmt: skip
    parser.add_argument("--out", type=as_path, default=Path("runs/benchmarks"),
                        help="folder of the results; those with a GPU go to its subfolder gpu")  # fmt: skip
    if any(part.share for part in parts.values()):
        parser.add_argument("--minutes", type=_minutes, help="end after this time, the most important rows first")
    a = parser.parse_args(argv)
    if unknown := [name for name in a.parts if name not in parts]:
        parser.error(f"expected parts out of {', '.join(parts)}, got {', '.join(unknown)}.")
    minutes, limited = getattr(a, "minutes", None), [name for name, part in parts.items() if part.share]
    if minutes and (unlimited := [name for name in a.parts if name not in limited]):
        parser.error(f"--minutes: expected parts out of {', '.join(limited)}, got {', '.join(unlimited)}.")
    try:
        devices = ("cpu",) if resolve_device(a.device) == "cpu" else ("cpu", "gpu")
        out = a.out if devices == ("cpu",) else a.out / "gpu"
        check_place(out / "train_step.json")
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    default = limited if minutes else [name for name, part in parts.items() if not part.named]
    return list(dict.fromkeys(a.parts)) or default, Settings(a.quick, devices, out, minutes)


def _minutes(text):
    """A positive number of minutes."""
    minutes = float(text)
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive number of minutes, got {text}.")
    return minutes


def run_part(package, name, what, settings):
    """Run one part, write its results, print them, draw its pictures. Returns the number of checks that failed.

    What a part prints is held until it saves, so that tables are printed when they are on disk. A later failure does
    not lose what is already written, and what was printed until then is shown.
    """
    print("\n" + fit_text(f"== {name}: {what}"), flush=True)
    part = importlib.import_module(f"{package}.{name}")
    machine, began = {"load_before": load()} | hardware(), time.perf_counter()
    with report.held_output() as printed:

        def save(result, complete=False):
            seconds, after = time.perf_counter() - began, {"load_after": load()}
            paths = report.write(settings, name, seconds, machine | after, result, printed.getvalue(), complete)
            printed.release()
            return paths

        result = part.run(replace(settings, save=save))
        save(result)
        print("\n" + fit_text(f"Verdict: {part.verdict(result)}"))
        written = save(result, complete=True)
    if not importlib.util.find_spec("matplotlib"):
        print(fit_text(f"No pictures: {missing('matplotlib', 'demos')}"))
    elif settings.left < DRAWING:
        print("No pictures: no time was left.")
    else:
        written += part.draw(result, settings.out)
    seconds = time.perf_counter() - began
    print("\n" + fit_text(f"{seconds:.0f} s. Written: {', '.join(map(str, written))}"), flush=True)
    return part.failures(result) if hasattr(part, "failures") else 0


def deadlines(names, parts, minutes):
    """The deadline of every part, in order: its share of the time that those before it have left."""
    end = time.monotonic() + 60 * minutes if minutes else math.inf
    for k, name in enumerate(names):
        now, shares = time.monotonic(), [parts[n].share if minutes else 1.0 for n in names[k:]]
        yield name, now + (end - now) * shares[0] / sum(shares)


@contextmanager
def ended_after(minutes):
    """While the block runs, end the program, with exit status 1, GRACE seconds after these minutes."""
    with suppress(Exception):  # without a stderr there is no timer
        if minutes:
            faulthandler.dump_traceback_later(60 * minutes + GRACE, exit=True)
    try:
        yield
    finally:
        if minutes:
            faulthandler.cancel_dump_traceback_later()


def main(package, doc, parts, argv=None):
    """Run the parts one after the other. A part that fails does not stop the others; the exit status is then 1.

    Ctrl-C ends the program with exit status 130; the results of the parts before are written.
    """
    with command_line():
        return _main(*parse(package, doc, parts, argv), package, parts)


def _main(names, settings, package, parts):
    if load() != "unknown" and load()[0] > BUSY:
        busy = f"Other programs are running (load {load()[0]}): times will be longer, and ratios noisier."
        if settings.out.resolve() == COMMITTED and not settings.quick:
            print(fit_text(f"{busy} {COMMITTED.name} is for quiet machines: wait, or write elsewhere with --out."))
            return 1
        print(fit_text(busy))
    with ended_after(settings.minutes):
        return run_parts(package, parts, names, settings)


def run_parts(package, parts, names, settings):
    """Run the named parts. Returns the exit status."""
    failed = []
    for name, deadline in deadlines(names, parts, settings.minutes):
        try:
            if run_part(package, name, parts[name].what, replace(settings, deadline=deadline, rows=[])):
                failed.append(name)
        except KeyboardInterrupt:
            rows = f"Results of the parts before, and the rows that it has saved, are in {settings.out}."
            print("\n" + fit_text(f"Interrupted in {name}. {rows}"))
            return INTERRUPTED
        except Exception:
            traceback.print_exc()
            failed.append(name)
    if failed:
        text = f"Failed, see above: {', '.join(failed)}. Results of the other parts are in {settings.out}."
        print("\n" + fit_text(text))
    return int(bool(failed))
