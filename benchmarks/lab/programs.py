"""Whole programs, from start to end: the deep autoencoder on all of MNIST.  python -m benchmarks.lab programs

`demos.deep --full` and three programs of a page each (benchmarks/lab/scripts), which a user of npae, PyTorch and JAX
would write: read the files, 20 epochs of batch 32 with Adam at 0.001, print the test error. They run one after the
other, in turns. The demo also compares with PCA, draws, and has other weights and rates to begin with.
"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import report
from benchmarks.alternate import NotMeasured
from npae.backend import missing

SCRIPTS = {  # name: (package, module)
    "npae": ("numpy", "deep_npae"),
    "PyTorch, fused Adam": ("torch", "deep_pytorch"),
    "JAX jit": ("jax", "deep_jax"),
}
DEMO = "demos.deep --full"
TURNS, EPOCHS, QUICK_EPOCHS = 2, 20, 1


def run(settings):
    """Run all programs in turns: {"epochs", "programs": {name: {"seconds": […], "test_nats_per_pixel": …}}, …}."""
    folder = Path(os.environ.get("NPAE_DATA", "")) / "mnist"
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        raise NotMeasured("programs read all of MNIST from the folder mnist in $NPAE_DATA, which is not there.")
    epochs, turns = (QUICK_EPOCHS, 1) if settings.quick else (EPOCHS, TURNS)
    result = {"epochs": epochs, "programs": {}, "not_measured": {}}
    commands = {DEMO: ["demos.deep", "--full", "--epochs", str(epochs), "--out", str(settings.out / "deep")]}
    for name, (package, module) in SCRIPTS.items():
        if importlib.util.find_spec(package):
            commands[name] = [f"benchmarks.lab.scripts.{module}", str(folder), str(epochs)]
        else:
            result["not_measured"][name] = missing(package, "bench")
    for turn in range(turns):
        for name in list(commands)[:: -1 if turn % 2 else 1]:
            report.progress(f"{name}, turn {turn + 1} of {turns}")
            seconds, printed = timed(commands[name])
            one = result["programs"].setdefault(name, {"seconds": []})
            one["seconds"].append(round(seconds, 2))
            if name != DEMO:
                one["test_nats_per_pixel"] = round(float(printed.split()[-1]), 4)
            settings.save(result)
    rows = [[name, *(f"{s:.1f}" for s in one["seconds"]), str(one.get("test_nats_per_pixel", ""))]
            for name, one in result["programs"].items()]  # fmt: skip
    report.table([f"{epochs} epochs", *(f"seconds, turn {k + 1}" for k in range(turns)), "test nats per pixel"], rows)
    report.not_measured(result["not_measured"])
    return result


def timed(command):
    """(seconds from its start to its end, what it printed) of `python -m command`. Raises NotMeasured if it fails."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(f"{command[0]}: {done.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - began, done.stdout


def verdict(result):
    """The ratios of the other programs' seconds to npae's."""
    ours = min(result["programs"]["npae"]["seconds"])
    return "the fastest turn of each, divided by npae's: " + ", ".join(
        f"{name} {min(one['seconds']) / ours:.2f}" for name, one in result["programs"].items() if name != "npae"
    )


def draw(result, folder):
    """No pictures."""
    return []
