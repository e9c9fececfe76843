"""Reductions and selection: which of CuPy's algorithms computes them, as far as that can be seen from outside."""

import numpy as np

SEGMENTED = {"sum", "prod", "max", "min", "amax", "amin"}  # reductions for which CuPy calls CUB's device functions


def by_cub(a, arguments):
    """Does CUB reduce this array: contiguous memory, all axes, or the last ones in its order, in its own dtype?"""
    axis, dtype = arguments.get("axis"), arguments.get("dtype")
    if a.dtype.kind not in "fi" or (dtype is not None and np.dtype(dtype) != a.dtype):
        return False
    axes = range(a.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(k % a.ndim for k in axes)
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        return False
    return (a.flags.c_contiguous and axes[-1] == a.ndim - 1) or (a.flags.f_contiguous and axes[0] == 0)


def _is_sorted(length, rows, kth):
    """Does CuPy sort rows of this length instead of partitioning them? (_routines_sorting.pyx)"""
    most, parts = max(32, 1 << kth.bit_length()), 512
    while parts and length // parts < most + 128:
        parts //= 2
    return length < 32 or parts * rows <= 32 or most >= 1024


def partition(a, kth, axis=-1):
    """Partition or sort, as CuPy does. The numbers on both sides of the k-th are left in an order unlike NumPy's."""
    length = a.shape[axis]
    if not isinstance(kth, int):
        raise NotImplementedError("partition of the fake GPU takes one kth")
    if not -length <= kth < length:
        raise ValueError(f"kth(={kth}) out of bounds {length}")
    a.sort(axis)
    if not _is_sorted(length, a.size // length, kth % length):
        rows = np.moveaxis(a, axis, -1)
        for part in (slice(0, kth % length), slice(kth % length + 1, length)):
            rows[..., part] = rows[..., part][..., ::-1].copy()
