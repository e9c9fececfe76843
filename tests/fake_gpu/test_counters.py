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


def counted(call):
    """(launches, new arrays) of a call."""
    with cp.count() as c:
        call()
    return c.kernels, c.allocations


def test_inputs_that_overlap_the_output_are_copied_first():
    """As in CuPy, which compares objects: two views of one memory are two objects."""
    y, other = cp.ones(10, "f"), cp.ones(10, "f")
    part = y[:5]
    assert counted(lambda: cp.maximum(y, other, out=y)) == (1, 0)
    assert counted(lambda: cp.maximum(part, other[:5], out=part)) == (1, 0)
    assert counted(lambda: cp.maximum(y[:5], other[:5], out=y[:5])) == (2, 1)
    assert counted(lambda: cp.maximum(y[1:5], other[:4], out=y[:4])) == (2, 1)
    assert counted(lambda: cp.maximum(y[5:], y[5:], out=y[:5])) == (1, 0)
    y += y[::-1]
    assert y.get().tolist() == [2] * 10


def test_dot_of_vectors_multiplies_into_a_new_array():
    x = cp.ones(100, "f")
    assert counted(lambda: cp.dot(x, x)) == (2, 2)
    assert counted(lambda: x.dot(x, out=cp.empty((), "f"))) == (2, 2)
    assert counted(lambda: cp.dot(x.reshape(10, 10), x.reshape(10, 10))) == (1, 1)


@pytest.mark.parametrize("name", ["sum", "max"])
def test_reductions_along_contiguous_axes_are_copied_to_the_output(name):
    """CUB's device functions have no `out`. Along other axes CuPy's own kernel writes into it."""
    x, rows, columns = cp.ones((4, 5), "f"), cp.empty(4, "f"), cp.empty(5, "f")
    reduce = getattr(cp, name)
    assert counted(lambda: reduce(x, axis=1)) == (1, 1)
    assert counted(lambda: reduce(x, axis=1, out=rows)) == (2, 1)
    assert counted(lambda: getattr(x, name)(axis=1, out=rows)) == (2, 1)
    assert counted(lambda: reduce(x, axis=0, out=columns)) == (1, 0)
    assert counted(lambda: reduce(x.T, axis=0, out=rows)) == (2, 1)
    assert rows.get().tolist() == [5 if name == "sum" else 1] * 4


def test_uniform_numbers_are_copied_to_the_output_and_normal_ones_are_not():
    rng, out = cp.random.default_rng(0), cp.empty(7, "f")
    assert counted(lambda: rng.random(size=7, dtype="f", out=out)) == (2, 1)
    assert counted(lambda: rng.standard_normal(size=7, dtype="f", out=out)) == (1, 0)
    rng.random(dtype="f", out=out)  # without a size one number is drawn, and copied
    assert len(set(out.get().tolist())) == 1


def test_a_generator_is_device_memory():
    pool = cp.get_default_memory_pool()
    before = pool.used_bytes()
    bits = cp.random.Philox4x3210(1, size=65536)
    assert pool.used_bytes() - before == 4 << 20
    del bits
    assert pool.used_bytes() == before
