"""Programs that run with several threads, in a process of their own: the tests themselves run with one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from npae.backend import missing
from npae.backend.openblas import openblas
from npae.backend.pool.turn import can_compile

ROOT = Path(__file__).resolve().parents[2]
needs_openblas = pytest.mark.skipif(openblas() is None, reason="NumPy has another BLAS.")
needs_a_pool = pytest.mark.skipif(not can_compile() or openblas() is None, reason=missing("Numba", "fast"))
HEAD = """
import os, signal, sys, threading, time, warnings
import numpy as np
from npae.backend import matmul, one_pool, thread_count
from npae.backend.formulas import on_numba
from npae.backend.openblas import openblas
from npae.backend.pool import current, turn
warnings.simplefilter("ignore", DeprecationWarning)
turn.PATIENCE = on_numba.PATIENCE = 0
blas, like = openblas(), np.ones(1, np.float32)
rng = np.random.default_rng(0)
def workers():
    return sum(t.name == "npae-pool" for t in threading.enumerate()) if current.turn and current.turn.pool else None
def pair(m, k, n, dtype=np.float32):
    return rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
"""


def run(program, timeout=100, threads=2, **environment):
    """What the program prints, after HEAD, with that many threads. It must end well."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"NPAE_NUMBA": "1"} | environment
    done = subprocess.run([sys.executable, "-c", HEAD + program], capture_output=True, text=True, timeout=timeout,
                          cwd=ROOT, env=environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
