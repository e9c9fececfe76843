"""NumPy's OpenBLAS: its threads can be counted and set; without it there is None."""

import numpy as np
import pytest

from npae.backend import openblas as file
from npae.backend.openblas import OpenBLAS, openblas

needs_openblas = pytest.mark.skipif(openblas() is None, reason="NumPy has another BLAS.")


@needs_openblas
def test_the_number_of_threads_is_set_and_read():
    blas = openblas()
    before = blas.get_threads()
    try:
        blas.set_threads(1)
        assert blas.get_threads() == 1
    finally:
        blas.set_threads(before)
    assert blas.get_threads() == before


@needs_openblas
def test_the_two_products_have_addresses_of_their_own():
    float32, float64 = (openblas().gemm(np.dtype(t)) for t in (np.float32, np.float64))
    assert float32 and float64 and float32 != float64


def test_a_library_without_these_functions_is_not_used():
    with pytest.raises(AttributeError):
        OpenBLAS(object(), "")


def test_without_the_library_there_is_none(monkeypatch):
    monkeypatch.setattr(file, "PLACES", ())
    assert openblas.__wrapped__() is None
