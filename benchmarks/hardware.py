"""Description of the machine for result files: processor, caches, load, libraries and threads, GPU, commit.

All of it comes from the system and the installed packages. What they do not know is "unknown" or left out.
"""

import os
import platform
import re
import shutil
import subprocess
from datetime import datetime, timezone
from importlib import metadata, util
from pathlib import Path

from npae.backend import versions

PACKAGES = ("torch", "jax", "jaxlib", "scikit-learn", "numba", "mpi4py", "matplotlib", "threadpoolctl")
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
    """The numbers of processes running or waiting, averaged over the last 1, 5 and 15 minutes."""
    return [round(v, 2) for v in os.getloadavg()] if hasattr(os, "getloadavg") else "unknown"


def cpu(root=Path("/")):
    """Model, cores, current and largest clock in MHz, caches and memory, from Linux' files below `root`."""
    info, memory = _read(root / "proc/cpuinfo"), _read(root / "proc/meminfo")
    models, clocks = (re.findall(rf"^{name}\s*: (.+)$", info, re.M) for name in ("model name", "cpu MHz"))
    folder = root / "sys/devices/system/cpu/cpu0"
    most = _read(folder / "cpufreq/cpuinfo_max_freq")
    caches = sorted((folder / "cache").glob("index*"))
    total = re.search(r"MemTotal:\s*(\d+) kB", memory)
    return {
        "model": models[0] if models else platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "clock_mhz": [round(float(v)) for v in clocks] or "unknown",
        "max_clock_mhz": int(most) // 1000 if most else "unknown",
        "caches": [" ".join(["L" + _read(c / "level"), _read(c / "type"), _read(c / "size")]) for c in caches]
        or "unknown",
        "memory_gib": round(int(total[1]) / 2**20, 1) if total else "unknown",
    }  # fmt: skip


def blas_threads():
    """The thread pools of the libraries loaded here, from threadpoolctl: library, version, number of threads."""
    if not util.find_spec("threadpoolctl"):
        return "unknown: pip install threadpoolctl"
    from threadpoolctl import threadpool_info

    wanted = ("internal_api", "version", "num_threads", "architecture")
    return [{k: pool[k] for k in wanted if k in pool} for pool in threadpool_info()]


def gpu_clocks():
    """Name, driver and clocks of the first GPU, from nvidia-smi; "none" without one."""
    if not shutil.which("nvidia-smi"):
        return "none"
    answer = _run("nvidia-smi", f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader", "--id=0")
    return dict(zip(GPU_FIELDS.split(","), answer.split(", "), strict=False)) if answer else "none"


def commit():
    """The commit of the source, with a + if files differ from it; "unknown" outside of a repository."""
    here = str(Path(__file__).parent)
    name = _run("git", "-C", here, "rev-parse", "--short=12", "HEAD")
    changed = name and _run("git", "-C", here, "status", "--porcelain", "--untracked-files=no")
    return f"{name}{'+' if changed else ''}" or "unknown"


def _module(package):
    return {"scikit-learn": "sklearn"}.get(package, package)


def _read(path):
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _run(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
