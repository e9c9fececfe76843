"""The command line of `python -m benchmarks` and `python -m benchmarks.lab`: run parts, write results and pictures.

A part is a module of functions. run(settings) prints its tables and returns the contents of the JSON file.
verdict(result) returns one line that states what was found. draw(result, folder) draws from the result and returns the
paths of the pictures. overview(result), if the part has a section in README.md, returns its main tables for
benchmarks/page.py.
"""

import importlib
import importlib.util
import time
import traceback
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

BUSY = 0.5  # programs that are running or waiting, on average over the last minute


class Part(NamedTuple):
    """What a part measures, and how long that takes on two cores: in full, and with --quick."""

    what: str
    full: str
    quick: str


def parse(package, doc, parts, argv=None):
    """(names of the parts, Settings) from the command line. Exits with one sentence on wrong options.

    package: that holds the modules; doc: the description in the help; parts: {name: Part}.
    """
    names = "\n".join(f"  {name:16}{part.what}\n{'':18}{part.full}; with --quick {part.quick}"
                      for name, part in parts.items())  # fmt: skip
    parser = CommandParser(
        prog=f"python -m {package}", description=f"{doc}\nparts, with their time on two cores:\n{names}",
    )  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help="which parts (default: all)")
    parser.add_argument("--quick", action="store_true", help="few and short turns, without slow contenders")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto",
                        help="gpu: the CPU and the GPU; auto: the same if there is a GPU, else the CPU")  # fmt: skip
    parser.add_argument("--out", type=as_path, default=Path("runs/benchmarks"), help="folder of the results")
    a = parser.parse_args(argv)
    if unknown := [name for name in a.parts if name not in parts]:
        parser.error(f"expected parts out of {', '.join(parts)}, got {', '.join(unknown)}.")
    try:
        devices = ("cpu",) if resolve_device(a.device) == "cpu" else ("cpu", "gpu")
        check_place(a.out / "train_step.json")
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    return list(dict.fromkeys(a.parts)) or list(parts), Settings(a.quick, devices, a.out)


def run_part(package, name, what, settings):
    """Run one part, write its results, print them, draw its pictures.

    Its tables are printed when they are on disk. If the part fails, those that it has made by then are printed.
    """
    print("\n" + fit_text(f"== {name}: {what}"), flush=True)
    part = importlib.import_module(f"{package}.{name}")
    machine, began = {"load_before": load()} | hardware(), time.perf_counter()
    with report.held_output() as printed:
        result = part.run(settings)
        print("\n" + fit_text(f"Verdict: {part.verdict(result)}"))
        seconds = time.perf_counter() - began
        written = report.write(settings, name, seconds, machine | {"load_after": load()}, result, printed.getvalue())
    if importlib.util.find_spec("matplotlib"):
        written += part.draw(result, settings.out)
    else:
        print(fit_text(f"No pictures: {missing('matplotlib', 'demos')}"))
    print("\n" + fit_text(f"{seconds:.0f} s. Written: {', '.join(map(str, written))}"), flush=True)


def main(package, doc, parts, argv=None):
    """Run the parts one after the other. A part that fails does not stop the others; the exit status is then 1.

    Ctrl-C ends the program with exit status 130; the results of the parts before are written.
    """
    with command_line():
        return _main(*parse(package, doc, parts, argv), package, parts)


def _main(names, settings, package, parts):
    if load() != "unknown" and load()[0] > BUSY:
        busy = f"Other programs are running (load {load()[0]}): times will be longer, and ratios noisier."
        print(fit_text(busy))
    failed = []
    for name in names:
        try:
            run_part(package, name, parts[name].what, settings)
        except KeyboardInterrupt:
            text = f"Interrupted in {name}, which has no results. Those of the parts before are in {settings.out}."
            print("\n" + fit_text(text))
            return INTERRUPTED
        except Exception:
            traceback.print_exc()
            failed.append(name)
    if failed:
        text = f"Failed, see above: {', '.join(failed)}. Results of the other parts are in {settings.out}."
        print("\n" + fit_text(text))
    return int(bool(failed))
