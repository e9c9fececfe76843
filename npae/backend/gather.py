"""Gathering a batch of bytes on the GPU: one kernel takes the rows and scales 0 … 255 to 0 … 1.

Operation by operation there would be three kernels, which write the batch three times and read it twice again.
"""

from functools import cache

from npae.backend.arrays import array_module
from npae.backend.memory import empty


@cache
def _kernel(xp):
    return xp.ElementwiseKernel(
        "raw uint8 source, raw int64 rows, uint32 width", "T x",
        # 32 bits suffice, since a batch has fewer than 2³² bytes; 64-bit divisions would take longer than the memory.
        "const unsigned int k = i; x = T(source[rows[k / width] * width + k % width]) * T(1.0 / 255);",
        "npae_gather_bytes",
    )  # fmt: skip


def gather_bytes(source, rows, dtype):
    """source[rows] / 255 in `dtype`, for a contiguous array of uint8 and an array of row numbers, both on the GPU."""
    x = empty((len(rows), *source.shape[1:]), source, dtype)
    _kernel(array_module(source))(source.reshape(-1), rows, x.size // len(rows), x)
    return x
