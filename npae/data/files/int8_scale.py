"""The scale of numbers that are stored as int8.

A scale s, a number or one per feature j, and integers q from −128 to 127 (Jacob et al. 2018, "Quantization and training
of neural networks for efficient integer-arithmetic-only inference", with the zero point 0):

    q_ij = round(x_ij/s_j),   x̂_ij = s_j q_ij        s_j = max_i |x_ij| / 127

Rounding changes x_ij/s_j by at most 1/2, and |x_ij|/s_j ≤ 127 fits into int8, so |x̂_ij − x_ij| ≤ s_j/2. If the errors e
are uniform in (−s_j/2, s_j/2), their variance is ∫ e²/s_j de = s_j²/12.
"""

import math
from typing import Any, BinaryIO

import numpy as np

from npae.backend import Array
from npae.data.files.array_file import STORED, ArrayFile, ShardError
from npae.data.files.shown import clipped, some


def scale_of(found: ArrayFile, file: BinaryIO, tensors: dict[str, Any], scale: Any) -> Array | None:
    """The scale of int8 as float32, of the shape () or that of a row; None for other dtypes.

    Args:
        found: the array, without a scale.
        file: open.
        tensors: of a safetensors file, see tensors_of; {} for .npy.
        scale: a number, an array, or the name of a tensor.
    """
    if found.dtype != "int8":
        if scale is not None:
            raise ShardError(f"scale: expected none for {found.dtype}; only int8 is scaled")
        return None
    if scale is None:
        raise ShardError(
            "it holds int8, whose scale is missing. Write Shards(paths, scale=s) with a number or an array of one per "
            "feature, or the name of a tensor in the file"
        )
    if isinstance(scale, str):
        scale = _named_scale(found, file, tensors, scale)
    scale = np.asarray(scale)
    if scale.dtype.kind not in "fiu" or scale.size != 1 and scale.shape != found.shape[1:]:
        raise ShardError(f"scale: expected a number or an array {found.shape[1:]}, got {scale.dtype} {scale.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        scale = scale.astype(np.float32) if scale.size > 1 else scale.astype(np.float32).reshape(())
        finite = np.isfinite(scale * np.float32(128))  # of the largest number
    if not finite.all():
        k = int(np.argmin(finite))
        raise ShardError(f"scale: expected finite numbers, got {scale.reshape(-1)[k]:g} for feature {k}")
    return scale


def _named_scale(found: ArrayFile, file: BinaryIO, tensors: dict[str, Any], name: str) -> Array:
    if not tensors:
        raise ShardError("scale: a name is for safetensors files. For .npy, give the array: scale=numpy.load(path)")
    if name not in tensors or not name:
        listed = some(n for n in tensors if n)
        raise ShardError(f"it has no tensor {clipped(repr(name))} with the scale of its int8, only {listed}")
    entry, most = tensors[name], math.prod(found.shape[1:])
    dtype, (begin, end) = np.dtype(STORED.get(entry["dtype"], "V1").replace("bfloat16", "V2")), entry["data_offsets"]
    if dtype.kind != "f" or math.prod(entry["shape"]) not in (1, most) or not 0 <= begin <= end <= begin + most * 8:
        raise ShardError(f"scale: expected floats, 1 or {most}, got {entry['dtype']} of shape {entry['shape']}")
    file.seek(tensors[""] + begin)
    scale = np.frombuffer(file.read(end - begin), dtype)
    return scale if scale.size == 1 else scale.reshape(found.shape[1:])
