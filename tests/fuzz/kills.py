"""Training runs that are killed at random moments and resumed: they must end with the bits of a run that was not.

A process trains with Checkpoint and resume="auto". It is killed by SIGKILL after a random time and started again, until
it has lost as many lives as planned. After each kill the checkpoint must be whole. The last start runs to the end.
"""

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from npae import fit
from npae.backend import text_table
from npae.serialization import load_all
from npae.train import Checkpoint
from tests.fuzz.models import KINDS

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 30
READY, DONE = "begins", "done"


def train(kind, path):
    """What the process does: train a model of `kind`, or go on with it."""
    model, data, settings = KINDS[kind]()
    callbacks = [*settings.pop("callbacks", ()), Checkpoint(path)]
    print(READY, flush=True)
    fit(model, data, epochs=EPOCHS, batch_size=16, progress="none", callbacks=callbacks, resume="auto", **settings)
    print(DONE, flush=True)


def start(kind, path):
    """The process, once it is about to train."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.fuzz.kills", kind, str(path)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if process.stdout.readline().strip() != READY:
        raise RuntimeError(f"the {kind} run does not begin: {_rest(process)}")
    return process


def finish(process, kind):
    """Wait for the end of a run. Raises RuntimeError if it fails."""
    if not select.select([process.stdout], [], [], 600)[0]:
        process.kill()
    out = _rest(process)
    if process.wait() or out.strip() != DONE:
        raise RuntimeError(f"the {kind} run ends with status {process.returncode}: {out}")


def _rest(process):
    """What the process still prints. communicate() would lose what readline has read beyond its line."""
    with process.stdout as out:
        return out.read()


def kill(process, seconds):
    """Kill a process after some seconds; False if it was done before."""
    ended = select.select([process.stdout], [], [], seconds)[0]  # it prints only when it is done
    if not ended:
        process.send_signal(signal.SIGKILL)
    _rest(process)
    process.wait()
    return process.returncode == -signal.SIGKILL


def difference(path, other):
    """What differs between the runs in two checkpoints, or ""."""
    a, b = content(path), content(other)
    return ", ".join(sorted(k for k in a.keys() | b.keys() if k not in a or k not in b or not _same(a[k], b[k])))


def _same(a, b):
    return a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b


def content(path):
    """{name: value} of everything in a checkpoint but the seconds."""
    saved = load_all(path)
    for row in saved.extra["history"]:
        del row["seconds"]
    state = {f"optimizer.{name}": vector for name, vector in saved.optimizer.state.items()}
    return saved.arrays | saved.extra | state | {
        "theta": saved.model.theta.value, "statistics": saved.model.statistics.value, "t": saved.optimizer.t,
    }  # fmt: skip


def run(count, seed, kinds=None, report=print):
    """(Counter of what the kills hit, [faults]) of `count` kills, all kinds of model in turn."""
    rng, kinds, found, faults = random.Random(f"{seed} kills"), list(kinds or KINDS), Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        lasts, number = {}, 0
        while sum(found.values()) < count:
            kind = kinds[number % len(kinds)]
            whole, path = Path(folder, f"{kind}.npz"), Path(folder, f"{kind}-{number}.npz")
            if kind not in lasts:
                process, began = start(kind, whole), time.monotonic()
                finish(process, kind)
                lasts[kind] = time.monotonic() - began
            for _ in range(min(rng.randint(1, 3), count - sum(found.values()))):
                seconds = rng.uniform(0, lasts[kind])
                if kill(start(kind, path), seconds):
                    found[_hit(path)] += 1
            finish(start(kind, path), kind)
            differs = difference(whole, path)
            if differs:
                faults.append(f"{kind}, run {number}: {differs} not the same as in the run that was not killed")
                report(faults[-1])
            path.unlink()
            number += 1
    return found, faults


def _hit(path):
    """What a kill has hit. Raises an error if the checkpoint is there and not whole."""
    half = list(path.parent.glob(f".{path.name}.*.part"))
    for one in half:
        one.unlink()
    if path.exists():
        load_all(path)
    return "a file being written" if half else "a step or an epoch" if path.exists() else "the first epoch"


def main(count, seed):
    """Print a table of the kills; returns the status."""
    found, faults = run(count, seed)
    rows = [("kills hit", "runs"), *((what, str(n)) for what, n in sorted(found.items()))]
    print(text_table([*rows, ("all", str(sum(found.values()))), ("wrong", str(len(faults)))], align="lr"))
    return bool(faults)


if __name__ == "__main__":
    train(*sys.argv[1:])
