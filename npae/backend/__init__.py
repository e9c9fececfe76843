"""The machine: everything that only computes the same numbers faster, or on a GPU.

This page is all of it that a reader of npae needs. Read the names on the left as the NumPy on the right:

    matmul(a, b, out=o)      a @ b                   empty(shape, like)     np.empty(shape, like.dtype)
    ones(n, like)            np.ones(n, like.dtype)
    dot(a, b)                a @ b, of vectors       total(x, s)            x.sum() * s
    sum_rows(x)              x.sum(axis=0)           formula.total(x)       (sum of its first result, the others)
    formula.sum_rows(x, sums=k)  (the sums over axis 0 of its first k results, the others)
    p.value, p.grad          two arrays of one shape rows(x)                x.reshape(len(x), -1)
    theta.fresh_grad()       theta.grad[...] = 0     flat(x)                x.reshape(-1)
    images(x)                x.transpose(0, 3, 1, 2) pixels(x)              x.transpose(0, 2, 3, 1)
    xp = array_module(x)     numpy                   stream.normal(like)    rng.standard_normal(like.shape)
    W.add_product(a, b)      W.grad += a @ b         b.add_sum(da)          b.grad += da.sum(axis=0)
    matmul_affine(x, W, …)   x @ W                   W.add_product(a, b, right_sum=r)  and r.grad += b.sum(axis=0)
    φ._forward(a)            φ.f(a)                  φ._backward(dh, a, h)  dh * φ.derivative(a, h)
    φ._forward_sum(y, b)     (y + b, φ.f(y + b))     φ._derivatives(a, h)   (φ′, φ″), both derivatives
    places = nonzeros(h, d)  where h is not 0        sparse_matmul(h, places, W, o)             h @ W
    matmul_at(x, W, places, o)  x @ W.T (at least    sparse_matmul_transposed(h, places, x, o)  h.T @ x
                             where h is not 0)
    column_counts(h, places) (h != 0).sum(axis=0)    kth_largest(x, k)      the k-th largest number of each row, (B, 1)
    kth_largest_of_all(x, k) that of the whole x, or 0 if it is negative
    draws_in_step(k)         a `with` block in which streams draw the random numbers of training step k
    fast_windows(x, …)       None                    (no compiled loops, no GPU)
    shares(items)            [items]                 run_shares(f, parts)    a call of f with every k, parts[k]
    one_pool(x)              a `with` block; it does nothing
    @elementwise             does nothing; a call with out=w writes the result into w, which may be one of the arguments

These plain stand-ins are in tests/plain_backend.py, and tests/backend/test_plain.py runs the contract tests of layers,
losses and penalties once more with them.

All other packages import from this page, never from the files within. In reading order:

    arrays.py            NumPy or CuPy                 products.py         matrix products
    memory.py            arrays used again             formulas/           a formula as one loop or one kernel
    parameters.py        arrays with a gradient        flat_parameters.py  θ, all of them in one vector
    parameterized.py     objects with parameters       random/             random numbers by counter
    inputs.py            what is accepted as data      meaning.py          why the rest is not
    lazy.py              rows read when needed         seen.py             what a model remembers of its data
    remembers.py         models that compare the two   watch.py            NaN, and values of another scale
    batches.py           rows for a network            batch_size.py       how many at a time
    gather.py            batches of bytes on the GPU   shapes.py           the output shapes of layers
    threads.py           long arrays on all cores      cublas.py           products of a CUDA graph
    sharing.py           loops on all cores            openblas.py         how many threads a product has
    pool/                pieces of products and loops for all threads
    fork.py              two streams of a CUDA graph   window_kernels.py   windows of images on the GPU
    window_loops.py      the same on the CPU           window_maxima_loops.py, window_sums_loops.py,
    window_loop_parts.py                               and what they share
    cublaslt.py          products with a bias          cublaslt_plans.py   how the library is asked for them
    checks.py            arrays as arguments            files.py            paths, atomic writes, headers
    registry.py          classes by name               config.py           what npae runs with
    typing.py            types for annotations         extras.py           packages not installed
    console.py           text on any console           text_table.py       tables as text
    window.py            text that fits the window     command_line.py     main functions of programs
    summary.py           the layers of a network       settings.py         numbers as arguments
    sparse.py            products with sparse codes    selection.py        the k-th largest number
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
from npae.backend.batch_size import BatchSize, as_batch_size, rows_of, rows_per_pass
from npae.backend.batches import Labelled, as_array, as_batch, as_lazy_source, as_source, batches, in_batches
from npae.backend.checks import (
    DataWarning,
    check_floats,
    check_input,
    check_pair,
    check_rows,
    check_shape,
    warn,
)
from npae.backend.command_line import INTERRUPTED, CommandParser, command_line
from npae.backend.config import show_config, versions
from npae.backend.console import as_shown, is_open, is_terminal, safe_output
from npae.backend.cublas import Cublas
from npae.backend.cublaslt import CublasLt, blas_of_graphs
from npae.backend.extras import install_command, missing, on_demand
from npae.backend.files import (
    ABANDONED,
    NotAFileError,
    as_path,
    atomic_write,
    check_place,
    open_untrusted,
    read_array_header,
)
from npae.backend.fill_values import check_fill_values
from npae.backend.flat_parameters import FlatParameters
from npae.backend.fork import Fork, fork_is_on
from npae.backend.formulas import (
    Formula,
    absolute,
    cos,
    dot,
    elementwise,
    exp,
    expm1,
    flushed,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sin,
    smallest_normal,
    softplus,
    sqrt,
    tanh,
    total,
)
from npae.backend.formulas.of_activations import ActivationFormulas
from npae.backend.gather import gather_bytes
from npae.backend.lazy import LazyRows, is_lazy, lazy_part, row_names, sample
from npae.backend.meaning import check_in_0_1
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
from npae.backend.parameterized import Parameterized
from npae.backend.parameters import Parameter
from npae.backend.pool import one_pool
from npae.backend.products import (
    join,
    matmul,
    matmul_affine,
    matmul_aside,
    run_aside,
    sum_rows,
    tf32,
    use_blas,
    use_fork,
)
from npae.backend.random import Stream, draws_in_step
from npae.backend.registry import Serializable, as_member
from npae.backend.remembers import Remembers
from npae.backend.seen import Seen, names_of
from npae.backend.selection import kth_largest, kth_largest_of_all
from npae.backend.settings import as_float, as_int
from npae.backend.sharing import run_shares, share_count, shares
from npae.backend.sparse import Places, column_counts, matmul_at, nonzeros, sparse_matmul, sparse_matmul_transposed
from npae.backend.text_table import text_table
from npae.backend.threads import parallel_for, thread_count
from npae.backend.typing import Array, ArrayLike, Config, DTypeLike, Progress, Scalar
from npae.backend.window import counted, fit_text, size_text, value_text
from npae.backend.window_kernels import (
    im2col,
    window_maxima,
    window_maxima_backward,
    window_sums,
    window_sums_adjoint,
)
from npae.backend.window_loops import fast_windows

__all__ = [
    "array_module", "device_of", "gpu_module", "module_for", "replace_gpu_module", "resolve_device", "synchronize",
    "tf32_is_on", "to_device", "why_no_gpu", "BatchSize", "as_batch_size", "rows_of", "rows_per_pass",
    "Labelled", "as_array", "as_batch", "as_source", "batches", "check_rows",
    "as_lazy_source", "LazyRows", "is_lazy", "lazy_part", "row_names", "sample", "Remembers", "Seen", "names_of",
    "DataWarning", "warn", "check_in_0_1", "check_fill_values", "in_batches", "as_float", "as_int", "check_floats",
    "check_input", "check_pair", "check_shape",
    "show_config", "versions", "ActivationFormulas", "Cublas", "CublasLt", "blas_of_graphs",
    "Formula", "elementwise", "absolute", "cos", "exp", "expm1", "flushed", "log", "log1p", "maximum", "minimum",
    "sigmoid", "sin", "smallest_normal", "softplus", "sqrt", "tanh", "total", "as_path", "atomic_write", "check_place",
    "read_array_header", "gather_bytes", "im2col", "window_maxima", "window_maxima_backward",
    "window_sums", "window_sums_adjoint", "fast_windows", "Arena", "aligned", "contiguous",
    "empty", "empty_like", "flat", "images", "is_channels_last", "ones", "pixels", "rows", "zeros_like",
    "FlatParameters", "Parameter", "Parameterized", "dot", "matmul", "tf32", "use_blas", "Stream", "draws_in_step",
    "Serializable", "as_member", "parallel_for", "thread_count", "Array", "ArrayLike", "install_command",
    "one_pool", "share_count", "shares", "run_shares",
    "missing", "on_demand", "Fork", "fork_is_on", "join", "matmul_affine", "matmul_aside", "run_aside", "sum_rows",
    "use_fork",
    "as_shown", "is_open", "is_terminal", "safe_output", "text_table", "Config", "DTypeLike", "Progress", "Scalar",
    "CommandParser", "ABANDONED", "NotAFileError", "open_untrusted", "INTERRUPTED", "command_line", "counted",
    "fit_text", "size_text", "value_text", "kth_largest", "kth_largest_of_all", "Places", "column_counts",
    "matmul_at", "nonzeros", "sparse_matmul", "sparse_matmul_transposed",
]  # fmt: skip
