"""Several devices: the current one, arrays and streams that belong to one, memory counted for each."""

import numpy as np
import pytest

from tests.fake_gpu import current
from tests.fake_gpu.fake_cupy import fake_cupy as cp


@pytest.fixture
def two():
    """Two devices while the test runs."""
    with current.several(2):
        yield


def test_there_is_one_device_unless_more_are_asked_for(two):
    assert cp.cuda.runtime.getDeviceCount() == 2
    cp.cuda.Device(1).use()
    assert (cp.cuda.Device().id, cp.cuda.runtime.getDevice(), cp.cuda.get_device_id()) == (1, 1, 1)
    with cp.cuda.Device(0):
        assert cp.cuda.Device().id == 0
    assert cp.cuda.Device().id == 1
    with pytest.raises(RuntimeError, match="InvalidDevice"):
        cp.cuda.Device(2)


def test_afterwards_there_is_one_again():
    with current.several(3):
        cp.cuda.Device(2).use()
    assert (cp.cuda.runtime.getDeviceCount(), cp.cuda.Device().id) == (1, 0)
    with pytest.raises(RuntimeError, match="InvalidDevice"):
        cp.cuda.Device(1)


USES = {
    "operator": lambda x: x + 1,
    "function": lambda x: cp.sum(x),
    "out": lambda x: cp.add(1, 2, out=x),
    "index": lambda x: x[0],
    "assignment": lambda x: x.__setitem__(0, 1),
    "fill": lambda x: x.fill(0),
    "product": lambda x: x @ x,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_arrays_of_another_device_are_refused(two, use):
    """CuPy asks for peer access, which not every machine has. Reading on the host is allowed anywhere."""
    x = cp.zeros(3, "f")
    with cp.cuda.Device(1):
        with pytest.raises(ValueError, match=r"resides \(0\) is different from the current device \(1\)"):
            use(x)
        np.testing.assert_array_equal(x.get(), 0)
    assert x.device.id == x[1:].device.id == x.data.device_id == 0


def test_pools_and_streams_belong_to_a_device(two):
    pool, stream = cp.cuda.MemoryPool(), cp.cuda.Stream(non_blocking=True)
    with cp.cuda.Device(1), cp.cuda.using_allocator(pool.malloc):
        x = cp.zeros(100, "f")
        assert pool.used_bytes() == 400 and x.device.id == 1
        with pytest.raises(RuntimeError, match=r"created on \(0\) does not match with the current device \(1\)"):
            stream.__enter__()
    assert pool.used_bytes() == 0
