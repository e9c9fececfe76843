"""The devices that a test runs on: the CPU, the strict fake GPU, and a real GPU where there is one."""

from contextlib import contextmanager
from unittest import mock

import pytest

from npae import backend
from tests.fake_gpu import cublas, kernels
from tests.fake_gpu.fake_cupy import fake_cupy


def _real_gpu_missing():
    return backend.why_no_gpu() or ""


with_fake = pytest.mark.skipif(not kernels.available(), reason="no C++ compiler for the kernels of the fake GPU")
DEVICES = [
    pytest.param("cpu"),
    pytest.param("fake", marks=with_fake),
    pytest.param("gpu", marks=pytest.mark.skipif(bool(_real_gpu_missing()), reason=_real_gpu_missing() or "-")),
]
each_device = pytest.mark.parametrize("device", DEVICES)


class Place:
    """Where a test computes: `name` as npae knows the device, `put` and `get` between it and NumPy."""

    def __init__(self, name, is_fake):
        self.name, self.is_fake = name, is_fake

    def put(self, array):
        """A NumPy array, on the device."""
        return backend.to_device(array, self.name)

    def get(self, array):
        """A device array, as NumPy."""
        return backend.to_device(array, "cpu")

    @contextmanager
    def no_waiting(self):
        """The block must neither wait for the device nor send it anything; what is counted only on the fake."""
        if not self.is_fake:
            yield
            return
        with fake_cupy.count() as counted:
            yield
        assert (counted.syncs, counted.uploads) == (0, 0), f"a step waits or uploads: {counted}"


@contextmanager
def on(device):
    """The Place for one of DEVICES, while the block runs."""
    if device == "fake":
        with backend.replace_gpu_module(fake_cupy), mock.patch("npae.backend.cublas.load", cublas.library):
            yield Place("gpu", True)
    else:
        yield Place(device, False)
