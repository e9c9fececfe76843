"""Kernels of blocks of threads: their text in C++, around blocks.cpp, which executes them.

An ElementwiseKernel with loop_prep or after_loop, or whose text uses what only threads of a block have, and every
RawKernel. As in CuPy, thread k of n executes loop_prep, the loop over i = k, k + n, …, and after_loop.
"""

import ctypes
import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path

THREADS = re.compile(
    r"\b(threadIdx|blockIdx|blockDim|gridDim|__shared__|__sync\w+|__shfl\w+|atomic[A-Z]\w+|__threadfence\w*)\b"
)
DYNAMIC = re.compile(r"extern\s+__shared__\s+([\w\s]+?)\s+(\w+)\s*\[\s*\]\s*;")
PROBLEMS = {
    1: "the threads of a block wait at different barriers: some threads do not reach one that others wait at",
    2: "a block has at least one thread and at most 1024",
}
_falling = [0]  # do blocks run in falling order of their numbers? Innermost last

_WORDS = """
#define __global__
#define __launch_bounds__(...)
#define __constant__ static const
#define __align__(n)
#define threadIdx fake::thread_index
#define blockIdx fake::block_index
#define blockDim fake::block_size
#define gridDim fake::grid_size
#define warpSize 32
#define __syncthreads() fake::syncthreads(__LINE__)
#define __syncwarp(...) fake::syncwarp(__LINE__)
#define __threadfence()
#define __threadfence_block()
#define __threadfence_system()
#ifdef __ELF__  // the linker gives the beginning and the end of a section
#define __shared__ static __attribute__((section("fake_shared")))
extern "C" __attribute__((weak, visibility("hidden"))) char __start_fake_shared[], __stop_fake_shared[];
#else
#define __shared__ static
static char *__start_fake_shared, *__stop_fake_shared;
#endif
template <typename V> V __ldg(const V *p) { return *p; }
template <typename V> V fake_shuffle(V v, int lane, int site) {
  union { V v; unsigned long long bits; } give = {}, take = {};
  give.v = v;
  take.bits = fake::shuffle(give.bits, lane, site);
  return take.v;
}
#define fake_lane (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32)
#define __shfl_sync(mask, v, lane, ...) fake_shuffle(v, (lane) % 32, __LINE__)
#define __shfl_down_sync(mask, v, n, ...) fake_shuffle(v, fake_lane + (int)(n), __LINE__)
#define __shfl_up_sync(mask, v, n, ...) fake_shuffle(v, fake_lane - (int)(n), __LINE__)
#define __shfl_xor_sync(mask, v, n, ...) fake_shuffle(v, fake_lane ^ (int)(n), __LINE__)
"""


def _atomics():
    """CUDA's atomic functions. Blocks and threads take turns here, so they are ordinary ones."""
    lines = []
    for t in ("int", "unsigned int", "unsigned long long", "float", "double"):
        lines.append(f"static inline {t} atomicAdd({t} *p, {t} v) {{ {t} old = *p; *p = old + v; return old; }}")
    for t in ("int", "unsigned int", "unsigned long long", "long long"):
        for name, test in (("Max", ">"), ("Min", "<")):
            lines.append(
                f"static inline {t} atomic{name}({t} *p, {t} v) "
                f"{{ {t} old = *p; if (v {test} old) *p = v; return old; }}"
            )
    for t in ("int", "unsigned int", "unsigned long long"):
        lines.append(
            f"static inline {t} atomicCAS({t} *p, {t} c, {t} v) {{ {t} old = *p; if (old == c) *p = v; return old; }}"
        )
        lines.append(f"static inline {t} atomicExch({t} *p, {t} v) {{ {t} old = *p; *p = v; return old; }}")
    lines.append("static inline float atomicExch(float *p, float v) { float old = *p; *p = v; return old; }")
    lines.append(
        "static inline unsigned int atomicInc(unsigned int *p, unsigned int most) "
        "{ unsigned int old = *p; *p = old >= most ? 0 : old + 1; return old; }"
    )
    return "\n".join(lines)


_LAUNCH = """
struct Launch { void **args; const ptrdiff_t **meta; ptrdiff_t n; };
extern "C" int _launch(void **args, const ptrdiff_t **meta, ptrdiff_t n, const unsigned int *sizes, size_t dynamic,
                       int falling) {
  Launch all = {args, meta, n};
  dim3 grid = {sizes[0], sizes[1], sizes[2]}, block = {sizes[3], sizes[4], sizes[5]};
  return fake::launch(_thread, &all, &grid, &block, __start_fake_shared, __stop_fake_shared, dynamic, falling);
}
"""
_CALL = """
template <int... I> struct Ints {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { typedef Ints<I...> type; };
template <typename... A, int... I> void _call(void (*f)(A...), void **p, Ints<I...>) { f(*(A *)p[I]...); }
template <typename... A> void _call(void (*f)(A...), void **p) { _call(f, p, typename Count<sizeof...(A)>::type()); }
template <typename... A> int _measure(void (*)(A...), size_t *out) {
  size_t sizes[] = {0, sizeof(A)...};
  for (size_t k = 0; k <= sizeof...(A) && out; ++k) out[k] = sizes[k];
  return sizeof...(A);
}
"""


@cache
def blocks():
    """The text that kernels of blocks begin with, after the functions of mathematics."""
    return "\n".join([Path(__file__).with_name("blocks.cpp").read_text(encoding="utf-8"), _WORDS, _atomics()])


def uses_threads(kernel):
    """Does an ElementwiseKernel use more than its loop?"""
    parts = kernel.loop_prep, kernel.after_loop
    return any(parts) or any(THREADS.search(part) for part in (kernel.operation, kernel.preamble))


def elementwise(kernel, declare, refer):
    """The text of an ElementwiseKernel after its preamble. declare, refer: its arguments and its elements, in C++."""
    lines = ["static void _thread(void *_all) {", "void **_args = ((Launch *)_all)->args;"]
    lines += ["const ptrdiff_t **_meta = ((Launch *)_all)->meta; ptrdiff_t _n = ((Launch *)_all)->n;"]
    lines += [*declare, "CIndexer _ind = {_n, 0};", f'#line 1 "{kernel.name}, loop_prep"', f"{kernel.loop_prep};"]
    lines += ["for (ptrdiff_t i = (ptrdiff_t)blockIdx.x * blockDim.x + threadIdx.x; i < _n;"]
    lines += ["     i += (ptrdiff_t)blockDim.x * gridDim.x) { _ind.k = i;", *refer]
    lines += [f'#line 1 "{kernel.name}"', f"{kernel.operation};", "}", f'#line 1 "{kernel.name}, after_loop"']
    struct, launch = _LAUNCH.strip().split("\n", 1)
    return "\n".join([struct, *lines, f"{kernel.after_loop};", "}", launch, ""])


def raw(code, name):
    """The text of a RawKernel."""
    code = DYNAMIC.sub(r"\1 *\2 = (\1 *)fake::dynamic_shared;", code)
    struct, launch = _LAUNCH.strip().split("\n", 1)
    return "\n".join([
        struct, f'#line 1 "{name}"', code, _CALL,
        f"static void _thread(void *all) {{ _call({name}, ((Launch *)all)->args); }}",
        f'extern "C" int _sizes(size_t *out) {{ return _measure({name}, out); }}', launch, "",
    ])  # fmt: skip


@contextmanager
def falling_blocks():
    """While the block runs, blocks of threads run in falling order of their numbers: a GPU promises no order."""
    _falling.append(1)
    try:
        yield
    finally:
        _falling.pop()


def execute(function, arguments, grid, block, dynamic, name):
    """Call a compiled _launch. Raises RuntimeError if the threads of a block wait for each other in vain."""
    sizes = (ctypes.c_uint * 6)(*grid, *block)
    problem = function(*arguments, sizes, ctypes.c_size_t(dynamic), _falling[-1])
    if problem:
        raise RuntimeError(f"kernel {name!r}: {PROBLEMS[problem]}")
