"""Conformance: every case of the list on the fake GPU, and on the real CuPy where a GPU is usable.

Run it on a machine with a GPU after every upgrade of CuPy. A case that fails there and passes here is a bug of the
double.
"""

import numpy as np
import pytest

from tests.fake_gpu.conformance import ILLEGAL, KERNELS, LEGAL
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.fake_gpu.kernels import NO_COMPILER, available

CASES = [pytest.param(call, expected, id=name) for name, call, expected in LEGAL + ILLEGAL + KERNELS]


@pytest.mark.parametrize(("call", "expected"), CASES)
def test_call(cp, request, call, expected):
    """The result, or the exception, that both must give."""
    if cp is fake_cupy and "kernel" in request.node.name and not available():
        pytest.skip(NO_COMPILER)
    if not isinstance(expected, (np.ndarray, np.generic)):
        with pytest.raises(expected):
            call(cp)
        return
    result = call(cp)
    if isinstance(expected, np.ndarray):
        assert isinstance(result, cp.ndarray)
    result = cp.asnumpy(result)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)


def test_there_are_enough_cases():
    """The list justifies the use of the double, so it must not shrink."""
    assert len(LEGAL) >= 40
    assert len(ILLEGAL) >= 30
    names = [name for name, *_ in LEGAL + ILLEGAL + KERNELS]
    assert len(set(names)) == len(names)
