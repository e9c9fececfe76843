"""Where the numbers of a run come from: command, commit, date, processor and cores, for result files.

What the system does not know is "unknown".
"""

import os
import platform
import re
import shlex
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from npae.backend import thread_count


def origin(program, options):
    """{name: value} of everything above. program: such as "demos.deep"; options: the words that follow it."""
    return {
        "command": command(program, options),
        "commit": commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": core_count(),
    }


def command(program, options):
    """The command line of a run, without --out, on which no number depends. Folders of this machine are left out."""
    kept, words = [], iter(options)
    for word in words:
        if word == "--out":
            next(words, None)
        elif not word.startswith("--out="):
            option, equals, value = word.rpartition("=")
            kept.append(option + equals + (Path(value).name if Path(value).is_absolute() else value))
    return shlex.join(["python", "-m", program, *kept])


def commit():
    """The commit of the source, with a + if files differ from it; "unknown" outside of a repository."""
    here = str(Path(__file__).parent)
    name = output("git", "-C", here, "rev-parse", "--short=12", "HEAD")
    changed = name and output("git", "-C", here, "status", "--porcelain", "--untracked-files=no")
    return f"{name}{'+' if changed else ''}" or "unknown"


def processor(root=Path("/")):
    """The name of the processor: on Linux from a file below `root`, on macOS from a command."""
    on_linux = re.search(r"^model name\s*: (.+)$", read(root / "proc/cpuinfo"), re.M)
    named = on_linux[1] if on_linux else output("sysctl", "-n", "machdep.cpu.brand_string")
    return named or platform.processor() or "unknown"


def core_count():
    """The number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def crowded():
    """A sentence if other programs use this process's cores, else "". Threads then wait for each other.

    Steps of small networks were seen to take ten times as long by two threads as by one.
    """
    waiting = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # processes, over the last minute
    if thread_count() == 1 or waiting < core_count() / 2:
        return ""
    return (f"Other programs are using the cores (load {waiting:.1f}). If epochs take long, stop and set "
            "OMP_NUM_THREADS=1: threads that wait for each other are slower than one.")  # fmt: skip


def read(path):
    """The text of a file of the system, without the ends; "" if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def output(*words):
    """What a command prints, without the ends; "" if it fails or is not there."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
