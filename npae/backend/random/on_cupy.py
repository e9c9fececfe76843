"""Philox and Box–Muller by CuPy: one kernel, in which each GPU thread computes one block of Philox.

A thread writes the 8 numbers (float32) or 4 (float64) of its block, or as many pairs of normal numbers. There is no
array but the output, and no state that a draw would change.

A captured training step (npae.train.cuda_graph) is the same kernel with the same arguments at every launch. So what
changes is read from device memory: the key, which is another one in every epoch, and the number of the step.
Not yet run on a real GPU. NVRTC 13 compiles both kernels for sm_90, and keeps all their numbers in registers. The tests
compile them for the CPU, where they give the numbers of numpy.random.Philox.
"""

from functools import cache
from types import ModuleType
from typing import Any

from npae.backend.arrays import array_module
from npae.backend.random.philox import Draw, per_block
from npae.backend.typing import Array

_PHILOX = """
typedef unsigned long long word;

__device__ void philox(word block, word draw, word step, const long long *key, word *c) {
  word k0 = key[0], k1 = key[1];
  c[0] = block + 1; c[1] = draw; c[2] = step; c[3] = 0;
  for (int round = 0; round < 10; ++round) {
    const word high0 = __umul64hi(0xD2E7470EE14C6C93, c[0]), low0 = 0xD2E7470EE14C6C93 * c[0];
    const word high1 = __umul64hi(0xCA5A826395121157, c[2]), low1 = 0xCA5A826395121157 * c[2];
    c[0] = high1 ^ c[1] ^ k0; c[1] = low1;
    c[2] = high0 ^ c[3] ^ k1; c[3] = low0;
    k0 += 0x9E3779B97F4A7C15; k1 += 0xBB67AE8584CAA73B;
  }
}

__device__ float uniform(const word *c, int j, float) {
  return float((unsigned int)(c[j / 2] >> 32 * (j % 2)) >> 8) * float(1.0 / 16777216);
}
__device__ double uniform(const word *c, int j, double) { return double(c[j] >> 11) * (1.0 / 9007199254740992); }
"""
_UNIFORM = """
word c[4];
philox(i, draw, step[0] + offset, &key[0], c);
#pragma unroll
for (int j = 0; j < 32 / (int)sizeof(T); ++j) {
  const long long k = i * (32 / (int)sizeof(T)) + j;
  if (k < out.size()) out[k] = uniform(c, j, T(0));
}
"""
_NORMAL = """
word c[4], d[4];
const long long h = out.size() / 2;
philox(i, draw, step[0] + offset, &key[0], c);
philox(i, draw + 1, step[0] + offset, &key[0], d);
#pragma unroll
for (int j = 0; j < 32 / (int)sizeof(T); ++j) {
  const long long k = i * (32 / (int)sizeof(T)) + j;
  if (k < h) {
    const T r = sqrt(T(-2) * log(T(1) - uniform(c, j, T(0)))), halves = T(2) * uniform(d, j, T(0));
    out[k] = r * cospi(halves);  // cos(π · halves), for which no angle has to be reduced
    out[h + k] = r * sinpi(halves);
  }
}
"""


@cache
def _kernel(xp: ModuleType, body: str, name: str) -> Any:
    inputs = "raw int64 key, raw int64 step, int64 offset, int64 draw"
    return xp.ElementwiseKernel(inputs, "raw T out", body, name, preamble=_PHILOX)


@cache
def _set_key(xp: ModuleType) -> Any:
    write = "cells[0] = k0; cells[1] = k1; cells[2] = 0;"
    return xp.ElementwiseKernel("int64 k0, int64 k1", "raw int64 cells", write, "npae_random_key")


def write_key(key: Array, cells: Array) -> None:
    """Write a key into device memory, by one launch.

    Args:
        key: as key_of returns it.
        cells: three numbers of int64 on the GPU: the key, and a zero.
    """
    k0, k1 = key.view("int64").tolist()
    _set_key(array_module(cells))(k0, k1, cells, size=1)


def fill_on_cupy(cells: Array, step: Array | None, draw: Draw, out: Array, normal: bool) -> None:
    """Write independent random numbers into an array on the GPU, by one launch.

    Args:
        cells: as write_key leaves it.
        step: the number of the step in device memory, one number of int64; None: that of `draw`.
        draw: which numbers of the key.
        out: a contiguous vector for u ~ U[0, 1), or an array (2, h) for ε ~ N(0, 1), which takes two draws.
        normal: which of the two.
    """
    pieces = out.size // 2 if normal else out.size
    if not pieces:
        return
    kernel = _kernel(array_module(out), *((_NORMAL, "npae_normal") if normal else (_UNIFORM, "npae_uniform")))
    offset = draw.step if step is None else 0
    blocks = -(-pieces // per_block(out.dtype))
    kernel(cells, cells[2:] if step is None else step, offset, draw.number, out, size=blocks)
