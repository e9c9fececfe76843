"""Data-parallel training: the time of a step whose global batch is shared among several processes (workers).

    mpiexec -n 2 python -m benchmarks.workers --turns 10      the command of one line of `compare`

`compare` sets OMP_NUM_THREADS for each line. The threads of a worker are those of its matrix products; all workers
together never have more threads than there are cores. Every line must end at the same J as the first, up to rounding,
since all take the same steps. The fair reference is one worker with all threads, which needs no all-reduce.
"""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import report
from benchmarks.clock import Disagreement
from benchmarks.training import TrainingStep, compiled_at_once
from benchmarks.workloads import LARGE
from demos.machine import core_count
from npae.backend import CommandParser, command_line, install_command, missing, thread_count
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.environment import from_environment

BATCH, STEPS = 512, 4  # of all workers together; steps per turn
NETWORK = f"{'-'.join(map(str, LARGE))}, global batch {BATCH}"


def main(argv=None):
    """Run one worker: warm up and time turns of steps. Worker 0 prints the JSON that `compare` reads."""
    parser = CommandParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help=f"measurements, of {STEPS} steps each")
    parser.add_argument("--sizes", type=int, nargs="+", default=LARGE, help="sizes from the image to the code")
    parser.add_argument("--batch", type=int, default=BATCH, help="batch size of all workers together")
    a = parser.parse_args(argv)
    group, training, values, seconds = from_environment(), TrainingStep(a.sizes, a.batch), [], []
    step = training.step
    if group.size > 1:
        step = DataParallelStep(training.model, training.batches, training.optimizer, None, group)
    with compiled_at_once():
        for _ in range(a.turns + 1):
            group.gather(None)  # all begin at the same time
            began = time.perf_counter()
            for _ in range(STEPS):
                step(training.next_rows(), lambda terms, size: values.append(float(terms["reconstruction"])))
            seconds.append((time.perf_counter() - began) / STEPS)
    low, _, high = statistics.quantiles(seconds[1:], n=4, method="inclusive")
    if group.rank == 0:
        print(json.dumps({"seconds": statistics.median(seconds[1:]), "quartiles": [low, high], "J": values[-1],
                          "workers": group.size, "threads_each": thread_count()}))  # fmt: skip


def why_not():
    """None if workers can be started here; otherwise one sentence with the reason and the cure."""
    if importlib.util.find_spec("mpi4py") is None:
        return f"Workers: not measured, {missing('mpi4py', 'mpi')}"
    if mpiexec() is None:
        return f"Workers: not measured, there is no mpiexec: {install_command('mpi')} brings one."
    return None


def mpiexec():
    """The path of the mpiexec beside this Python, else of any other, else None."""
    return shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")


def start(count, threads, *flags):
    """Run main(flags) in `count` workers of `threads` threads. Returns worker 0's JSON; RuntimeError if they fail."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [mpiexec(), "-n", str(count), sys.executable, "-m", "benchmarks.workers", *flags]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(quick):
    """Time one worker with one thread, one with all threads, and two with half of them each; none in a quick run.

    Returns {"network", "runs": {line: numbers}, "not_measured"}.
    """
    reason = "Workers: left out by --quick, since they take seconds to start." if quick else why_not()
    result = {"network": NETWORK, "runs": {}, "not_measured": [reason] if reason else []}
    if reason:
        return result
    cores, turns = core_count(), 12
    first, lines = None, [(1, 1), (1, cores), (2, cores // 2)] if cores > 1 else [(1, 1)]
    if cores == 1:
        result["not_measured"].append("Workers: two of them were not measured, there is one core.")
    for count, threads in lines:
        name = f"{count} worker{'s' * (count > 1)},\n{threads} thread{'s' * (threads > 1)} each"
        report.progress(name.replace("\n", " "))
        one = result["runs"][name] = start(count, threads, "--turns", str(turns))
        first = first or one
        if abs(one["J"] - first["J"]) > 1e-4 * abs(first["J"]):
            raise Disagreement(f"Workers: {name} ended at J = {one['J']}, expected {first['J']}: not the same steps.")
    rows = [(name.replace("\n", " "), f"{1e3 * one['seconds']:.2f}") for name, one in result["runs"].items()]
    report.table((NETWORK, "ms per step"), rows)
    return result


if __name__ == "__main__":
    with command_line():
        main()
