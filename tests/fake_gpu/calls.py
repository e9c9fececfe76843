"""Calls of the double: from fake arrays to NumPy's memory, the computation, and back.

`unwrap` turns fake arrays into the NumPy arrays that hold their memory and refuses NumPy arrays, as CuPy does. `run`
computes without warnings, as a GPU does. `wrap` makes fake arrays of the results, C-contiguous unless they are views.
"""

import warnings

import numpy as np

from tests.fake_gpu import capture, current, held
from tests.fake_gpu.counters import bump

ndarray = None  # the class of fake arrays; device_array.py, which imports this file, sets it
HOST = "Unsupported type <class 'numpy.ndarray'>"
SCALARS = (bool, int, float, complex, np.generic)


def _memory(x):
    """The NumPy memory of a fake array, which must be on the current device."""
    if x._device != current.device():
        raise ValueError(
            f"The device where the array resides ({x._device}) is different from the current device "
            f"({current.device()}). Peer access is unavailable between these devices."
        )
    return x._a


def unwrap(x):
    """The NumPy memory behind x, through lists, tuples and dicts. Raises TypeError for a NumPy array."""
    if isinstance(x, ndarray):
        return _memory(x)
    if isinstance(x, np.ndarray):
        raise TypeError(HOST)
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(unwrap(v) for v in x)
    return {k: unwrap(v) for k, v in x.items()} if isinstance(x, dict) else x


def operand(x):
    """unwrap for a ufunc's or kernel's operand: a fake array or a scalar, nothing else (no lists)."""
    if isinstance(x, ndarray):
        return _memory(x)
    if not isinstance(x, SCALARS):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def fakes(x):
    """All fake arrays in nested arguments."""
    if isinstance(x, ndarray):
        yield x
    elif isinstance(x, (list, tuple)):
        for v in x:
            yield from fakes(v)


def has_fakes(x):
    """Is there a fake array in nested arguments?"""
    return next(fakes(x), None) is not None


def wrap(result, sources=(), keep_order=False):
    """A fake array for every NumPy array or scalar in `result`. `sources`: fake arrays it may be a view of."""
    if isinstance(result, (list, tuple)):
        parts = [wrap(r, sources, keep_order) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    result = np.asarray(result)
    for s in sources:
        if result.size and np.may_share_memory(result, s._a):
            return ndarray._of(result, base=s if s.base is None else s.base)
    if not (keep_order or result.flags.c_contiguous):  # CuPy's results do not keep Fortran order
        result = np.ascontiguousarray(result)
    return ndarray._new(result)


def _quietly(function, args, kwargs):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mean of an empty slice and the like
        return function(*args, **kwargs)


def run(function, args, kwargs, out=None, keep_order=False):
    """function(*args, **kwargs) on NumPy memory, counted as one launch unless it only made a view.

    out: the fake array (or tuple of them) given as `out=`, which is returned. A host array is refused.
    """
    sources = [*fakes(args), *fakes(tuple(kwargs.values()))]
    args, kwargs = unwrap(args), unwrap(kwargs)
    if out is not None:
        outs = out if isinstance(out, tuple) else (out,)
        if not all(isinstance(o, ndarray) for o in outs):
            raise TypeError("Output arguments type must be cupy.ndarray")
        kwargs["out"] = unwrap(out)
    capturing = capture.current()
    if capturing is not None:
        return _record(capturing, function, args, kwargs, sources, out, keep_order)
    result = _quietly(function, args, kwargs)
    if out is not None:
        bump("kernels")
        return out
    result = wrap(result, sources, keep_order)
    if any(r.base is None for r in fakes(result)):
        bump("kernels")
    return result


NO_CUBLAS = "calling cuBLAS API during stream capture is currently unsupported"  # CuPy's words
CUBLAS = (np.matmul, np.dot, np.inner, np.vdot, np.tensordot, np.einsum)


def _copied(x):
    """x with copies of all NumPy arrays in it."""
    if isinstance(x, np.ndarray):
        return x.copy("K")
    if isinstance(x, (list, tuple)):
        return type(x)(_copied(v) for v in x)
    return {k: _copied(v) for k, v in x.items()} if isinstance(x, dict) else x


def _arrays(x):
    """All NumPy arrays in nested arguments."""
    if isinstance(x, np.ndarray):
        return [x]
    return [a for v in x for a in _arrays(v)] if isinstance(x, (list, tuple)) else []


def _record(capturing, function, args, kwargs, sources, out, keep_order):
    """run() in a capture: computed on copies now, for errors and shapes, and on the memory at every launch."""
    if any(function is f for f in CUBLAS):
        raise NotImplementedError(NO_CUBLAS)
    copies = _copied(args)
    trial = _quietly(function, copies, _copied(kwargs))
    places = held.addresses((args, kwargs))
    if out is not None:
        capturing.record(lambda: _quietly(function, *held.arrays(places)))
        return out
    results = _arrays(trial if isinstance(trial, (list, tuple)) else np.asarray(trial))
    if any(r.size and np.may_share_memory(r, a) for r in results for a in _arrays(copies)):
        return wrap(_quietly(function, args, kwargs), sources, keep_order)  # a view needs no operation
    result = wrap(trial, (), keep_order)
    memories = [r._a for r in fakes(result)]
    written = held.addresses(memories)

    def operation():
        again = _quietly(function, *held.arrays(places))
        values = again if isinstance(again, (list, tuple)) else [again]
        for memory, value in zip(held.arrays(written), values, strict=False):
            memory[...] = value

    for memory in memories:
        if memory.dtype.kind in "fc":
            memory.fill(np.nan)  # so that reading before a launch shows
    capturing.record(operation)
    return result


def to_device(a, dtype=None, order=None):
    """A fake array with a copy of host data, an upload; a list of fake arrays is stacked on the device instead."""
    parts = list(fakes(a)) if isinstance(a, (list, tuple)) else []
    if parts:
        if len(parts) != len(a):
            raise TypeError("Implicit conversion to a NumPy array is not allowed. Do not mix arrays of both devices.")
        return run(lambda p: np.stack(p).astype(dtype or np.result_type(*p)), (list(a),), {})
    host = np.array(a, dtype=dtype, order=order or "K")
    if host.dtype.kind not in "?biufc" and host.dtype.name != "bfloat16":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    bump("uploads")
    return ndarray._new(host)
