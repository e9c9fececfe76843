"""A run of the fuzzer: mutants of all readers in turn, read by a worker process, counted, and kept if they go wrong.

Mutant k of a reader follows from (seed, reader, k) and the valid files alone, so a wrong one can be made again. Its
file is kept too: `python -m tests.fuzz read READER FILE` reads it once more.
"""

import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from npae.backend import text_table
from tests.fuzz.readers import READERS, reader
from tests.fuzz.worker import READY, SECONDS, limits

ROOT = Path(__file__).resolve().parents[2]
KEPT = 3  # files of one kind of fault
LARGEST = 2 * 10**6  # bytes of a mutant


class Worker:
    """The process that reads; started again after it has ended.

    Args:
        patience: seconds of the clock for a small file, many more than it may cost: other programs need the CPU too.
    """

    def __init__(self, patience=60):
        self.process, self.errors, self.patience = None, tempfile.TemporaryFile("w+"), patience

    def judge(self, name, path):
        """(verdict, reason, seconds, megabytes) of one file."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.errors, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            if self.process.stdout.readline().strip() != READY:
                return self._ended(path)
        self.process.stdin.write(json.dumps([name, str(path)]) + "\n")
        self.process.stdin.flush()
        patience = self.patience + 4 * SECONDS[0] * path.stat().st_size / 1e6
        if not select.select([self.process.stdout], [], [], patience)[0]:
            self.close()
            return "wrong", f"waits: no answer after {patience:.0f} s", patience, 0.0
        answer = self.process.stdout.readline()
        return tuple(json.loads(answer)) if answer else self._ended(path)

    def _ended(self, path):
        """The verdict on a file at which the process has ended."""
        status = self.process.wait()
        self.close()
        if status == -signal.SIGPROF:
            return "wrong", f"took more than {limits(path.stat().st_size)[1]:.1f} s of CPU", 0.0, 0.0
        self.errors.seek(0)
        return "wrong", f"the process ended with status {status}: {self.errors.read()[-300:]}", 0.0, 0.0

    def close(self):
        """End the process. The next file starts another one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@dataclass
class Count:
    """What became of the mutants of one reader."""

    verdicts: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    megabytes: float = 0.0
    faults: dict = field(default_factory=dict)  # kind of a fault -> [(k, base, edit, reason, file)]


def mutant(name, files, seed, k):
    """(base, edit, bytes): the k-th mutant of a reader. k = −1, −2, … are the valid files themselves."""
    if k < 0:
        base = list(files)[k]
        return base, "none", files[base]
    rng = random.Random(f"{seed} {name} {k}")
    base = rng.choice(list(files))
    while True:
        data, edits = files[base], []
        for _ in range(rng.choice((1, 1, 1, 2))):
            edit = rng.choice(reader(name).edits)
            edits.append(edit.__name__)
            try:
                data = edit(data, rng) or b"\0"
            except Exception:  # the second edit may not understand what the first has made
                break
        if len(data) <= LARGEST:
            return base, "+".join(edits), data


def run(seed, names=None, minutes=None, count=None, keep=None, report=print, patience=60):
    """{reader: Count} after `minutes`, or after `count` mutants of each reader.

    keep: the folder for wrong files; report: is called with a line of text for the first of each kind of fault;
    patience: as for a Worker.
    """
    names = list(READERS) if names is None else names
    end = None if minutes is None else time.monotonic() + 60 * minutes
    counts = {name: Count() for name in names}
    with tempfile.TemporaryDirectory() as folder, closing(Worker(patience)) as worker:
        files = {}
        for name in names:
            place = Path(folder, name)
            place.mkdir()
            files[name] = reader(name).valid(place)
        k = -max(map(len, files.values()))
        while (count is None or k < count) and (end is None or time.monotonic() < end):
            for name in names:
                if k >= -len(files[name]):
                    _try(name, files[name], seed, k, worker, counts[name], Path(folder), keep, report)
            k += 1
    return counts


def _try(name, files, seed, k, worker, count, folder, keep, report):
    base, edit, data = mutant(name, files, seed, k)
    path = folder / f"{base}.{k}{reader(name).suffix}"
    path.write_bytes(data)
    verdict, reason, seconds, megabytes = worker.judge(name, path)
    if k < 0 and verdict != "loaded":
        verdict, reason = "wrong", f"the valid file is {verdict}: {reason}"
    count.verdicts[verdict] += 1
    count.seconds, count.megabytes = max(count.seconds, seconds), max(count.megabytes, megabytes)
    if verdict == "wrong":
        kind = re.sub(r"\d+(\.\d+)?", "#", reason.replace(str(folder), ""))[:120]
        found = count.faults.setdefault(kind, [])
        kept = None
        if keep is not None and len(found) < KEPT:
            kept = Path(keep, f"{base}.{name}-{seed}-{k}{reader(name).suffix}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)
        found.append((k, base, edit, reason, kept))
        if len(found) == 1:
            report(f"{name}: wrong, seed {seed}, mutant {k} of {base} by {edit}: {reason}\n    kept as {kept}")
    path.unlink()


def table(counts):
    """The counts of all readers as text."""
    rows = [("reader", "tried", "refused", "loaded", "wrong", "most s", "most MB")]
    for name, count in counts.items():
        rows.append((name, *_numbers([count]), f"{count.seconds:.1f}", f"{count.megabytes:.0f}"))
    rows.append(("all", *_numbers(counts.values()), "", ""))
    return text_table(rows, align="l" + "r" * 6)


def _numbers(counts):
    """How many were tried, refused, loaded and wrong, as text."""
    total = sum((count.verdicts for count in counts), Counter())
    return [f"{n:,}" for n in (total.total(), *(total[v] for v in ("refused", "loaded", "wrong")))]
