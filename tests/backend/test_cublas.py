"""The cuBLAS binding: every layout of the factors, in both precisions, against NumPy.

The stand-in for the library multiplies in memory by pointers, flags and leading dimensions, so wrong arguments give
wrong products. On a real GPU the same cases go to cuBLAS itself and are compared with CuPy's own products.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from npae import tf32
from npae.backend import Cublas, cublas, gpu_module
from npae.backend.cublas import COMPUTE_32F, COMPUTE_32F_FAST_TF32, COMPUTE_64F, CublasError
from tests.devices import each_gpu, on
from tests.fake_gpu.fake_cupy import fake_cupy

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}

LAYOUTS = {  # how a matrix (m, n) lies in memory: functions of `put`, which moves an array to the device
    "rows": lambda put, m, n: put(random(m, n)),
    "transposed": lambda put, m, n: put(random(n, m)).T,
    "part of wider rows": lambda put, m, n: put(random(m, n + 3))[:, 1 : n + 1],
    "transposed part": lambda put, m, n: put(random(n, m + 2))[:, 2:].T,
    "every second row": lambda put, m, n: put(random(2 * m, n))[::2],
    "every second column": lambda put, m, n: put(random(m, 2 * n))[:, ::2],
    "last row first": lambda put, m, n: put(random(m, n))[::-1],
    "sliding windows": lambda put, m, n: gpu_module().lib.stride_tricks.sliding_window_view(put(random(m + n - 1)), n),
    "one row again and again": lambda put, m, n: gpu_module().broadcast_to(put(random(n)), (m, n)),
}


def random(*shape):
    return np.random.default_rng(shape).standard_normal(shape)


def start():
    """A Cublas on the current stream."""
    xp = gpu_module()
    return Cublas(xp).on(xp.cuda.get_current_stream())


@each_gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("layout_b", LAYOUTS)
@pytest.mark.parametrize("layout_a", LAYOUTS)
def test_products_of_all_layouts(device, layout_a, layout_b, dtype):
    with on(device) as place:
        blas = start()
        for m, k, n in ((3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1)):
            a = LAYOUTS[layout_a](lambda x: place.put(x.astype(dtype)), m, k)
            b = LAYOUTS[layout_b](lambda x: place.put(x.astype(dtype)), k, n)
            expected = place.get(a) @ place.get(b)
            memory = gpu_module().zeros(m * n + 2, dtype)
            out = memory[1:-1].reshape(m, n)
            assert blas.matmul(a, b, out=out) is out
            np.testing.assert_allclose(place.get(out), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
            assert place.get(memory)[[0, -1]].tolist() == [0, 0], "written outside of the result"
            new = blas.matmul(a, b)
            assert (new.shape, new.dtype) == ((m, n), dtype)
            np.testing.assert_array_equal(place.get(new), place.get(out))


@pytest.mark.parametrize("layout", list(LAYOUTS)[:5])
def test_rows_columns_and_parts_are_multiplied_without_a_copy(layout):
    with on("fake") as place:
        blas = start()
        for m, n in ((3, 4), (1, 4), (3, 1)):
            a, out = LAYOUTS[layout](place.put, m, n), place.put(np.zeros((m, m)))
            vector, row = place.put(random(n)), place.put(np.zeros(m))
            with fake_cupy.count() as counted:
                blas.matmul(a, a.T, out=out)
                blas.matmul(vector, a.T, out=row)
                blas.matmul(vector[None], a.T, out=row[None])
            assert (counted.allocations, counted.kernels) == (0, 3)


@each_gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_vectors(device, dtype):
    with on(device) as place:
        blas = start()
        x, W = random(4).astype(dtype), random(4, 3).astype(dtype)
        row, out = blas.matmul(place.put(x), place.put(W)), place.put(np.zeros(3, dtype))
        assert row.shape == (3,) and blas.matmul(place.put(x), place.put(W), out=out) is out
        np.testing.assert_allclose(place.get(row), x @ W, rtol=TOLERANCE[dtype])
        np.testing.assert_array_equal(place.get(out), place.get(row))
        np.testing.assert_allclose(place.get(blas.matmul(place.put(W).T, place.put(W))), W.T @ W, rtol=1e-5)


@each_gpu
def test_large_products_are_cupys(device):
    with on(device) as place:
        a, b = (place.put(random(*shape).astype("float32")) for shape in ((200, 784), (784, 100)))
        ours, cupys = start().matmul(a, b), gpu_module().matmul(a, b)
        np.testing.assert_allclose(place.get(ours), place.get(cupys), rtol=1e-4, atol=1e-4)
        if not place.is_fake:
            with tf32():
                rough, cupys = place.get(start().matmul(a, b)), place.get(gpu_module().matmul(a, b))
            difference = np.abs(rough - place.get(ours)).max()
            assert 1e-4 < difference < 0.5, "TF32 rounds to three digits: not more, not less"
            np.testing.assert_allclose(rough, cupys, rtol=1e-3, atol=1e-3)


def test_the_precision_of_the_computation():
    with on("fake") as place:
        blas = start()
        calls = blas._library.fake.compute_types
        x32, x64 = place.put(np.ones((2, 2), "f")), place.put(np.ones((2, 2)))
        blas.matmul(x32, x32)
        with tf32():
            blas.matmul(x32, x32)
            blas.matmul(x64, x64)
            with tf32(on=False):
                blas.matmul(x32, x32)
        blas.matmul(x32, x32)
    assert calls == [COMPUTE_32F, COMPUTE_32F_FAST_TF32, COMPUTE_64F, COMPUTE_32F, COMPUTE_32F]


@each_gpu
def test_arguments_that_cannot_be_multiplied(device):
    with on(device) as place:
        blas = start()
        a, b = place.put(random(3, 4)), place.put(random(4, 5))
        strided = place.put(random(3, 10))[:, ::2]
        for wrong in ((a, a), (a, b[0]), (a, b, place.put(random(3, 4))), (a, b, strided)):
            with pytest.raises(ValueError, match=r"expected shapes \(m, k\), \(k, n\), \(m, n\), got \(3, 4\)"):
                blas.matmul(*wrong)
        for other in ("float32", "float16"):
            with pytest.raises(TypeError, match=f"all of float32 or all of float64, got .*{other}"):
                blas.matmul(a.astype("float16") if other == "float16" else a, b.astype(other))


def test_an_error_status_becomes_one_sentence():
    with on("fake") as place:
        blas, x = start(), place.put(random(2, 2))
        blas._library.fake.handles[blas._handle.value].pointer_mode = 1
        with pytest.raises(CublasError, match="^cublasGemmEx failed with cuBLAS status 15. Train without graph=True.$"):
            blas.matmul(x, x)


def test_the_handle_and_its_workspace_are_freed():
    with on("fake"):
        blas = start()
        handles = blas._library.fake.handles
        (handle,) = handles.values()
        assert handle.workspace == blas._workspace.data.ptr
        assert blas._workspace.nbytes == cublas.WORKSPACE
        del blas
        assert not handles



def pathfinder(monkeypatch, path):
    """A cuda.pathfinder that finds every library at this path."""
    module = ModuleType("cuda.pathfinder")
    module.load_nvidia_dynamic_lib = lambda name: SimpleNamespace(abs_path=path)
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", module)


def test_a_library_without_a_path_raises_runtime_error(monkeypatch):
    pathfinder(monkeypatch, None)
    with pytest.raises(RuntimeError, match="^cublas: expected the library's path from cuda.pathfinder, got None"):
        cublas.load("cublas")


def test_a_library_without_one_of_the_functions_raises_runtime_error(monkeypatch):
    monkeypatch.setattr(cublas, "load", lambda name: SimpleNamespace())
    with pytest.raises(RuntimeError, match="^cublas: the installed library has no function cublasCreate_v2. Update"):
        Cublas(None)


@pytest.mark.parametrize("name", ["cublas", "cublasLt"])
def test_a_missing_library_raises(name):
    pathfinder = pytest.importorskip("cuda.pathfinder")
    try:
        pathfinder.load_nvidia_dynamic_lib(name)
    except RuntimeError:
        with pytest.raises(RuntimeError, match=name):
            cublas.load(name)
    else:
        assert cublas.load(name) is not None
