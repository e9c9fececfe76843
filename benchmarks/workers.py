"""Data-parallel workers: a step of one global batch shared among K processes, timed.

    OMP_NUM_THREADS=1 mpiexec -n 2 python -m benchmarks.workers --turns 10      what `compare` runs for every line

The threads of a worker are those that its matrix products may use; all workers together never have more than there are
cores. Every line must end at the same J as the first, to rounding, since all of them take the same steps; the ratio
that matters is that of one worker with all threads, for whom an all-reduce is nothing.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.clock import Disagreement
from benchmarks.formulas import compiled_at_once
from benchmarks.training import TrainingStep
from benchmarks.workloads import LARGE
from npae.backend import thread_count
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import from_environment

BATCH, STEPS = 512, 4  # of all workers together; steps a turn
NETWORK = f"{'-'.join(map(str, LARGE))}, global batch {BATCH}"


def main(argv=None):
    """Be one of the workers: warm up, take turns of steps, and let worker 0 print what `compare` reads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=10, help=f"measurements, of {STEPS} steps each")
    parser.add_argument("--sizes", type=int, nargs="+", default=LARGE, help="of the network, to the code")
    parser.add_argument("--batch", type=int, default=BATCH, help="of all workers together")
    a = parser.parse_args(argv)
    workers, training, values, seconds = from_environment(), TrainingStep(a.sizes, a.batch), [], []
    step = training.step
    if workers.size > 1:
        step = DataParallelStep(training.model, training.batches, training.optimizer, None, workers)
    with compiled_at_once():
        for _ in range(a.turns + 1):
            workers.gather(None)  # begin together
            began = time.perf_counter()
            for _ in range(STEPS):
                step(training.next_rows(), lambda terms, size: values.append(float(terms["reconstruction"])))
            seconds.append((time.perf_counter() - began) / STEPS)
    low, _, high = statistics.quantiles(seconds[1:], n=4, method="inclusive")
    if workers.rank == 0:
        print(json.dumps({"seconds": statistics.median(seconds[1:]), "quartiles": [low, high], "J": values[-1],
                          "workers": workers.size, "threads_each": thread_count()}))  # fmt: skip


def why_not():
    """None if workers can be started here; otherwise one sentence that says why not and what to do."""
    if importlib.util.find_spec("mpi4py") is None:
        return 'ProcessGroup: not measured, mpi4py is not installed: pip install "npae[mpi]".'
    if mpiexec() is None:
        return 'ProcessGroup: not measured, there is no mpiexec: pip install "npae[mpi]" brings one.'
    return None


def mpiexec():
    """The mpiexec that belongs to this Python, or any other, or None."""
    return shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")


def core_count():
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(count, threads, *flags):
    """What worker 0 of `count` printed, with `threads` threads each and flags for main; RuntimeError if they failed."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [mpiexec(), "-n", str(count), sys.executable, "-m", "benchmarks.workers", *flags]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(quick):
    """{"network", "runs": {line: numbers}, "not_measured"}: one worker with one thread and with all; two, half each."""
    result = {"network": NETWORK, "runs": {}, "not_measured": [reason] if (reason := why_not()) else []}
    if reason:
        return result
    cores, turns = core_count(), 2 if quick else 12
    first, lines = None, [(1, 1), (1, cores), (2, cores // 2)] if cores > 1 else [(1, 1)]
    if quick:
        lines = lines[-2:]
    if cores == 1:
        result["not_measured"].append("ProcessGroup: two of them were not measured, there is one core.")
    for count, threads in lines:
        name = f"{count} worker{'s' * (count > 1)},\n{threads} thread{'s' * (threads > 1)} each"
        one = result["runs"][name] = start(count, threads, "--turns", str(turns))
        first = first or one
        if abs(one["J"] - first["J"]) > 1e-4 * abs(first["J"]):
            raise Disagreement(f"ProcessGroup: {name} ended at J = {one['J']}, expected {first['J']}: not the same steps.")
        print(f"{name:40}{1e3 * one['seconds']:10.2f} ms a step, {NETWORK}".replace("\n", " "), flush=True)
    return result


if __name__ == "__main__":
    main()
