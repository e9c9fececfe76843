"""Functions of the fake cupy module that differ from NumPy's: selection, products, functions that synchronise, gemm.

Every other function is NumPy's of the same name, with CuPy's signature (see fake_cupy.py).
"""

import numpy as np

from tests.fake_gpu import api, capture
from tests.fake_gpu.calls import NO_CUBLAS, run, unwrap, wrap
from tests.fake_gpu.counters import bump
from tests.fake_gpu.creation import FUNCTIONS, function
from tests.fake_gpu.device_array import ndarray


@function
def copyto(dst, src, casting="same_kind", where=None):
    bump("kernels")
    run(np.copyto, (dst, src), {"casting": casting, "where": True if where is None else where})


@function
def where(condition, x=None, y=None):
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return condition.nonzero()
    condition = condition.astype("?", copy=False)  # AttributeError for a bool, as in CuPy
    return run(np.where, (condition, x, y), {})


@function
def take(a, indices, axis=None, out=None):
    if not isinstance(a, ndarray):
        unwrap(a)
    return a.take(indices, axis, out)


@function
def take_along_axis(a, indices, axis):
    return run(np.take_along_axis, (a, indices, axis), {})


@function
def matmul(*args, out=None, dtype=None, casting="same_kind", **unusual):
    if len(args) != 2:
        raise TypeError(f"cupy.matmul takes 2 positional arguments, {len(args)} given; `out` is a keyword in CuPy")
    if unusual:
        raise NotImplementedError(f"matmul of the fake GPU does not know {sorted(unusual)}")
    return run(np.matmul, args, {"casting": casting} | ({} if dtype is None else {"dtype": dtype}), out=out)


@function
def einsum(*operands, **kwargs):
    if set(kwargs) - {"dtype", "optimize"}:
        raise TypeError(f"Did not understand the following kwargs: {sorted(set(kwargs) - {'dtype', 'optimize'})}")
    return run(np.einsum, operands, kwargs)


@function
def vdot(a, b):
    if a.size != b.size:
        raise ValueError("Axis dimension mismatch")
    return run(np.vdot, (a, b), {})


@function
def dot(a, b, out=None):
    return a.dot(b, out)


@function
def argmax(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.argmax(axis, out, dtype, keepdims)


@function
def argmin(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.argmin(axis, out, dtype, keepdims)


@function
def clip(a, a_min, a_max, out=None):
    return a.clip(a_min, a_max, out)


def _zero_d(name):
    def compare(*args, **kwargs):
        return run(lambda *a, **k: np.asarray(getattr(np, name)(*a, **k)), args, kwargs)

    FUNCTIONS[name] = compare


def _reads(name):
    def synchronizing(*args, **kwargs):
        bump("syncs")
        return run(getattr(np, name), args, {k: v for k, v in kwargs.items() if v is not None})

    FUNCTIONS[name] = synchronizing


for _name in ("allclose", "array_equal"):  # 0-d arrays in CuPy, bool in NumPy
    _zero_d(_name)
for _name in ("nonzero", "argwhere", "flatnonzero", "unique", "bincount", "extract", "compress", "trim_zeros"):
    _reads(_name)  # the shape of the result depends on values


@function
def save(file, arr, allow_pickle=None):
    np.save(file, arr.get(), allow_pickle=False)


@function
def savez(file, *args, **kwds):
    np.savez(file, *(a.get() for a in args), **{k: a.get() for k, a in kwds.items()})


@function
def cublas__gemm(transa, transb, a, b, out=None, alpha=1.0, beta=0.0):
    """out = alpha op(a) @ op(b) + beta out, op being the transpose for "T"."""
    assert a.ndim == b.ndim == 2
    assert a.dtype == b.dtype
    if a.dtype.char not in "fd":
        raise TypeError("invalid dtype")
    left, right = (x._a.T if t in ("T", 1) else x._a for x, t in ((a, transa), (b, transb)))
    if capture.current() is not None:
        raise NotImplementedError(NO_CUBLAS)
    product = a.dtype.type(alpha) * (left @ right)
    bump("kernels")
    if out is None:
        return wrap(np.asfortranarray(product), keep_order=True)  # CuPy allocates in Fortran order here
    assert out.shape == product.shape
    assert out.dtype == a.dtype
    out._a[...] = product if beta == 0 else product + a.dtype.type(beta) * out._a
    return out


def refuse(name):
    """A legal name that the double does not implement: raises when called."""

    def call(*args, **kwargs):
        raise NotImplementedError(f"cupy.{name} is legal in CuPy {api.VERSION}; the fake GPU does not implement it")

    return call
