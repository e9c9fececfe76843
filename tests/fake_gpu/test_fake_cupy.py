"""The double: NaN in uninitialised memory, views, no silent copies; what npae relies on.

The conformance list has what CuPy does; this file has what only the double does.
"""

import copy
import pickle

import numpy as np
import pytest

from tests.fake_gpu import api
from tests.fake_gpu.fake_cupy import fake_cupy as cp

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def x():
    """X on the fake device."""
    return cp.asarray(X)


def test_empty_memory_is_nan():
    """Reading uninitialised memory gives NaN."""
    assert np.isnan(cp.empty((2, 2), "f").get()).all()
    assert np.isnan(cp.empty_like(cp.ones(3)).get()).all()
    assert np.isnan(cp.ndarray(3).get()).all()


def test_views_share_memory_as_numpys_do(x):
    """Slices, reshapes, transposes and 0-d items are views; writing through one changes the others."""
    flat = cp.zeros(6, "f")
    W = flat[:6].reshape(2, 3)
    W[...] = x
    W.T[2, 1] = -1
    W[0, 0] += 8
    item = W[1, 1]
    item[...] = 9
    np.testing.assert_array_equal(flat.get(), [8, 1, 2, 3, 9, -1])
    assert W.base is flat
    assert flat.base is None
    assert W.data.ptr == flat.data.ptr
    assert W[1].data.ptr == flat.data.ptr + 12
    assert cp.may_share_memory(W, flat)
    assert not cp.may_share_memory(W, W.copy())
    assert flat.ravel().base is flat
    assert W.T.flatten().base is None


def test_attributes(x):
    """The attributes of an array."""
    assert (x.shape, x.ndim, x.size, x.nbytes, x.itemsize, x.strides) == ((2, 3), 2, 6, 24, 4, (12, 4))
    assert (len(x), x.dtype, x.T.shape) == (2, np.float32, (3, 2))
    assert x.flags.c_contiguous
    assert not x.T.flags["C_CONTIGUOUS"]
    assert [row.shape for row in x] == [(3,), (3,)]
    assert x.device == cp.cuda.Device(0)
    with pytest.raises(TypeError):
        hash(x)


def test_no_silent_conversion(x):
    """NumPy cannot read the memory by any of the usual ways."""
    for convert in (np.asarray, np.array, np.float64, lambda a: np.zeros((2, 3)) + a, lambda a: np.array([a, a])):
        with pytest.raises(TypeError):
            convert(x)
    with pytest.raises(TypeError, match=r"Please use `\.get\(\)`"):
        np.asarray(x)
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy\.ndarray'>"):
        x * X
    host = X.copy()
    with pytest.raises(TypeError):
        host[...] = x
    for call in (cp.sum, cp.matmul, cp.reshape, cp.stack, cp.linalg.norm):
        with pytest.raises(TypeError):
            call(X) if call is not cp.matmul else call(X, X.T)


def test_legal_and_missing_names():
    """Legal names resolve; names that CuPy does not have raise; names that only the double lacks raise when called."""
    for section in ("functions", "ufuncs", "classes", "numpy"):
        for name in api.SNAPSHOT[section]:
            if not name.startswith("cuda."):
                thing = cp
                for part in name.split("."):
                    thing = getattr(thing, part)
    with pytest.raises(AttributeError, match=r"NumPy may have it"):
        cp.vecdot  # noqa: B018
    with pytest.raises(AttributeError, match=r"snapshot\.NAMES"):
        cp.no_such_thing  # noqa: B018
    with pytest.raises(NotImplementedError):
        cp.RawModule(code="")
    assert cp.float32 is np.float32
    assert cp.__version__.endswith("+fake")


def test_out_of_range_indices_raise(x):
    """In an index expression. A GPU would wrap around silently, as `take` does here too."""
    far = cp.asarray([5])
    for call in (lambda: x[far], lambda: x[:, far], lambda: x.__setitem__(far, 0)):
        with pytest.raises(IndexError):
            call()


def test_copies(x):
    """copy, deepcopy and pickle give independent arrays; astype(copy=False) the same one."""
    for other in (x.copy(), copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.astype("f")):
        other += 1
        np.testing.assert_array_equal(x.get(), X)
    assert x.astype("f", copy=False) is x
    assert cp.asarray(x) is x
    assert cp.ascontiguousarray(x) is x
    assert cp.ascontiguousarray(x.T).flags.c_contiguous
    assert cp.array(x) is not x


def test_random_numbers():
    """Seeds from numpy's SeedSequence or an int; float32; writing into out; refusing what CuPy refuses."""

    def draw(seed):
        return cp.random.Generator(cp.random.Philox4x3210(seed, size=64)).standard_normal(1000, "f").get()

    assert abs(draw(1).mean()) < 0.2
    assert draw(1).dtype == np.float32
    np.testing.assert_array_equal(draw(np.random.SeedSequence([1, 2])), draw(np.random.SeedSequence([1, 2])))
    assert (draw(1) != draw(2)).any()
    rng, out = cp.random.default_rng(3), cp.empty((2, 3), "f")
    with cp.count() as c:
        assert rng.random(out=out, dtype="f") is out
        rng.integers(0, 5, size=3)
    assert (c.syncs, c.uploads) == (0, 0)
    with cp.count() as c:
        rng.uniform(0, 1, 3, "f")
    assert c.uploads == 1
    with pytest.raises(TypeError):
        rng.standard_normal(3, "i")
    with pytest.raises(TypeError):
        cp.random.Generator(np.random.Philox(1))


def test_gemm_accumulates(x):
    """cublas.gemm adds alpha op(a) op(b) to beta out, into a view too."""
    flat = cp.ones(9, "f")
    cp.cublas.gemm("T", "N", x, x, out=flat.reshape(3, 3), alpha=2.0, beta=1.0)
    np.testing.assert_allclose(flat.get().reshape(3, 3), 2 * X.T @ X + 1)


def test_device_module():
    """The parts of cupy.cuda that npae uses."""
    assert cp.is_available()
    assert cp.cuda.runtime.getDeviceCount() == 1
    assert cp.cuda.runtime.getDeviceProperties(0)["name"] == b"Fake GPU"
    free, total = cp.cuda.runtime.memGetInfo()
    assert 0 < free <= total
    start, end = cp.cuda.Event(), cp.cuda.Event()
    start.record()
    end.record()
    assert cp.cuda.get_elapsed_time(start, end) >= 0
    with pytest.raises(AttributeError):
        cp.cuda.cudnn  # noqa: B018


def test_take_wraps_around():
    """An index out of range is taken modulo the length, as on a GPU."""
    np.testing.assert_array_equal(cp.take(cp.arange(4), cp.asarray([0, 5, -1])).get(), [0, 1, 3])


@pytest.mark.parametrize(("shape", "k"), [((3, 10), 4), ((300, 40), 39), ((64, 700), 30), ((2, 3000), 2999)])
def test_partition_leaves_the_kth_in_its_place(shape, k):
    """Whatever the order of the others: CuPy sorts some shapes and partitions others."""
    x = np.random.default_rng(0).standard_normal(shape).astype("f")
    y, expected = cp.asarray(x), np.sort(x, axis=1)
    y.partition(k, axis=1)
    y = y.get()
    np.testing.assert_array_equal(y[:, k], expected[:, k])
    np.testing.assert_array_equal(np.sort(y[:, :k], axis=1), expected[:, :k])
    np.testing.assert_array_equal(np.sort(y[:, k:], axis=1), expected[:, k:])
