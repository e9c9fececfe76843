"""Configuration: the versions, the BLAS library, the threads and the GPU that npae runs with."""

import os
import platform
import sys

import numpy as np

from npae.backend.arrays import gpu_module, tf32_is_on, why_no_gpu
from npae.backend.cublaslt import epilogues_are_on
from npae.backend.extras import missing
from npae.backend.formulas import on_numba
from npae.backend.pool import has_pool
from npae.backend.text_table import text_table
from npae.backend.threads import thread_count
from npae.version import __version__


def _version(package: str) -> str:
    from importlib import metadata  # slow to import

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    info = np.show_config(mode="dicts")["Build Dependencies"].get("blas", {})
    return f"{info.get('name', 'unknown')} {info.get('version', '')}".strip()


def _numba() -> str:
    if on_numba.available():
        return f"{_version('numba')}, formulas are compiled after enough use"
    installed = _version("numba")[0].isdigit()
    return "switched off by NPAE_NUMBA=0" if installed else missing("Numba", "fast")


def _threads() -> str:
    names = [name for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if name in os.environ]
    shared = ["products and formulas of a training step share one pool"] if has_pool() else []
    return ", ".join([str(thread_count()), *(f"{name}={os.environ[name]}" for name in names), *shared])


def _gpu() -> str:
    reason = why_no_gpu()
    if reason:
        return f"none. {reason}"
    runtime = gpu_module().cuda.runtime
    properties = runtime.getDeviceProperties(runtime.getDevice())
    tf32, epilogues = ("on" if on else "off" for on in (tf32_is_on(), epilogues_are_on()))
    name, gib = properties["name"].decode(), properties["totalGlobalMem"] / 2**30
    return f"{name}, {gib:.0f} GiB, epilogues {epilogues}, TF32 {tf32}"


def versions() -> dict[str, str]:
    """{name: text} of everything that show_config prints; also written into result files.

    Example:
        >>> import numpy as np
        >>> from npae.backend import versions
        >>> versions()["numpy"] == np.__version__
        True
    """
    return {
        "npae": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "cupy": next((v for p in ("cupy-cuda13x", "cupy-cuda12x", "cupy") if (v := _version(p))[0].isdigit()), "none"),
        "blas": _blas(),
        "numba": _numba(),
        "threads": _threads(),
        "machine": f"{platform.system()} {platform.machine()}",
        "gpu": _gpu(),
    }


def show_config() -> None:
    """Print a table of versions, BLAS and threads, and the GPU or why there is none.

    Example:
        >>> from npae import show_config
        >>> show_config()  # doctest: +ELLIPSIS
        name     value
        ---...
        npae     ...
        python   ...
    """
    print(text_table([("name", "value"), *versions().items()], align="ll"))
