"""Description of the machine for result files: processor, caches, load, libraries and threads, GPU, commit.

All of it comes from the system and the installed packages. What they do not know is "unknown" or left out.
"""

import os
import re
import shutil
from datetime import datetime, timezone
from importlib import metadata, util
from pathlib import Path

from demos.machine import commit, core_count, output, processor, read
from npae.backend import missing, versions

try:
    import psutil
except ImportError:  # it comes with the extra "bench"
    psutil = None

PACKAGES = ("torch", "jax", "jaxlib", "scikit-learn", "numba", "mpi4py", "matplotlib", "threadpoolctl", "psutil")
SETTINGS = r"(OMP|OPENBLAS|MKL|NUMBA)_.*(THREADS|POLICY|BIND|PLACES)$|CUPY_(TF32|ACCELERATORS)$"
GPU_FIELDS = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit"


def hardware():
    """{name: value} of everything above."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu(),
        "blas": blas_threads(),
        "gpu": gpu_clocks(),
        "config": versions(),
        "packages": {p: metadata.version(p) if util.find_spec(_module(p)) else "not installed" for p in PACKAGES},
        "environment": {k: v for k, v in sorted(os.environ.items()) if re.match(SETTINGS, k)},
    }


def load():
    """The numbers of processes running or waiting, averaged over the last 1, 5 and 15 minutes; from psutil."""
    return [round(v, 2) for v in psutil.getloadavg()] if psutil else "unknown"


def cpu(root=Path("/")):
    """Model, cores, current and largest clock in MHz, caches, memory; clocks and memory from psutil.

    The model comes from the system's own words: on Linux a file below `root`, as do the caches; on macOS a command.
    """
    clocks, caches = _clocks(), sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*"))
    most = max((clock.max for clock in clocks), default=0)
    return {
        "model": processor(root),
        "cores": core_count(),
        "clock_mhz": [round(clock.current) for clock in clocks] or "unknown",
        "max_clock_mhz": round(most) or "unknown",
        "caches": [" ".join(["L" + read(c / "level"), read(c / "type"), read(c / "size")]) for c in caches]
        or "unknown",
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1) if psutil else "unknown",
    }


def _clocks():
    """Of every core psutil's current and max; none where the system does not tell."""
    try:
        return (psutil.cpu_freq(percpu=True) or []) if psutil else []
    except (AttributeError, OSError, RuntimeError):
        return []


def blas_threads():
    """The thread pools of the libraries loaded here, from threadpoolctl: library, version, number of threads."""
    if not util.find_spec("threadpoolctl"):
        return f"unknown: {missing('threadpoolctl', 'bench')}"
    from threadpoolctl import threadpool_info

    wanted = ("internal_api", "version", "num_threads", "architecture")
    return [{k: pool[k] for k in wanted if k in pool} for pool in threadpool_info()]


def gpu_clocks():
    """Name, driver and clocks of the first GPU, from nvidia-smi; "none" without one."""
    if not shutil.which("nvidia-smi"):
        return "none"
    answer = output("nvidia-smi", f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader", "--id=0")
    return dict(zip(GPU_FIELDS.split(","), answer.split(", "), strict=False)) if answer else "none"


def _module(package):
    return {"scikit-learn": "sklearn"}.get(package, package)
