"""The devices that a test runs on: the CPU, the strict fake GPU, and a real GPU where there is one."""

from contextlib import contextmanager
from unittest import mock

import pytest

from npae import backend
from tests.fake_gpu import cublaslt, kernels
from tests.fake_gpu.fake_cupy import fake_cupy


def not_here(reason):
    """The mark of tests that cannot run for this reason: tests/conftest.py takes them out and counts them."""
    return [pytest.mark.not_here(reason=reason)] if reason else []


NO_FAKE = None if kernels.available() else f"on the fake GPU ({kernels.NO_COMPILER})"
NO_GPU = f"on a real GPU ({backend.why_no_gpu().rstrip('.')})" if backend.why_no_gpu() else None
DEVICES = [
    pytest.param("cpu"),
    pytest.param("fake", marks=not_here(NO_FAKE)),
    pytest.param("gpu", marks=not_here(NO_GPU)),
]
each_device = pytest.mark.parametrize("device", DEVICES)
each_gpu = pytest.mark.parametrize("device", DEVICES[1:])


def with_fake(test):
    """The test needs the kernels of the fake GPU."""
    for mark in not_here(NO_FAKE):
        test = mark(test)
    return test


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
        with backend.replace_gpu_module(fake_cupy), mock.patch("npae.backend.cublas.load", cublaslt.load):
            yield Place("gpu", True)
    else:
        yield Place(device, False)
