"""The fixture `cp`: a test that takes it runs on the double, and on the real CuPy where a GPU is usable."""

import pytest

from npae.backend import gpu_module
from tests.devices import NO_GPU, not_here
from tests.fake_gpu.fake_cupy import fake_cupy


@pytest.fixture(params=["fake", pytest.param("real", marks=not_here(NO_GPU))])
def cp(request):
    """The array module under test."""
    return fake_cupy if request.param == "fake" else gpu_module()
