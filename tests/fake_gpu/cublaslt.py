"""A stand-in for the cuBLASLt library: descriptors, a heuristic that grants some epilogues, and the products.

As in cublas.py, these are real C functions, with the prototypes of cublasLt.h: they know pointers, numbers and sizes of
attributes, not arrays. What the real library rejects returns a status here. `refused` is a set of (epilogue, dtype) for
which the heuristic has no algorithm. It never has one for BGRADA with Aᵀ, nor for BGRADB with B not transposed.
"""

import ctypes
from ctypes import c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from types import SimpleNamespace

import numpy as np

from tests.fake_gpu import cublas
from tests.fake_gpu.counters import bump
from tests.fake_gpu.cublas import (
    COMPUTE,
    EXECUTION_FAILED,
    INVALID_VALUE,
    NOT_INITIALIZED,
    NOT_SUPPORTED,
    REAL,
    SUCCESS,
    checked,
    matrix,
)
from tests.fake_gpu.streams import by_pointer

BIAS, RELU_BIAS, BGRADA, BGRADB = 4, 6, 256, 512
NAMES = {BIAS: "BIAS", RELU_BIAS: "RELU_BIAS", BGRADA: "BGRADA", BGRADB: "BGRADB"}
SIZES = {  # attributes and the type of their values
    "MatmulDesc": {3: c_int32, 4: c_int32, 7: c_uint32, 8: c_uint64},
    "MatmulPreference": {1: c_uint64, 5: c_uint32, 6: c_uint32, 7: c_uint32, 8: c_uint32},
}
MAGIC = 0xA160  # in every algorithm that the heuristic returns
WORKSPACE = 4 * 2**20  # bytes that every algorithm needs
ALIGNMENT = 4  # bytes that every algorithm needs of every pointer


class FakeCublasLt:
    """The functions, as Python. products: (epilogue, compute type) of every product; objects: all descriptors alive."""

    def __init__(self, refused=()):
        self.refused, self.objects, self.products, self.asked, self._count = set(refused), {}, [], [], 0

    def _new(self, out, kind, **values):
        self._count += 1
        number = 0xC0B1A5170000 + self._count
        self.objects[number] = SimpleNamespace(kind=kind, attributes={}, **values)
        ctypes.cast(out, ctypes.POINTER(c_void_p))[0] = number
        return SUCCESS

    def create(self, out):
        """cublasStatus_t cublasLtCreate(cublasLtHandle_t *lightHandle)"""
        return self._new(out, "handle")

    def destroy(self, number):
        """cublasStatus_t cublasLtDestroy(handle), and the same of every descriptor"""
        return SUCCESS if self.objects.pop(number, None) else NOT_INITIALIZED

    def new_operation(self, out, compute, scale):
        """cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *, cublasComputeType_t, cudaDataType_t)"""
        return self._new(out, "MatmulDesc", compute=compute, scale=scale)

    def new_layout(self, out, dtype, rows, columns, ld):
        """cublasStatus_t cublasLtMatrixLayoutCreate(…*, cudaDataType, uint64_t rows, uint64_t cols, int64_t ld)"""
        return self._new(out, "MatrixLayout", dtype=dtype, shape=(rows, columns), ld=ld)

    def new_preference(self, out):
        """cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *)"""
        return self._new(out, "MatmulPreference")

    def set_attribute(self, number, attribute, value, size):
        """cublasStatus_t cublasLt…SetAttribute(descriptor, attribute, const void *buf, size_t sizeInBytes)"""
        target = self.objects.get(number)
        kind = SIZES.get(getattr(target, "kind", None), {}).get(attribute)
        if kind is None or size != ctypes.sizeof(kind):
            return INVALID_VALUE
        target.attributes[attribute] = kind.from_address(value).value
        return SUCCESS

    def _is_possible(self, operation, a, b, c, d):
        """Do the descriptors fit together?"""
        flip_a, flip_b = (operation.attributes.get(k, 0) for k in (3, 4))
        m, k = a.shape[::-1] if flip_a else a.shape
        n = (b.shape if flip_b else b.shape[::-1])[0]
        kinds = {x.dtype for x in (a, b, c, d)} | {operation.scale, COMPUTE.get(operation.compute)}
        return (
            len(kinds) == 1 and d.shape == c.shape == (m, n) and (b.shape[::-1] if flip_b else b.shape) == (k, n)
            and all(x.ld >= x.shape[0] for x in (a, b, c, d)) and min(m, n, k) > 0
        )  # fmt: skip

    def heuristic(self, handle, operation, a, b, c, d, preference, requested, results, found):
        """cublasStatus_t cublasLtMatmulAlgoGetHeuristic(handle, operation, A, B, C, D, preference, int, …[], int *)"""
        if handle not in self.objects or requested < 1:
            return INVALID_VALUE
        operation, *layouts = (self.objects[x] for x in (operation, a, b, c, d))
        if not self._is_possible(operation, *layouts):
            return INVALID_VALUE
        wanted, epilogue = self.objects[preference].attributes, operation.attributes.get(7)
        flips = [operation.attributes.get(k, 0) for k in (3, 4)]
        self.asked.append((NAMES.get(epilogue), str(np.dtype(REAL[layouts[0].dtype]))))
        granted = (
            self.asked[-1] not in self.refused and epilogue in NAMES and operation.attributes.get(8)
            and wanted.get(1, 0) >= WORKSPACE and min(wanted.get(k, 256) for k in (5, 6, 7, 8)) >= ALIGNMENT
            and not (epilogue == BGRADA and flips[0]) and not (epilogue == BGRADB and not flips[1])
        )  # fmt: skip
        ctypes.cast(found, ctypes.POINTER(c_int))[0] = int(bool(granted))
        if not granted:
            return NOT_SUPPORTED
        numbers = (c_uint64 * 9).from_address(results)  # algorithm (8 numbers), workspaceSize
        numbers[0], numbers[1], numbers[8] = MAGIC, epilogue, WORKSPACE
        (c_int * 6).from_address(results + 72)[:] = [0] * 6  # state, wavesCount, reserved: 96 bytes in all
        return SUCCESS

    def matmul(self, handle, operation, alpha, a, a_layout, b, b_layout, beta, c, c_layout, d, d_layout, algorithm,
               workspace, size, stream):  # fmt: skip
        """cublasStatus_t cublasLtMatmul(…): D = epilogue(α op(A) op(B) + β C)"""
        operation, *layouts = (self.objects[x] for x in (operation, a_layout, b_layout, c_layout, d_layout))
        first, second, _, result = layouts
        epilogue, row = (operation.attributes.get(k) for k in (7, 8))
        dtype = np.dtype(REAL[result.dtype])
        if handle not in self.objects or not self._is_possible(operation, *layouts) or (c, c_layout) != (d, d_layout):
            return INVALID_VALUE
        if list((c_uint64 * 2).from_address(algorithm)) != [MAGIC, epilogue] or size < WORKSPACE:
            return INVALID_VALUE
        if any(p % dtype.itemsize for p in (a, b, d, row)) or not cublas.capture.is_live(workspace, size):
            return INVALID_VALUE
        if [np.frombuffer((ctypes.c_char * dtype.itemsize).from_address(p), dtype)[0] for p in (alpha, beta)] != [1, 0]:
            return INVALID_VALUE
        self.products.append((NAMES[epilogue], operation.compute))
        flip_a, flip_b = (operation.attributes.get(k, 0) for k in (3, 4))
        length = result.shape[epilogue == BGRADB]

        def run():
            left, right = matrix(a, dtype, *first.shape, first.ld), matrix(b, dtype, *second.shape, second.ld)
            out, vector = matrix(d, dtype, *result.shape, result.ld), matrix(row, dtype, 1, length, 1)
            if left is None or right is None or out is None or vector is None:
                return EXECUTION_FAILED
            left, right = left.T if flip_a else left, right.T if flip_b else right
            with np.errstate(all="ignore"):
                product = np.matmul(right.T, left.T)  # Dᵀ, in NumPy's own order: the same bits as its a @ b
                if epilogue in (BIAS, RELU_BIAS):
                    product = product + vector
                if epilogue == RELU_BIAS:
                    product = np.where(product > 0, product, 0)  # NaN becomes 0, as in the real library
                sums = {BGRADA: lambda: left.sum(axis=1), BGRADB: lambda: right.sum(axis=0)}
                out.T[...] = product
                if epilogue in sums:
                    vector[0] = sums[epilogue]()
            return SUCCESS

        capturing = by_pointer[stream or 0].capture
        if capturing is None:
            bump("kernels")
            return run()
        capturing.record(lambda: checked(run()))
        return SUCCESS


def library(fake=None):
    """An object like ctypes.CDLL("libcublasLt.so"), of a FakeCublasLt."""
    fake = fake or FakeCublasLt()
    i, p, size = c_int, c_void_p, c_size_t
    prototypes = {
        "cublasLtCreate": (fake.create, p),
        "cublasLtDestroy": (fake.destroy, p),
        "cublasLtMatmulDescCreate": (fake.new_operation, p, i, i),
        "cublasLtMatmulDescDestroy": (fake.destroy, p),
        "cublasLtMatmulDescSetAttribute": (fake.set_attribute, p, i, p, size),
        "cublasLtMatrixLayoutCreate": (fake.new_layout, p, i, c_uint64, c_uint64, c_int64),
        "cublasLtMatrixLayoutDestroy": (fake.destroy, p),
        "cublasLtMatmulPreferenceCreate": (fake.new_preference, p),
        "cublasLtMatmulPreferenceDestroy": (fake.destroy, p),
        "cublasLtMatmulPreferenceSetAttribute": (fake.set_attribute, p, i, p, size),
        "cublasLtMatmulAlgoGetHeuristic": (fake.heuristic, p, p, p, p, p, p, p, i, p, p),
        "cublasLtMatmul": (fake.matmul, p, p, p, p, p, p, p, p, p, p, p, p, p, p, size, p),
    }
    functions = {name: ctypes.CFUNCTYPE(c_int, *types)(f) for name, (f, *types) in prototypes.items()}
    return SimpleNamespace(**functions, fake=fake)


def load(name):
    """In the place of npae.backend.cublas.load: the stand-in for the library of that name."""
    return {"cublas": cublas.library, "cublasLt": library}[name]()
