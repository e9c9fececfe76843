"""Tasks: every piece is computed once, whatever workers do."""

import pytest

from tests.backend.several_threads import needs_a_pool, run


@needs_a_pool
@pytest.mark.parametrize("threads", [2, 5])
def test_every_piece_is_computed_once_while_workers_sleep_and_wake_up(threads):
    """Twenty thousand tasks of up to `threads` pieces, which count how often they were computed; pauses in between."""
    assert run("""
import numba
from numba import types
from npae.backend.pool import task
from npae.backend.pool.atomics import add, load, store
pool = turn.Pool(thread_count() - 1, blas)
counts = np.zeros(64, np.int64)
@numba.cfunc(types.void(types.int64, types.int64))
def piece(i, at):
    add(load(at) + 8 * i, 1)
address, place = piece.address, counts.ctypes.data
@numba.njit(nogil=True)
def one(at, pieces):
    store(at + task.FUNCTION, address)
    store(at + task.ARGUMENTS, place)
    task.run_task(at, pieces)
total = np.zeros(64, np.int64)
for k in range(20_000):
    pieces = 1 + k % (2 * thread_count())
    one(pool.task, pieces)
    total[:pieces] += 1
    if k % 1000 == 0:
        time.sleep(0.002)  # workers fall asleep
    assert (counts == total).all(), (k, counts, total)
pool.stop()
print(total.sum() == counts.sum(), total[0])
""", threads=threads) == "True 20000\n"  # fmt: skip
