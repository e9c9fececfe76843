"""Plans of cuBLASLt: the descriptors of one product, and the algorithm that the library chose for it.

cublaslt.py makes one for each epilogue, type and shape, and uses it in every step. All numbers here are those of
cublasLt.h, CUDA 13.0; those of CUDA 12 are the same.
"""

import ctypes
import weakref
from typing import Any

from npae.backend.cublas import WORKSPACE, CublasError, N

EPILOGUES = {"BIAS": 4, "RELU_BIAS": 6, "BGRADA": 256, "BGRADB": 512}  # cublasLtEpilogue_t
TRANSA, TRANSB, EPILOGUE, BIAS_POINTER = 3, 4, 7, 8  # cublasLtMatmulDescAttributes_t
MAX_WORKSPACE_BYTES, MIN_ALIGNMENT = 1, (5, 6, 7, 8)  # cublasLtMatmulPreferenceAttributes_t; of A, B, C, D
MAX_ALIGNMENT = 256  # bytes: no algorithm asks for more

_i, _p, _size, _i64, _u64 = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, ctypes.c_uint64
PROTOTYPES = {
    "cublasLtCreate": (_p,),
    "cublasLtDestroy": (_p,),
    "cublasLtMatmulDescCreate": (_p, _i, _i),
    "cublasLtMatmulDescDestroy": (_p,),
    "cublasLtMatmulDescSetAttribute": (_p, _i, _p, _size),
    "cublasLtMatrixLayoutCreate": (_p, _i, _u64, _u64, _i64),
    "cublasLtMatrixLayoutDestroy": (_p,),
    "cublasLtMatmulPreferenceCreate": (_p,),
    "cublasLtMatmulPreferenceDestroy": (_p,),
    "cublasLtMatmulPreferenceSetAttribute": (_p, _i, _p, _size),
    "cublasLtMatmulAlgoGetHeuristic": (_p, _p, _p, _p, _p, _p, _p, _i, _p, _p),
    "cublasLtMatmul": (_p, _p, _p, _p, _p, _p, _p, _p, _p, _p, _p, _p, _p, _p, _size, _p),
}


class HeuristicResult(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = [
        ("algorithm", ctypes.c_uint64 * 8), ("workspace_size", ctypes.c_size_t), ("state", ctypes.c_int),
        ("waves_count", ctypes.c_float), ("reserved", ctypes.c_int * 4),
    ]  # fmt: skip


def check(library: ctypes.CDLL, name: str, *args: Any) -> None:
    """Call the function. Raises CublasError unless it returns 0.

    Args:
        library: cublasLt.
        name: of the function.
        *args: of the function.
    """
    status = getattr(library, name)(*args)
    if status:
        raise CublasError(f"{name} failed with cuBLAS status {status}. Train without NPAE_EPILOGUES=1.")


class Plan:
    """The descriptors of one product D = op(A) op(B), and the algorithm for it: None if cuBLASLt has none.

    Args:
        library: cublasLt.
        handle: of the library.
        name: of epilogue and type, for CublasLt.granted.
        types: how cuBLAS names the type of all arrays, and how it computes.
        epilogue: one of EPILOGUES.
        shape: (m, n, k) of D (m, n), op(A) (m, k) and op(B) (k, n), stored column by column.
        factors: (flag, leading dimension) of A and of B; flag T: the transpose is stored.
        pointers: the addresses of A, B, D and of the bias or its gradient. The algorithm depends on their alignment.
    """

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p, name: str, types: tuple[int, int], epilogue: str,
                 shape: tuple[int, int, int], factors: tuple[tuple[int, int], ...], pointers: list[int]):  # fmt: skip
        self.name, self._library = name, library
        (kind, compute), (m, n, k), ((flip_a, step_a), (flip_b, step_b)) = types, shape, factors
        self.operation = self._create("MatmulDesc", compute, kind)
        for attribute, value in ((TRANSA, flip_a), (TRANSB, flip_b), (EPILOGUE, EPILOGUES[epilogue])):
            self._set("MatmulDesc", self.operation, attribute, ctypes.c_int32(value))
        self.use_row(pointers[3])
        stored = ((m, k) if flip_a == N else (k, m)), ((k, n) if flip_b == N else (n, k)), (m, n)
        steps = (step_a, step_b, m)
        self.layouts = [self._create("MatrixLayout", kind, *s, step) for s, step in zip(stored, steps, strict=True)]
        preference = self._create("MatmulPreference")
        self._set("MatmulPreference", preference, MAX_WORKSPACE_BYTES, ctypes.c_uint64(WORKSPACE))
        for attribute, pointer in zip(MIN_ALIGNMENT, (*pointers[:3], pointers[2]), strict=True):  # C is D
            self._set("MatmulPreference", preference, attribute, ctypes.c_uint32(alignment(pointer)))
        result, found = HeuristicResult(), ctypes.c_int(0)
        status = library.cublasLtMatmulAlgoGetHeuristic(
            handle, self.operation, *self.layouts, self.layouts[2], preference, 1, ctypes.byref(result),
            ctypes.byref(found),
        )  # fmt: skip
        self.algorithm = None if status or not found.value or result.state else result.algorithm

    def use_row(self, pointer: int) -> None:
        """Set where the bias is read from, or its gradient written to: an address with the plan's alignment."""
        self._set("MatmulDesc", self.operation, BIAS_POINTER, ctypes.c_void_p(pointer))

    def _set(self, kind: str, descriptor: ctypes.c_void_p, attribute: int, value: Any) -> None:
        size = ctypes.sizeof(value)
        check(self._library, f"cublasLt{kind}SetAttribute", descriptor, attribute, ctypes.byref(value), size)

    def _create(self, kind: str, *args: int) -> ctypes.c_void_p:
        descriptor = ctypes.c_void_p()
        check(self._library, f"cublasLt{kind}Create", ctypes.byref(descriptor), *args)
        weakref.finalize(self, getattr(self._library, f"cublasLt{kind}Destroy"), descriptor).atexit = False
        return descriptor


def alignment(address: int) -> int:
    """The largest power of two, at most MAX_ALIGNMENT, that divides the address."""
    return min(address & -address, MAX_ALIGNMENT)
