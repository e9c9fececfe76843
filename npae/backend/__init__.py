"""The machine: everything that only makes the same numbers faster, or makes them on a GPU.

To read the rest of npae you may take this package as read:

    matmul(a, b, out=o)      a @ b                   empty(shape, like)     np.empty(shape, like.dtype)
    dot(a, b)                a @ b, of vectors       ones(n, like)          np.ones(n, like.dtype)
    @elementwise             does nothing            contiguous(x), rows(x) the same numbers, one row per sample
    images(x), pixels(x)     the same image          p.value, p.grad        two arrays of one shape
    xp = array_module(x)     numpy                   stream.normal(like)    rng.standard_normal(like.shape)

All of it only makes the same numbers faster, or makes them on a GPU. tests/backend/test_plain.py holds this page to
its word: it runs the tests of layers, losses and penalties once more with these plain stand-ins (tests/plain_backend.py).

Whoever opens the door reads arrays.py (NumPy or CuPy), products.py (matrix products) and memory.py (reused arrays),
elementwise/ (a formula becomes one loop or one kernel), random.py, threads.py, cublas.py; then checks.py, files.py,
registry.py and config.py. The rest of npae imports from here, never from the files within.
"""

from npae.backend.arrays import (
    array_module,
    device_of,
    gpu_module,
    module_for,
    replace_gpu_module,
    resolve_device,
    synchronize,
    tf32_is_on,
    to_device,
    why_no_gpu,
)
from npae.backend.checks import as_int, check_floats
from npae.backend.config import show_config, versions
from npae.backend.cublas import Cublas
from npae.backend.elementwise import (
    Formula,
    absolute,
    cos,
    elementwise,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)
from npae.backend.files import atomic_write, check_place
from npae.backend.memory import (
    Arena,
    aligned,
    contiguous,
    empty,
    empty_like,
    flat,
    images,
    is_channels_last,
    ones,
    pixels,
    rows,
    zeros_like,
)
from npae.backend.products import dot, matmul, tf32, use_blas
from npae.backend.random import Stream, generator
from npae.backend.registry import Serializable
from npae.backend.threads import parallel_for, thread_count

__all__ = [
    "array_module", "device_of", "gpu_module", "module_for", "replace_gpu_module", "resolve_device", "synchronize",
    "tf32_is_on", "to_device", "why_no_gpu",
    "as_int", "check_floats", "show_config", "versions", "Cublas",
    "Formula", "elementwise", "absolute", "cos", "exp", "expm1", "log", "log1p", "maximum", "minimum", "sigmoid", "sin",
    "softplus", "sqrt", "tanh",
    "atomic_write", "check_place",
    "Arena", "aligned", "contiguous", "empty", "empty_like", "flat", "images", "is_channels_last", "ones", "pixels",
    "rows", "zeros_like",
    "dot", "matmul", "tf32", "use_blas", "Stream", "generator", "Serializable", "parallel_for", "thread_count",
]  # fmt: skip
