"""Matrix products by cuBLAS, called through ctypes: for training steps that are captured as a CUDA graph.

CuPy refuses to call cuBLAS while a stream is capturing. cuBLAS itself allows it, if it is given a workspace beforehand.
While a step is captured, `matmul` of npae.backend.products calls `Cublas.matmul`. It is tested against a stand-in for
the library and has not yet run on a real GPU.

cuBLAS stores a matrix column by column, npae row by row. So the memory of our X is, to cuBLAS, Xᵀ. Asked for

    Cᵀ = Bᵀ Aᵀ        with the memory of B first and of A second, as they are,

it writes C = A B in our order. A transposed view (x.T, W.T) costs a flag and not a copy.
"""

import ctypes
import weakref
from typing import Any

import numpy as np

from npae.backend.arrays import tf32_is_on
from npae.backend.typing import Array

N, T = 0, 1  # cublasOperation_t: the matrix as cuBLAS sees it, or its transpose
ANY_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT
COMPUTE_32F, COMPUTE_64F, COMPUTE_32F_FAST_TF32 = 68, 70, 77  # cublasComputeType_t
TYPES = {  # cudaDataType, how to compute, and the type of the factors α and β
    "float32": (0, COMPUTE_32F, ctypes.c_float),
    "float64": (1, COMPUTE_64F, ctypes.c_double),
}
WORKSPACE = 32 * 2**20  # bytes, as NVIDIA advises for Hopper; others need less

_i, _p, _size = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
PROTOTYPES = {
    "cublasCreate_v2": (_p,),
    "cublasDestroy_v2": (_p,),
    "cublasSetStream_v2": (_p, _p),
    "cublasSetWorkspace_v2": (_p, _p, _size),
    "cublasGemmEx": (_p, _i, _i, _i, _i, _i, _p, _p, _i, _i, _p, _i, _i, _p, _p, _i, _i, _i, _i),
}


class CublasError(RuntimeError):
    """A call of cuBLAS failed."""


def load(name: str) -> ctypes.CDLL:
    """The library `name` that CuPy uses, loaded by ctypes. Raises RuntimeError or OSError if it is not found."""
    from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy

    path = load_nvidia_dynamic_lib(name).abs_path
    if path is None:  # ctypes would open the running program instead
        raise RuntimeError(
            f"{name}: expected the library's path from cuda.pathfinder, got None. Update cuda-pathfinder."
        )
    return ctypes.CDLL(path)


def open_library(name: str, prototypes: dict[str, tuple]) -> ctypes.CDLL:
    """The library, with the types of its functions' arguments. Raises RuntimeError if it lacks one of the functions.

    Args:
        name: "cublas" or "cublasLt".
        prototypes: {function: types of its arguments}.
    """
    library = load(name)
    for function, types in prototypes.items():
        try:
            getattr(library, function).argtypes = types
        except AttributeError:
            raise RuntimeError(f"{name}: the installed library has no function {function}. Update CUDA.") from None
    return library


class Cublas:
    """A cuBLAS handle and its workspace: matmul as in npae.backend.products.

    CuPy's own handle would not do: CuPy gives it another stream, and so another workspace, at each of its calls.

    Args:
        xp: the module of the arrays, cupy.
    """

    def __init__(self, xp: Any) -> None:
        self.xp, self._library, self._handle = xp, open_library("cublas", PROTOTYPES), ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle), handle=False)
        weakref.finalize(self, self._library.cublasDestroy_v2, self._handle).atexit = False
        self._workspace = xp.empty(WORKSPACE, np.uint8)

    def on(self, stream: Any) -> "Cublas":
        """Queue products on `stream` from now on; return self. cuBLAS drops the workspace with the old stream."""
        self._call("cublasSetStream_v2", stream.ptr)
        self._call("cublasSetWorkspace_v2", self._workspace.data.ptr, WORKSPACE)
        return self

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The product a b of two matrices, or of a row vector and a matrix.

        Args:
            a: (m, k), or a row vector (k,).
            b: (k, n).
            out: the array that the product is written into; None: a new one.

        Raises ValueError for shapes that do not fit, TypeError unless all are float32 or all are float64.
        """
        shape = (*a.shape[:-1], b.shape[-1])
        out = self.xp.empty(shape, a.dtype) if out is None else out
        if a.shape[-1:] != b.shape[:1] or b.ndim != 2 or out.shape != shape or not out.flags.c_contiguous:
            raise ValueError(f"matmul: expected shapes (m, k), (k, n), (m, n), got {a.shape}, {b.shape}, {out.shape}.")
        kind, compute, number = types_of("matmul", a, b, out)
        (first, flip_b, step_b), (second, flip_a, step_a) = self._layout(b), self._layout(a.reshape(-1, a.shape[-1]))
        (k, n), m = b.shape, out.size // b.shape[1]
        self._call(
            "cublasGemmEx", flip_b, flip_a, n, m, k,
            ctypes.byref(number(1)), first.data.ptr, kind, step_b, second.data.ptr, kind, step_a,
            ctypes.byref(number(0)), out.data.ptr, kind, n, compute, ANY_ALGORITHM,
        )  # fmt: skip
        return out

    def _layout(self, x: Any) -> tuple[Any, int, int]:
        """(x, flag, leading dimension) with which cuBLAS reads our xᵀ; x is copied if neither order fits its strides.
        """
        rows, columns = x.shape
        down, across = (s // x.itemsize for s in x.strides)
        if step := _leading(columns, down, across):
            return x, N, step
        if step := _leading(rows, across, down):
            return x, T, step
        return self.xp.ascontiguousarray(x), N, columns

    def _call(self, name: str, *args: Any, handle: bool = True) -> None:
        status = getattr(self._library, name)(*((self._handle,) if handle else ()), *args)
        if status:
            raise CublasError(f"{name} failed with cuBLAS status {status}. Train without graph=True.")


def _leading(columns: int, down: int, across: int) -> int | None:
    """The distance between the beginnings of two rows, in numbers, if each row is contiguous; else None."""
    return down if (columns == 1 or across == 1) and down >= columns else None


def types_of(name: str, *arrays: Array) -> tuple[int, int, type]:
    """How cuBLAS names the arrays' type, how it computes with TF32 on or off, and the type of the factors α and β.

    Args:
        name: of the operation, for the message.
        *arrays: TypeError unless all are float32 or all are float64.
    """
    dtypes = {str(x.dtype) for x in arrays}
    if len(dtypes) != 1 or not dtypes <= set(TYPES):
        raise TypeError(f"{name}: expected arrays all of float32 or all of float64, got {', '.join(sorted(dtypes))}.")
    kind, compute, number = TYPES[dtypes.pop()]
    return kind, COMPUTE_32F_FAST_TF32 if compute == COMPUTE_32F and tf32_is_on() else compute, number
