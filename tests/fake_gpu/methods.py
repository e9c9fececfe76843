"""The methods of the fake cupy.ndarray: names and keywords from the snapshot, computed by NumPy's methods.

Most need no code of their own (`sum`, `reshape`, …). Those that read from the device, write host memory to it, or
differ from NumPy's are written out here.
"""

import numpy as np

from tests.fake_gpu import api
from tests.fake_gpu.calls import run, wrap
from tests.fake_gpu.counters import bump
from tests.fake_gpu.device_array import ndarray
from tests.fake_gpu.reductions import SEGMENTED, by_cub, partition


def host_index(indices):
    """The indices of `take`: a fake array, a scalar, or a list or host array, which is an upload."""
    if isinstance(indices, (list, tuple, np.ndarray)):
        bump("uploads")
        return wrap(np.asarray(indices))
    return indices


def call(section, name, numpy_function, args, kwargs, keep_order=None):
    """Check the arguments against CuPy's signature and run, with `out` apart. For a method, `args` includes self."""
    signature = api.signature(section, name)
    api.bind(section, name, args[1:] if section == "methods" else args, kwargs)
    bound = signature.bind(*(args[1:] if section == "methods" else args), **kwargs)
    out = bound.arguments.pop("out", None)
    if keep_order is None:  # a function with a parameter `order` follows it as in NumPy
        keep_order = "order" in signature.parameters
    args = (args[0], *bound.args) if section == "methods" else bound.args
    if out is not None and name in SEGMENTED and isinstance(args[0], ndarray) and by_cub(args[0], bound.arguments):
        result = run(numpy_function, args, bound.kwargs)  # CUB writes into a new array, which is copied to `out`
        run(np.copyto, (out, result), {"casting": "unsafe"})
        bump("kernels")
        return out
    return run(numpy_function, args, bound.kwargs, out=out, keep_order=keep_order)


def _generic(name):
    def method(self, *args, **kwargs):
        return call("methods", name, getattr(np.ndarray, name), (self, *args), kwargs)

    method.__name__ = name
    return method


def item(self):
    """The value as a Python scalar. A synchronisation."""
    bump("syncs")
    return self._a.item()


def tolist(self):
    """Nested lists of Python scalars. A synchronisation."""
    bump("syncs")
    return self._a.tolist()


def tobytes(self, order="C"):
    """The bytes on the host. A synchronisation."""
    bump("syncs")
    return self._a.tobytes(order)


def get(self, stream=None, order="C", out=None, blocking=True):
    """A copy on the host, into `out` if given. A synchronisation."""
    bump("syncs")
    if out is None:
        return np.array(self._a, order=order)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"Only numpy.ndarray can be obtained from cupy.ndarray, not {type(out)}")
    if out.dtype != self.dtype or out.shape != self.shape:
        raise (TypeError if out.dtype != self.dtype else ValueError)(
            f"{out.dtype} array of shape {out.shape} cannot be obtained from {self.dtype} array of shape {self.shape}"
        )
    out[...] = self._a
    return out


def set(self, arr, stream=None):  # noqa: A001 (CuPy's name)
    """Copy a host array of the same shape and dtype into this array. An upload."""
    if not isinstance(arr, np.ndarray):
        raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
    if arr.dtype != self.dtype:
        raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
    if arr.shape != self.shape:
        raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
    if not (self._a.flags.c_contiguous or self._a.flags.f_contiguous):
        raise RuntimeError("Cannot set to non-contiguous array")
    bump("uploads")
    self._a[...] = arr


def fill(self, value):
    """Write a scalar everywhere. A device scalar costs a synchronisation: CuPy tests whether it is zero."""
    if isinstance(value, ndarray):
        bump("syncs")
    self[...] = value


def nonzero(self):
    """The indices of all elements that are not zero. Their number needs a synchronisation."""
    bump("syncs")
    return run(np.nonzero, (self,), {})


def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    """A copy in another dtype; the array itself with copy=False if there is nothing to change."""
    dtype = np.dtype(dtype)
    if not copy and dtype == self.dtype:
        return self
    keywords = {} if casting is None else {"casting": casting}
    return run(lambda a: a.astype(dtype, order=order, **keywords), (self,), {}, keep_order=True)


def _arg(name):
    def method(self, axis=None, out=None, dtype=None, keepdims=False):
        result = run(getattr(np, name), (self, axis), {"keepdims": keepdims}, out=out)
        return result if dtype is None else result.astype(dtype)

    return method


def clip(self, min=None, max=None, out=None):  # noqa: A002 (CuPy's names)
    """min(max(x, min), max); one of them may be None, not both."""
    if min is None and max is None:
        raise ValueError("array_clip: must set either max or min")
    return run(np.clip, (self, min, max), {}, out=out)


def take(self, indices, axis=None, out=None):
    """Elements along an axis. As on a GPU, an index out of range is taken modulo the length."""
    return run(np.take, (self, host_index(indices), axis), {"mode": "wrap"}, out=out)


def dot(self, b, out=None):
    """The dot product. That of two vectors is no product of cuBLAS: they are multiplied into a new array, and added."""
    if isinstance(b, ndarray) and self.ndim == b.ndim == 1 and self.shape == b.shape and self.size:
        self * b
        return run(lambda x, y, **k: np.dot(x, y, **k), (self, b), {}, out=out)  # added in the order of the host's BLAS
    return run(np.dot, (self, b), {}, out=out)


def ptp(self, axis=None, out=None, keepdims=False):
    """Maximum minus minimum."""
    return run(np.ptp, (self, axis), {"keepdims": keepdims}, out=out)


def _scatter(ufunc):
    def method(self, slices, value):
        run(lambda a, s, v: ufunc.at(a, s, v), (self, slices, value), {}, out=self)

    return method


def _refuse(name):
    def method(self, *args, **kwargs):
        raise NotImplementedError(f"cupy.ndarray.{name} is legal, but the fake GPU does not implement it")

    return method


_OWN = {f.__name__: f for f in (item, tolist, tobytes, get, set, fill, nonzero, astype, clip, take, dot, ptp)}
_OWN |= {"argmax": _arg("argmax"), "argmin": _arg("argmin")}
_OWN |= {"scatter_add": _scatter(np.add), "scatter_max": _scatter(np.maximum), "scatter_min": _scatter(np.minimum)}
_OWN |= {n: _refuse(n) for n in ("dump", "dumps", "mdspan", "reduced_view", "toDlpack", "tofile", "byteswap")}


def _in_place(name, function=None):
    function = function or getattr(np.ndarray, name)

    def method(self, *args, **kwargs):
        call("methods", name, lambda a, *b, **k: function(a, *b, **k), (self, *args), kwargs)
        bump("kernels")

    return method


_OWN |= {n: _in_place(n) for n in ("sort", "put")}
_OWN["partition"] = _in_place("partition", partition)
for _name in api.SNAPSHOT["methods"]:
    setattr(ndarray, _name, _OWN.get(_name) or _generic(_name))
