"""The fixture `cp`: a test that takes it runs on the double, and on the real CuPy where a GPU is usable."""

import functools

import pytest

from tests.fake_gpu.fake_cupy import fake_cupy


@functools.cache
def real_cupy():
    """(cupy, None) or (None, why not)."""
    try:
        import cupy
    except ImportError:
        return None, "cupy is not installed"
    return (cupy, None) if cupy.is_available() else (None, f"cupy {cupy.__version__} finds no usable GPU")


@pytest.fixture(params=["fake", "real"])
def cp(request):
    """The array module under test."""
    if request.param == "fake":
        return fake_cupy
    module, reason = real_cupy()
    if module is None:
        pytest.skip(reason)
    return module
