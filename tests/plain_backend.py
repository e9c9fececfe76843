"""Plain stand-ins for npae.backend: what a reader may believe instead of reading it.

tests/backend/test_plain.py puts this file in the place of npae/backend/__init__.py and runs the contract tests of
layers, losses and penalties. What computes no number of the mathematics (checks, files, the registry) is the
package's own.
"""

import importlib
from contextlib import contextmanager, nullcontext

import numpy as np

from npae.backend import flat_parameters, parameterized, parameters
from npae.backend.batch_size import BatchSize  # noqa: F401
from npae.backend.files import ABANDONED  # noqa: F401
from npae.backend.typing import Array, ArrayLike, DTypeLike  # noqa: F401

COMPUTE_NOTHING = (
    "arrays", "batch_size", "batches", "checks", "command_line", "config", "console", "cublas", "cublaslt", "extras",
    "files", "fill_values", "fork", "gather", "inputs", "lazy", "meaning", "registry", "remembers", "seen", "settings",
    "text_table", "typing", "window", "window_kernels",
)  # fmt: skip
for module in [importlib.import_module(f"npae.backend.{file}") for file in COMPUTE_NOTHING]:
    globals().update({k: v for k, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__})

matmul = np.matmul
dot = np.dot


def total(x, scale=1.0):
    return np.sum(x) * scale


def sum_rows(rows):
    return np.sum(rows, axis=0)


def matmul_aside(a, b, out):
    return np.matmul(a, b, out=out)


def run_aside(function, *args):
    return function(*args)


def join():
    """Nothing runs aside."""


absolute, cos, exp, expm1, log, log1p = np.absolute, np.cos, np.exp, np.expm1, np.log, np.log1p
maximum, minimum, sin, sqrt, tanh = np.maximum, np.minimum, np.sin, np.sqrt, np.tanh


def sigmoid(a):
    return (1 + tanh(a / 2)) / 2


def flushed(x, least):
    return np.where(np.abs(x) < least, 0 * x, x)


def smallest_normal(dtype):
    return float(np.finfo(dtype).smallest_normal)


def softplus(a):
    return np.logaddexp(a, 0)


tf32 = use_blas = use_fork = nullcontext


def matmul_affine(x, W, b, epilogue, out):
    np.matmul(x, W, out=out)
    return False


class Formula:
    """The function itself, written into `out`."""

    def __init__(self, function):
        self.function = function
        self.uses = function.__code__.co_varnames

    def __call__(self, *args, out=None):
        result = self.function(*args)
        results = result if isinstance(result, tuple) else (result,)
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
        outs = [np.empty(shape, arrays[0].dtype) for _ in results] if out is None else out
        for array, values in zip(outs if isinstance(outs, (tuple, list)) else [outs], results, strict=True):
            array[...] = values
        return out if out is not None else tuple(outs) if isinstance(result, tuple) else outs[0]

    def total(self, *args, scale=1.0, out=()):
        first, *rest = self.function(*args)
        for array, values in zip(out, rest, strict=bool(out)):
            array[...] = values
        return np.sum(first) * scale, *(out or rest)

    def sum_rows(self, *args, sums=1):
        results = self.function(*args)
        return *[np.sum(result, axis=0) for result in results[:sums]], *results[sums:]


def elementwise(function=None, *, out=()):
    return Formula(function) if function else Formula


class ActivationFormulas:
    _epilogue = None
    _forward = property(lambda self: Formula(self.f))
    _forward_sum = property(lambda self: Formula(lambda a, b: (a + b, self.f(a + b))))
    _backward = property(lambda self: Formula(lambda dh, a, h: dh * self.derivative(a, h)))
    _derivatives = property(lambda self: Formula(lambda a, h: (self.derivative(a, h), self.second_derivative(a, h))))


class Places:
    """Nothing is known of where a code is 0."""


def nonzeros(h, features):
    return None


def sparse_matmul(h, places, W, out):
    return np.matmul(h, W, out=out)


def sparse_matmul_transposed(h, places, x, out):
    return np.matmul(h.T, x, out=out)


def matmul_at(x, W, places, out):
    return np.matmul(x, W.T, out=out)


def column_counts(h, places):
    return (h != 0).sum(axis=0).astype(h.dtype)


def kth_largest(x, k):
    return np.sort(x, axis=1)[:, [-k]]


def kth_largest_of_all(x, k):
    return np.maximum(np.sort(x, axis=None)[[-k]], 0)


def array_module(x):
    if not isinstance(x, (np.ndarray, np.generic)):
        raise TypeError(f"Expected a NumPy array, got {type(x).__name__}.")
    return np


def device_of(x):
    return "cpu"


def to_device(x, device):
    return x


def why_no_gpu():
    return "There are plain stand-ins for the CPU alone."


def empty(shape, like, dtype=None):
    return np.empty(shape, dtype or like.dtype)


def empty_like(x):
    return np.empty(x.shape, x.dtype)


def zeros_like(x):
    return np.zeros(x.shape, x.dtype)


def ones(n, like):
    return np.ones(n, like.dtype)


def images(x):
    return x.transpose(0, 3, 1, 2)


def pixels(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def is_channels_last(x):
    return False


def contiguous(x):
    return np.ascontiguousarray(x)


def flat(x):
    return x.reshape(-1)


def rows(x):
    return x.reshape(len(x), -1)


def aligned(shape, dtype, value=0):
    return np.full(shape, value, dtype)


class Arena:
    nbytes = 0

    def __init__(self, max_frames=4):
        pass

    def frame(self, key):
        return nullcontext()


class Parameter(parameters.Parameter):
    def add(self, array, scale=1.0):
        if self.trainable:
            self.grad += scale * array

    def add_product(self, a, b, left_sum=None, right_sum=None):
        self.add(a @ b)
        if left_sum:
            left_sum.add(a.sum(axis=1))
        if right_sum:
            right_sum.add(b.sum(axis=0))

    def add_sum(self, rows):
        self.add(rows.sum(axis=0).reshape(self.shape))


class FlatParameters(flat_parameters.FlatParameters):
    @contextmanager
    def fresh_grad(self):
        self.zero_grad()
        yield


parameterized.FlatParameters = FlatParameters
Parameterized = parameterized.Parameterized


draws_in_step = nullcontext


class Stream:
    def __init__(self, seed=0):
        self.reseed(seed)

    def reseed(self, seed):
        self.rng = np.random.default_rng(seed)

    def uniform(self, like):
        return self.rng.random(like.shape).astype(like.dtype)

    def normal(self, like):
        return self.rng.standard_normal(like.shape).astype(like.dtype)


def fast_windows(x, rows, columns):
    return None


def one_pool(like):
    return nullcontext()


def share_count():
    return 1


def shares(items):
    return [items]


def run_shares(work, parts):
    for k, part in enumerate(parts):
        work(k, part)


def parallel_for(work, n):
    work(0, n)


def thread_count():
    return 1
