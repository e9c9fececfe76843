"""Array creation: the functions of the fake cupy module that make arrays, copy them, or return them to the host.

The registry of hand-written functions is here too: `@function` registers one under its name, where "a__b" means "a.b".
"""

import numpy as np

from tests.fake_gpu.calls import has_fakes, to_device, unwrap
from tests.fake_gpu.device_array import ndarray

FUNCTIONS = {}


def function(f):
    """Register f under its name; its arguments are bound to CuPy's signature before it is called."""
    FUNCTIONS[f.__name__.rstrip("_").replace("__", ".")] = f
    return f


@function
def empty(shape, dtype=float, order="C"):
    return ndarray(shape, dtype, order=order)


@function
def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    like = np.empty_like(unwrap(prototype), dtype, order, shape=shape)
    return ndarray(like.shape, like.dtype, order="C" if like.flags.c_contiguous else "F")


@function
def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if not isinstance(obj, ndarray):
        result = to_device(obj, dtype, order)
    elif not copy and dtype in (None, obj.dtype):
        result = obj
    else:
        result = obj.astype(dtype or obj.dtype, order)
    return result if result.ndim >= ndmin else result.reshape((1,) * (ndmin - result.ndim) + result.shape)


@function
def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    if not isinstance(a, ndarray):
        return to_device(a, dtype, order)
    if not copy and (dtype is None or np.dtype(dtype) == a.dtype):
        return a
    return a.astype(dtype or a.dtype)


FUNCTIONS["asanyarray"] = asarray


@function
def ascontiguousarray(a, dtype=None):
    a = asarray(a, dtype)
    return a if a.flags.c_contiguous and a.ndim else a.reshape(1) if not a.ndim else a.copy("C")


@function
def asfortranarray(a, dtype=None):
    a = asarray(a, dtype)
    return a if a.flags.f_contiguous else a.copy("F")


@function
def copy_(a, order="K"):
    return a.copy(order)


@function
def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(a, ndarray):
        return a.get(stream, order, out)
    host = np.asarray(a, order=order)
    if out is None:
        return host
    out[...] = host
    return out


@function
def get_array_module(*args):
    from tests.fake_gpu.fake_cupy import fake_cupy

    return fake_cupy if has_fakes(args) else np
