"""A stand-in for the cuBLAS library: real C functions (ctypes callbacks) that multiply in the fake GPU's memory.

The prototypes of cublas_api.h are repeated here, so a binding that passes arguments in another order or size fails.
Like the real library it does not know arrays, only pointers to column-major matrices with leading dimensions; for wrong
ones it returns a status and no result. On a capturing stream its calls are recorded.
"""

import ctypes
from ctypes import c_int, c_size_t, c_void_p
from types import SimpleNamespace

import numpy as np

from tests.fake_gpu import capture
from tests.fake_gpu.counters import bump
from tests.fake_gpu.streams import by_pointer

SUCCESS, NOT_INITIALIZED, INVALID_VALUE, EXECUTION_FAILED, NOT_SUPPORTED = 0, 1, 7, 13, 15
HOST = 0
REAL = {0: np.float32, 1: np.float64}  # cudaDataType
COMPUTE = {68: 0, 77: 0, 70: 1}  # cublasComputeType_t -> the cudaDataType of its matrices


def matrix(address, dtype, rows, columns, ld):
    """The column-major matrix at an address; None if the memory there is not live."""
    nbytes = ((columns - 1) * ld + rows) * np.dtype(dtype).itemsize
    if not capture.is_live(address, nbytes):
        return None
    flat = np.frombuffer((ctypes.c_char * nbytes).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (flat.itemsize, ld * flat.itemsize))


class Handle:
    """The state behind a cublasHandle_t."""

    def __init__(self):
        self.stream, self.workspace, self.pointer_mode = by_pointer[0], None, HOST

    def queue(self, operation):
        """Execute the operation, or record it if the stream is capturing."""
        capturing = self.stream.capture
        if capturing is None:
            bump("kernels")
            return operation()
        if self.workspace is None:
            return NOT_SUPPORTED  # the real library would allocate here, which is not allowed, or leaks
        capturing.record(lambda: checked(operation()))
        return SUCCESS


def checked(status):
    """Raise if an operation failed on the device, after the call."""
    if status != SUCCESS:
        raise RuntimeError(f"cuBLAS on the fake GPU: status {status} in a launch")


class FakeCublas:
    """The functions, as Python; `library()` makes C functions of them. calls: the compute type of every product."""

    def __init__(self):
        self.handles, self.compute_types = {}, []

    def create(self, out):
        """cublasStatus_t cublasCreate_v2(cublasHandle_t *handle)"""
        number = 0xC0B1A5000 + len(self.handles)  # wider than 32 bits, as pointers are
        self.handles[number] = Handle()
        ctypes.cast(out, ctypes.POINTER(c_void_p))[0] = number
        return SUCCESS

    def destroy(self, handle):
        """cublasStatus_t cublasDestroy_v2(cublasHandle_t handle)"""
        return SUCCESS if self.handles.pop(handle, None) else NOT_INITIALIZED

    def set_stream(self, handle, stream):
        """cublasStatus_t cublasSetStream_v2(handle, cudaStream_t streamId): forgets the workspace"""
        self.handles[handle].stream = by_pointer[stream or 0]
        self.handles[handle].workspace = None
        return SUCCESS

    def set_workspace(self, handle, workspace, size):
        """cublasStatus_t cublasSetWorkspace_v2(handle, void *workspace, size_t workspaceSizeInBytes)"""
        if not capture.is_live(workspace, size):
            return INVALID_VALUE
        self.handles[handle].workspace = workspace
        return SUCCESS

    def gemm(self, handle, flip_a, flip_b, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc,
             compute, algorithm):  # fmt: skip
        """cublasStatus_t cublasGemmEx(…): C = α op(A) op(B) + β C, column-major, op(A) m×k, op(B) k×n, C m×n"""
        owner = self.handles[handle]
        if {a_type, b_type, c_type} != {COMPUTE.get(compute)} or owner.pointer_mode != HOST:
            return NOT_SUPPORTED
        dtype = REAL[c_type]
        shape_a, shape_b = (k, m) if flip_a else (m, k), (n, k) if flip_b else (k, n)
        if min(m, n, k) < 1 or lda < shape_a[0] or ldb < shape_b[0] or ldc < m or algorithm != -1:
            return INVALID_VALUE
        numbers = [np.frombuffer((ctypes.c_char * np.dtype(dtype).itemsize).from_address(p), dtype)[0].copy()
                   for p in (alpha, beta)]  # read now: on the host, α and β go by value  # fmt: skip
        self.compute_types.append(compute)

        def operation():
            first, second = matrix(a, dtype, *shape_a, lda), matrix(b, dtype, *shape_b, ldb)
            out = matrix(c, dtype, m, n, ldc)
            if first is None or second is None or out is None:
                return EXECUTION_FAILED
            left, right = first.T if flip_a else first, second.T if flip_b else second
            with np.errstate(all="ignore"):
                product = np.matmul(right.T, left.T)  # NumPy's own order: the same bits as its a @ b
                out.T[...] = product if numbers == [1, 0] else numbers[0] * product + numbers[1] * out.T
            return SUCCESS

        return owner.queue(operation)


def library(fake=None):
    """An object like ctypes.CDLL("libcublas.so"), of a FakeCublas."""
    fake = fake or FakeCublas()
    i, p = c_int, c_void_p
    prototypes = {
        "cublasCreate_v2": (fake.create, p),
        "cublasDestroy_v2": (fake.destroy, p),
        "cublasSetStream_v2": (fake.set_stream, p, p),
        "cublasSetWorkspace_v2": (fake.set_workspace, p, p, c_size_t),
        "cublasGemmEx": (fake.gemm, p, i, i, i, i, i, p, p, i, i, p, i, i, p, p, i, i, i, i),
    }
    functions = {name: ctypes.CFUNCTYPE(c_int, *types)(f) for name, (f, *types) in prototypes.items()}
    return SimpleNamespace(**functions, fake=fake)
