"""Matrix products with an epilogue, by cuBLASLt: bias, ReLU and bias gradient within the product's own kernel.

Experimental, and used only if the environment has NPAE_EPILOGUES=1: it is tested on a stand-in for the library and has
not yet run on a real GPU.

A dense layer of a captured step is a chain of short kernels. An *epilogue* is what cuBLASLt does to a product while it
is still in registers, so that two kernels become one, and the product is not read again from memory:

    BIAS        x W + b                         the forward pass of a linear layer
    RELU_BIAS   max(x W + b, 0)                 of a layer with ReLU
    BGRADA      xᵀ da, and Σ_i da_i beside it   ∂J/∂W and ∂J/∂b of Dense, whose da is the right factor
    BGRADB      daᵀ h, and Σ_i da_i beside it   the same of TiedDense, whose da is the left factor

cuBLASLt reads our matrices transposed, as cuBLAS does (cublas.py): asked for Dᵀ = bᵀ aᵀ, it calls our right factor b
its A, and our left factor a its B. So its BGRADA sums our right factor, and its bias, one number per row of Dᵀ, is our
row b. It has BGRADA only for an A, and BGRADB only for a Bᵀ, as stored: so da and daᵀ are where da is stored by rows.

Not every epilogue is granted for every type and shape. cuBLASLt is asked once for each; where it has no algorithm, the
caller does without. RELU_BIAS is reported to return 0 for NaN, where the plain kernel returns NaN. A NaN in x still
reaches ∂J/∂W = xᵀ da in the backward pass; one in b alone is found in θ at the end of the epoch.

cuBLAS documentation 13, "Using the cuBLASLt API": cublasLtMatmul, cublasLtEpilogue_t.
"""

import ctypes
import os
import weakref
from collections import Counter
from typing import Any

from npae.backend.cublas import COMPUTE_32F_FAST_TF32, WORKSPACE, Cublas, open_library, types_of
from npae.backend.cublaslt_plans import PROTOTYPES, Plan, alignment, check


def epilogues_are_on() -> bool:
    """Does the environment have NPAE_EPILOGUES=1?"""
    return os.environ.get("NPAE_EPILOGUES") == "1"


def blas_of_graphs(xp: Any) -> Cublas:
    """What multiplies in a captured step: Cublas, or CublasLt if NPAE_EPILOGUES=1.

    Args:
        xp: the module of the arrays, cupy.
    """
    return CublasLt(xp) if epilogues_are_on() else Cublas(xp)


class CublasLt(Cublas):
    """Cublas, and products with an epilogue. These return False, and do nothing, where cuBLASLt has no algorithm.

    Args:
        xp: the module of the arrays, cupy.
    """

    def __init__(self, xp: Any) -> None:
        super().__init__(xp)
        self._lt, self._lt_handle, self._stream = open_library("cublasLt", PROTOTYPES), ctypes.c_void_p(), 0
        self._plans: dict[tuple, Plan] = {}
        check(self._lt, "cublasLtCreate", ctypes.byref(self._lt_handle))
        weakref.finalize(self, self._lt.cublasLtDestroy, self._lt_handle).atexit = False

    def on(self, stream: Any) -> "CublasLt":
        """Queue products on `stream` from now on; return self."""
        self._stream = stream.ptr
        super().on(stream)
        return self

    def affine(self, x: Any, W: Any, b: Any, epilogue: str | None, out: Any) -> bool:
        """Write x W + b, or max(x W + b, 0), into `out`, if there is an algorithm for it. Returns whether there is.

        Args:
            x: (m, k).
            W: (k, n).
            b: a row (n,).
            epilogue: "BIAS" or "RELU_BIAS"; None: there is none.
            out: (m, n).
        """
        return epilogue is not None and self._multiply(epilogue, x, W, out, b)

    def product_and_sum(self, a: Any, b: Any, of_left: bool, out: Any, total: Any) -> bool:
        """Write a b into `out` and the sum over their common axis into `total`. Returns whether there is an algorithm.

        Args:
            a: (m, k).
            b: (k, n).
            of_left: total_i = Σ_k a_ik; False: total_j = Σ_k b_kj.
            out: (m, n).
            total: (m,) or (n,).
        """
        return self._multiply("BGRADB" if of_left else "BGRADA", a, b, out, total)

    def granted(self) -> dict[str, tuple[int, int]]:
        """{"RELU_BIAS float32": (products with an algorithm for it, products that it was asked for)}, and so on."""
        asked = Counter(plan.name for plan in self._plans.values())
        given = Counter(plan.name for plan in self._plans.values() if plan.algorithm is not None)
        return {name: (given[name], asked[name]) for name in sorted(asked)}

    def _multiply(self, epilogue: str, a: Any, b: Any, out: Any, row: Any) -> bool:
        kind, compute, number = types_of(epilogue, a, b, out, row)
        (m, k), n = a.shape, b.shape[1]
        length = m if epilogue == "BGRADB" else n
        if b.shape[0] != k or out.shape != (m, n) or row.shape != (length,):
            raise ValueError(
                f"{epilogue}: expected shapes (m, k), (k, n), (m, n) and ({'m' if length is m else 'n'},), "
                f"got {a.shape}, {b.shape}, {out.shape} and {row.shape}."
            )
        if not (out.flags.c_contiguous and row.flags.c_contiguous):
            return False
        (A, flip_a, step_a), (B, flip_b, step_b) = self._layout(b), self._layout(a)
        pointers = [x.data.ptr for x in (A, B, out, row)]
        shape, factors = (n, m, k), ((flip_a, step_a), (flip_b, step_b))
        key = (epilogue, compute, shape, factors, *map(alignment, pointers))
        if key not in self._plans:
            name = f"{epilogue} {'TF32' if compute == COMPUTE_32F_FAST_TF32 else out.dtype}"
            self._plans[key] = Plan(
                self._lt, self._lt_handle, name, (kind, compute), epilogue, shape, factors, pointers
            )  # fmt: skip
        plan = self._plans[key]
        if plan.algorithm is None:
            return False
        plan.use_row(pointers[3])
        layout_a, layout_b, layout_d = plan.layouts
        check(
            self._lt, "cublasLtMatmul", self._lt_handle, plan.operation, ctypes.byref(number(1)), pointers[0], layout_a,
            pointers[1], layout_b, ctypes.byref(number(0)), pointers[2], layout_d, pointers[2], layout_d,
            ctypes.byref(plan.algorithm), self._workspace.data.ptr, WORKSPACE, self._stream,
        )  # fmt: skip
        return True
