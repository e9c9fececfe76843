"""From the fake device to NumPy and back: what every call of the double goes through.

`unwrap` turns fake arrays into the NumPy arrays that hold their memory and refuses NumPy arrays, as CuPy does;
`run` computes without warnings, as a GPU does; `wrap` makes fake arrays of the results, C-contiguous unless views.
"""

import warnings

import numpy as np

from tests.fake_gpu.counters import bump

ndarray = None  # the class of fake arrays: device_array.py puts it here, since it needs this file
HOST = "Unsupported type <class 'numpy.ndarray'>"
SCALARS = (bool, int, float, complex, np.generic)


def unwrap(x):
    """The NumPy memory behind x, through lists, tuples and dicts. Raises TypeError for a NumPy array."""
    if isinstance(x, ndarray):
        return x._a
    if isinstance(x, np.ndarray):
        raise TypeError(HOST)
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(unwrap(v) for v in x)
    return {k: unwrap(v) for k, v in x.items()} if isinstance(x, dict) else x


def operand(x):
    """unwrap for a ufunc's or kernel's operand: a fake array or a scalar, nothing else (no lists)."""
    if isinstance(x, ndarray):
        return x._a
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
    """Whether there is a fake array in nested arguments."""
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
    bump("allocations")
    return ndarray._of(result)


def run(function, args, kwargs, out=None, keep_order=False):
    """function(*args, **kwargs) on NumPy memory, counted as one launch unless it only made a view.

    out: the fake array (or tuple of them) given as `out=`, returned as it is. A host array there is refused.
    """
    sources = [*fakes(args), *fakes(tuple(kwargs.values()))]
    args, kwargs = unwrap(args), unwrap(kwargs)
    if out is not None:
        outs = out if isinstance(out, tuple) else (out,)
        if not all(isinstance(o, ndarray) for o in outs):
            raise TypeError("Output arguments type must be cupy.ndarray")
        kwargs["out"] = tuple(o._a for o in outs) if isinstance(out, tuple) else out._a
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mean of an empty slice and the like
        result = function(*args, **kwargs)
    if out is not None:
        bump("kernels")
        return out
    result = wrap(result, sources, keep_order)
    if any(r.base is None for r in fakes(result)):
        bump("kernels")
    return result


def to_device(a, dtype=None, order=None):
    """A fake array with a copy of host data (an upload); a list of fake arrays is stacked on the device instead."""
    parts = list(fakes(a)) if isinstance(a, (list, tuple)) else []
    if parts:
        if len(parts) != len(a):
            raise TypeError("Implicit conversion to a NumPy array is not allowed. Do not mix arrays of both devices.")
        return run(lambda p: np.stack(p).astype(dtype or np.result_type(*p)), (list(a),), {})
    host = np.array(a, dtype=dtype, order=order or "K")
    if host.dtype.kind not in "?biufc" and host.dtype.name != "bfloat16":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    bump("uploads")
    bump("allocations")
    return ndarray._of(host)
