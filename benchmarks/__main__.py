"""The benchmark suite: what a training step costs on this machine, here and in other frameworks.

    python -m benchmarks                      everything: about a quarter of an hour on two cores
    python -m benchmarks --quick              everything, noisier: two or three minutes
    python -m benchmarks train_step epoch     only these parts

Results go to runs/benchmarks: a JSON file a part, what it printed, and pictures. `python -m benchmarks.page` puts those
in benchmarks/results into the page. `python -m benchmarks.seeds` is a study by itself.
"""

import argparse
import importlib
import importlib.util
import time
import traceback
from pathlib import Path

from benchmarks import report
from benchmarks.hardware import hardware, load
from benchmarks.settings import Settings
from npae.backend import check_place, resolve_device

PARTS = {
    "train_step": "a whole training step beside PyTorch, JAX and scikit-learn",
    "layers": "every kind of layer, loss and optimizer against the machine's ceilings",
    "layer_by_layer": "the layers of convolutional networks, each by itself, beside PyTorch's",
    "roofline": "operations, bytes and floor of each workload, and where its time goes",
    "crossover": "from which batch size and width the GPU is faster",
    "epoch": "a full MNIST epoch, and the time to reach an error",
    "scaling": "cost against parameters, batch, data and depth; workers",
}
BUSY = 0.5  # programs running or waiting, on average over the last minute


def parse(argv=None):
    """(names of the parts, Settings) from the command line. Ends with a sentence on bad options."""
    names = "\n".join(f"  {name:16}{what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=f"{__doc__}\nparts:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("parts", nargs="*", metavar="PART", help="which parts (default: all)")
    parser.add_argument("--quick", action="store_true", help="few turns, short ones, and no slow contender")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto",
                        help="gpu: the CPU and the GPU, which must be there; auto: if it is there")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder of the results")
    a = parser.parse_args(argv)
    if unknown := [name for name in a.parts if name not in PARTS]:
        parser.error(f"expected parts out of {', '.join(PARTS)}, got {', '.join(unknown)}.")
    try:
        devices = ("cpu",) if resolve_device(a.device) == "cpu" else ("cpu", "gpu")
        check_place(a.out / "train_step.json")
    except (RuntimeError, OSError) as error:
        parser.error(str(error))
    return list(dict.fromkeys(a.parts)) or list(PARTS), Settings(a.quick, devices, a.out)


def run_part(name, settings):
    """Run one part, write its JSON, draw its pictures. Each is kept if what comes after it fails."""
    print(f"\n━━ {name}: {PARTS[name]}", flush=True)
    part = importlib.import_module(f"benchmarks.{name}")
    machine, began = {"load_before": load()} | hardware(), time.perf_counter()
    with report.overheard() as printed:
        result = part.run(settings)
    seconds = time.perf_counter() - began
    written = report.write(settings, name, seconds, machine | {"load_after": load()}, result, printed.getvalue())
    if importlib.util.find_spec("matplotlib"):
        written += part.draw(result, settings.out)
    else:
        print("No pictures: matplotlib is not installed (pip install matplotlib).")
    print(f"\n{seconds:.0f} s. Written: {', '.join(map(str, written))}", flush=True)


def main(argv=None):
    """Run the parts, one after the other. Returns the exit status: 1 if one of them failed, which stops no other."""
    names, settings = parse(argv)
    if load() != "unknown" and load()[0] > BUSY:
        print(f"Other programs are running (load {load()[0]}): times will be longer, and ratios noisier.")
    failed = []
    for name in names:
        try:
            run_part(name, settings)
        except Exception:
            traceback.print_exc()
            failed.append(name)
    if failed:
        print(f"\nFailed, see above: {', '.join(failed)}. Results of the other parts are in {settings.out}.")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
