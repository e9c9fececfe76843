"""Gathering a batch of bytes on the GPU: one kernel takes the rows and scales 0 … 255 to 0 … 1.

Operation by operation there would be three kernels, which write the batch three times and read it twice again.
"""

from functools import cache
from types import ModuleType
from typing import Any

from npae.backend.arrays import array_module
from npae.backend.memory import empty
from npae.backend.typing import Array, DTypeLike


@cache
def _kernel(xp: ModuleType) -> Any:
    return xp.ElementwiseKernel(
        "raw uint8 source, raw int64 rows, uint32 width", "T x",
        # 32 bits suffice, since a batch has fewer than 2³² bytes; 64-bit divisions would take longer than the memory.
        "const unsigned int k = i; x = T(source[rows[k / width] * width + k % width]) * T(1.0 / 255);",
        "npae_gather_bytes",
    )  # fmt: skip


def gather_bytes(source: Array, rows: Array, dtype: DTypeLike) -> Array:
    """source[rows] / 255, computed on the GPU.

    Args:
        source: a contiguous array of uint8 on the GPU.
        rows: row numbers, an array of int64 on the GPU.
        dtype: of the result.
    """
    x = empty((len(rows), *source.shape[1:]), source, dtype)
    _kernel(array_module(source))(source.reshape(-1), rows, x.size // len(rows), x)
    return x
