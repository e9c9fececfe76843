"""Matrix products: NumPy's on the CPU, CuPy's on the GPU, into the given array; TF32 only within its block."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from npae import backend, tf32
from npae.backend import matmul, sum_rows, use_blas, versions
from tests.devices import each_device, each_gpu, on

A = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
B = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)


@each_device
def test_products(device):
    with on(device) as place:
        a, b, out = place.put(A), place.put(B), place.put(np.zeros((3, 5), np.float32))
        assert matmul(a, b, out=out) is out
        np.testing.assert_allclose(place.get(out), A @ B, rtol=1e-6)
        np.testing.assert_allclose(place.get(matmul(b.T, a.T)), (A @ B).T, rtol=1e-6)
        np.testing.assert_allclose(place.get(matmul(a[0], b)), A[0] @ B, rtol=1e-6)


@each_device
def test_the_sum_of_rows(device):
    with on(device) as place:
        sums = sum_rows(place.put(A))
        assert sums.shape == (4,)
        np.testing.assert_allclose(place.get(sums), A.sum(axis=0), rtol=1e-6)


@each_gpu
def test_another_blas_is_used_for_gpu_arrays_in_the_block_and_its_thread_only(device):
    other = SimpleNamespace(matmul=lambda a, b, out=None: "other's")
    elsewhere = []
    with on(device) as place:
        a, b = place.put(A), place.put(B)
        with pytest.raises(ZeroDivisionError), use_blas(other):
            assert matmul(a, b) == "other's"
            np.testing.assert_array_equal(matmul(A, B), A @ B)
            thread = threading.Thread(target=lambda: elsewhere.append(matmul(a, b)))
            thread.start()
            thread.join()
            with use_blas(None):
                np.testing.assert_allclose(place.get(matmul(a, b)), A @ B, rtol=1e-6)
            assert matmul(a, b) == "other's"
            raise ZeroDivisionError
        np.testing.assert_allclose(place.get(matmul(a, b)), A @ B, rtol=1e-6)
        np.testing.assert_allclose(place.get(elsewhere[0]), A @ B, rtol=1e-6)


@each_gpu
def test_tf32_is_on_within_its_block_and_as_before_after_it(device):
    with on(device):
        assert not backend.tf32_is_on()
        with pytest.raises(ZeroDivisionError), tf32():
            assert backend.tf32_is_on() and versions()["gpu"].endswith("TF32 on")
            with tf32(on=False):
                assert not backend.tf32_is_on()
            assert backend.tf32_is_on()
            raise ZeroDivisionError
        assert not backend.tf32_is_on() and versions()["gpu"].endswith("TF32 off")


def test_tf32_changes_nothing_on_the_cpu(monkeypatch):
    monkeypatch.setattr("npae.backend.why_no_gpu", lambda: "CuPy is not installed.")
    with tf32():
        assert not backend.tf32_is_on()
        np.testing.assert_array_equal(matmul(A, B), A @ B)
