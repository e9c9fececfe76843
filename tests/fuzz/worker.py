"""The process that reads mutated files, one after the other, under limits of memory and time.

It takes lines (name of a reader, path) on stdin and answers each by one line of JSON: verdict, reason, seconds of CPU,
megabytes. A reader that takes too long is ended by a signal, one that waits for ever by the process that asks.
"""

import ctypes
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path

from npae.data.files.limits import LEAST, PER_BYTE
from tests.fuzz.reader import judge
from tests.fuzz.readers import reader as reader_of

SECONDS = 5.0, 5.0  # of CPU per MB of the file, and a constant
SLACK = 2**28  # bytes of address space above the limit, for what is asked for and not used
READY = "ready"  # the first line of the answers
STATUS = Path("/proc/self/status")


def limits(size, least=LEAST):
    """(bytes of memory, seconds of CPU) that a file of `size` bytes may cost; `least`: bytes that any file may."""
    return PER_BYTE * size + least, SECONDS[0] * size / 1e6 + SECONDS[1]


def measured(name):
    """A number of bytes from this process's status; 0 where the system has none."""
    if not STATUS.exists():
        return 0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def judge_within_limits(reader, path):
    """(verdict, reason, seconds, megabytes) of one file."""
    most_bytes, most_seconds = limits(path.stat().st_size, reader.least)
    release()
    limit_address_space(most_bytes + SLACK)
    signal.setitimer(signal.ITIMER_PROF, most_seconds)  # its signal ends the process
    before, began = measured("VmRSS"), time.process_time()
    reset_peak()
    try:
        verdict, reason = judge(reader, path)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        limit_address_space(None)
    seconds, used = time.process_time() - began, max(0, measured("VmHWM") - before)
    if verdict != "wrong" and used > most_bytes:
        verdict, reason = "wrong", f"took {used / 1e6:.0f} MB of memory, the limit is {most_bytes / 1e6:.0f}"
    return verdict, reason, seconds, used / 1e6


def limit_address_space(more):
    """Let this process take at most `more` further bytes, on Linux; None removes the limit."""
    if not STATUS.exists():
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard if more is None else measured("VmSize") + int(more), hard))


def reset_peak():
    """Let the peak of this process's memory begin anew."""
    place = Path("/proc/self/clear_refs")
    if place.exists():
        place.write_text("5")


def release():
    """Give free memory back to the system, so that the peak of the next file counts from what is in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def main():
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what readers print goes to stderr
    warnings.simplefilter("ignore")
    print(READY, file=answers, flush=True)
    for line in sys.stdin:
        name, path = json.loads(line)
        print(json.dumps(judge_within_limits(reader_of(name), Path(path))), file=answers, flush=True)


if __name__ == "__main__":
    main()
