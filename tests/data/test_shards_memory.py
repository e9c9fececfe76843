"""Memory stays flat: a process that may take 8 MB more trains on 800 MB in sparse files, and validates on a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT, TIMES = 8_000_000, 100

PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from npae import dense_autoencoder, fit
from npae.data import Shards

folder, limit, times, width, files = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), 128, 4
rows = limit * times // (2 * width) // files + 1
for k in range(files):
    with open(folder / f"{k}.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": (rows, width)})
        file.truncate(file.tell() + rows * 2 * width)  # zeros that take no space on the disk

def train(data):
    model = dense_autoencoder([width, 2], loss="mse")
    return model, fit(model, data, batch_size=1024, epochs=1, validation=0.05, progress="none")

train(np.zeros((2000, width), np.float32))  # imports and the memory of BLAS
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + limit,) * 2)
shards = Shards(f"{folder}/*.npy", mixed_blocks=4)
assert shards.nbytes >= limit * times
model, history = train(shards)
assert len(history) == 1 and len(model.evaluate(shards)) == 1
try:
    np.ones(3 * limit, np.uint8)  # the limit is in force
except MemoryError:
    print("flat")
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and RLIMIT_AS")
def test_a_hundred_times_the_limit_of_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path), str(LIMIT), str(TIMES)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "flat\n"), done.stderr
