"""Totals: the sum of all numbers of an array, of products, or of a formula's first result, as a scalar on the device.

A term of J is such a sum. On the CPU the loop of a formula adds up its results (sums.py), and BLAS the numbers of an
array, by a product with a vector of ones. On the GPU one kernel evaluates the formula and adds up its first result,
which is never written to memory:

    each thread     adds up the results of its elements
    each block      adds up its 128 threads by halves: 64 pairs, then 32, … The sum goes into `partial`
    the last block  to get there (`arrived` counts them) adds up the sums of all blocks

The order of the additions depends on the size alone, so the same numbers give the same bits. Harris 2007, "Optimizing
parallel reduction in CUDA", and the sample threadFenceReduction of NVIDIA's CUDA samples.
"""

from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.formulas.on_cupy import body_of
from npae.backend.memory import counter, empty, ones
from npae.backend.typing import Array, Scalar

if TYPE_CHECKING:
    from npae.backend.formulas.formula import Formula

THREADS = 128  # of a block, the number that CuPy launches
PER_THREAD = 4  # elements, at least, so that a block's sum costs little beside them
BLOCKS = 1024  # at most

_ADD_UP = f"""
    npae_sums[threadIdx.x] = npae_sum;
    __syncthreads();
    for (int npae_half = {THREADS} / 2; npae_half > 0; npae_half /= 2) {{
      if (threadIdx.x < npae_half) npae_sums[threadIdx.x] += npae_sums[threadIdx.x + npae_half];
      __syncthreads();
    }}
"""  # the sum of all threads of the block is then in npae_sums[0]


def total(x: Array, scale: float = 1.0) -> Scalar:
    """scale · Σ of all numbers of x, as a scalar on the device: the host does not wait for it.

    Args:
        x: an array of any shape.
        scale: a factor.

    Example:
        >>> import numpy as np
        >>> from npae.backend import total
        >>> float(total(np.array([[1.0, 2.0], [3.0, 4.0]]), scale=0.5))
        5.0
    """
    if array_module(x) is np:
        value = np.dot(x.reshape(-1), ones(x.size, x))
        return value if scale == 1 else value * scale
    if x.size == 0:
        return array_module(x).zeros((), x.dtype)
    return _formula(1).total(array_module(x).ascontiguousarray(x), scale=scale)[0]


def dot(a: Array, b: Array) -> Any:
    """Σ_i a_i b_i of two vectors, as a scalar on the device.

    Args:
        a: a vector.
        b: a vector of the same length.

    Example:
        >>> import numpy as np
        >>> from npae.backend import dot
        >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
        11.0
    """
    if type(a) is np.ndarray:
        return np.dot(a, b)
    xp = array_module(a)
    if a.size == 0:
        return xp.zeros((), a.dtype)
    return _formula(2).total(xp.ascontiguousarray(a), xp.ascontiguousarray(b))[0]


@cache
def _formula(factors: int) -> "Formula":
    """x, or a b."""
    from npae.backend.formulas.formula import Formula

    return Formula(lambda x: x) if factors == 1 else Formula(lambda a, b: a * b)


def can_total_on_cupy(args: Sequence[Any], outs: Sequence[Array]) -> bool:
    """Can one kernel do it: contiguous arrays of one shape, and numbers?

    Args:
        args: the arguments of a formula.
        outs: its outputs but the first.
    """
    arrays = [a for a in (*args, *outs) if hasattr(a, "dtype") and not isinstance(a, np.generic)]
    return all(a.shape == arrays[0].shape and a.flags.c_contiguous for a in arrays) and arrays[0].size > 0


def total_on_cupy(formula: "Formula", args: Sequence[Any], outs: Sequence[Array], scale: float) -> Scalar:
    """scale · Σ of the formula's first result; its other results are written to outs.

    Args:
        formula: a Formula.
        args: its arguments, as can_total_on_cupy accepts them.
        outs: its outputs but the first.
        scale: a factor.
    """
    kinds = tuple("none" if a is None else "array" if getattr(a, "shape", None) else "number" for a in args)
    like = args[kinds.index("array")]
    blocks = min(BLOCKS, -(-like.size // (THREADS * PER_THREAD)))
    xp = array_module(like)
    partial, result = empty((blocks,), like), xp.empty((), like.dtype)  # J is read later: not an array of the step
    given = [a.reshape(-1) if kind == "array" else a for a, kind in zip(args, kinds, strict=True) if kind != "none"]
    _kernel(xp, formula, kinds)(
        *given, like.size, scale, *[o.reshape(-1) for o in outs], partial, counter(like), result.reshape(1),
        size=blocks * THREADS,
    )  # fmt: skip
    return result


@cache
def _kernel(xp: ModuleType, formula: "Formula", kinds: tuple[str, ...]) -> Any:
    # The kernel's own names begin with npae_, so that they are not those of the formula.
    declared, lines, results = body_of(formula, kinds, element="[npae_k]")
    outputs = [f"out{j}" for j in range(1, len(results))]
    writes = " ".join(f"{o}[npae_k] = {r};" for o, r in zip(outputs, results[1:], strict=True))
    text = f"""
    __shared__ T npae_sums[{THREADS}];
    __shared__ bool npae_is_last;
    T npae_sum = 0;
    for (ptrdiff_t npae_k = i; npae_k < npae_size; npae_k += _ind.size()) {{
      {" ".join(lines)}
      npae_sum += {results[0]};
      {writes}
    }}
    {_ADD_UP}
    if (threadIdx.x == 0) {{
      npae_partial[blockIdx.x] = npae_sums[0];
      __threadfence();  // other blocks see the sum before they see that it has arrived
      npae_is_last = atomicAdd(&npae_arrived[0], 1u) == gridDim.x - 1;
    }}
    __syncthreads();
    if (npae_is_last) {{
      npae_sum = 0;
      for (ptrdiff_t npae_k = threadIdx.x; npae_k < gridDim.x; npae_k += {THREADS})
        npae_sum += *(volatile T *)&npae_partial[npae_k];
      {_ADD_UP}
      if (threadIdx.x == 0) {{
        npae_total[0] = npae_sums[0] * T(npae_scale);
        npae_arrived[0] = 0;
      }}
    }}
    """
    raw = [f"raw {d}" if d.startswith("T ") else d for d in declared]
    return xp.ElementwiseKernel(
        ", ".join([*raw, "int64 npae_size", "float64 npae_scale"]),
        ", ".join([*(f"raw T {o}" for o in outputs), "raw T npae_partial, raw uint32 npae_arrived, raw T npae_total"]),
        text, f"npae_total_{formula.name}",
    )  # fmt: skip
