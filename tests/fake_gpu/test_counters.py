"""Counters of the fake GPU: synchronisations and uploads, which a training step must not make; launches, allocations.

Each way of reading a value or of bringing host memory over is counted exactly once.
"""

import pickle

import numpy as np
import pytest

from tests.fake_gpu.fake_cupy import fake_cupy as cp

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def x():
    """X on the fake device."""
    return cp.asarray(X)


READS = {
    "float": float,
    "int": int,
    "bool": bool,
    "repr": repr,
    "str": str,
    "format": lambda a: f"{a:.3f}",
    "asnumpy": cp.asnumpy,
    "item": lambda a: a.item(),
    "get": lambda a: a.get(),
    "tolist": lambda a: a.tolist(),
    "pickle": pickle.dumps,
    "nonzero": lambda a: a.reshape(1).nonzero(),
    "where of one": lambda a: cp.where(a.reshape(1) > 0),
    "read by a mask": lambda a: a[a > 0],
    "fill with a device scalar": lambda a: a.fill(a),
    "stream": lambda a: cp.cuda.get_current_stream().synchronize(),
    "device": lambda a: cp.cuda.Device().synchronize(),
    "if": lambda a: 1 if a > 0 else 2,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reads_are_synchronisations(read):
    """Each way of getting a value, or of waiting, counts exactly once."""
    a = cp.ones((), "f")
    with cp.count() as c:
        read(a)
    assert (c.syncs, c.uploads) == (1, 0)


@pytest.mark.parametrize(
    "upload",
    [lambda a: cp.asarray(X), lambda a: cp.array([1, 2]), lambda a: a.set(X), lambda a: a[np.array([0, 1])],
     lambda a: a[[1, 0]], lambda a: cp.take(a, np.array([1]), axis=0), lambda a: cp.array(3.0),
     lambda a: a.__setitem__([0, 1], 2)],
)  # fmt: skip
def test_uploads_are_counted(x, upload):
    """Each way of bringing host memory over counts exactly once, and waits for nothing."""
    with cp.count() as c:
        upload(x)
    assert (c.uploads, c.syncs) == (1, 0)


def test_a_step_counts_launches_but_no_transfer(x):
    """Arithmetic, views and `out=` neither wait nor upload; views launch nothing."""
    y, before = cp.empty((2, 2), "f"), cp.counters.kernels
    with cp.count() as c:
        cp.matmul(x, x.T, out=y)
        y += 1
        cp.maximum(y, 0, out=y)
    assert (c.kernels, c.syncs, c.uploads, c.allocations) == (3, 0, 0, 0)
    assert cp.counters.kernels == before + 3
    with cp.count() as c:
        x.T, x[0], x.reshape(3, 2), x.ravel(), x[:, None], cp.broadcast_to(x, (4, 2, 3)), x[0, 0], x.dtype, x.flags
    assert (c.kernels, c.allocations) == (0, 0)
