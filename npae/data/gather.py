"""A batch of bytes on the GPU: rows are gathered, and 0 … 255 becomes 0 … 1, in one kernel.

Operation by operation it would be three, and the batch would be written three times and read twice again.
"""

from functools import cache

from npae.backend import array_module, empty


@cache
def _kernel(xp):
    return xp.ElementwiseKernel(
        "raw uint8 source, raw int64 rows, uint32 width", "T x",
        # In 32 bits, as a batch has fewer than 2³² bytes: a division of 64 bits would take longer than the memory.
        "const unsigned int k = i; x = T(source[rows[k / width] * width + k % width]) * T(1.0 / 255);",
        "npae_gather_bytes",
    )  # fmt: skip


def gather_bytes(source, rows, dtype):
    """source[rows] / 255 in `dtype`, for a contiguous array of uint8 and an array of row numbers, both on the GPU."""
    x = empty((len(rows), *source.shape[1:]), source, dtype)
    _kernel(array_module(source))(source.reshape(-1), rows, x.size // len(rows), x)
    return x
