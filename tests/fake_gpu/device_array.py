"""The fake cupy.ndarray: a wrapper around one NumPy array, deliberately not a subclass of numpy.ndarray.

So NumPy cannot read it by accident: `np.asarray(x)` raises CuPy's error, and `np.tanh(x)` is passed to the fake module
as it would be to CuPy. Views share memory with their base, in-place operators work in place, reads are counted.
"""

import functools

import numpy as np

from tests.fake_gpu import calls, current
from tests.fake_gpu.calls import HOST, has_fakes, operand, run, unwrap, wrap
from tests.fake_gpu.counters import allocated, bump
from tests.fake_gpu.device import Device, Flags, MemoryPointer
from tests.fake_gpu.ufuncs import Ufunc

IMPLICIT = (
    "Implicit conversion to a NumPy array is not allowed. "
    "Please use `.get()` to construct a NumPy array explicitly."
)  # fmt: skip


class ndarray:  # noqa: N801 (CuPy's name)
    """A fake device array. Made by the fake module's functions, or as cupy.ndarray(shape, dtype): uninitialised."""

    __slots__ = ("__weakref__", "_a", "_device", "base")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("the fake GPU makes no arrays from pointers")
        self._a = np.empty(shape, dtype, order)
        if self._a.dtype.kind in "fc":
            self._a.fill(np.nan)  # so that reading before writing shows
        self.base, self._device = None, current.device()
        allocated(self)

    @classmethod
    def _new(cls, memory):
        self = cls._of(memory)
        allocated(self)
        return self

    @classmethod
    def _of(cls, memory, base=None):
        self = cls.__new__(cls)
        self._a, self.base, self._device = memory, base, current.device() if base is None else base._device
        return self

    # attributes

    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: Flags(self._a.flags))
    data = property(lambda self: MemoryPointer(self._a.ctypes.data, self._device))
    device = property(lambda self: Device(self._device))
    T = property(lambda self: wrap(self._a.T, (self,)))
    mT = property(lambda self: wrap(self._a.mT, (self,)))
    real = property(lambda self: wrap(self._a.real, (self,)))
    imag = property(lambda self: wrap(self._a.imag, (self,)))

    @property
    def shape(self):
        return self._a.shape

    @shape.setter
    def shape(self, shape):
        self._a = self._a.reshape(shape, copy=False)

    # NumPy's protocols

    def __array__(self, dtype=None, copy=None):
        raise TypeError(IMPLICIT)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from tests.fake_gpu.fake_cupy import fake_cupy

        if "out" in kwargs and len(kwargs["out"]) == 1:
            kwargs["out"] = kwargs["out"][0]
        function = getattr(fake_cupy, ufunc.__name__, None)
        return function(*inputs, **kwargs) if method == "__call__" and function else NotImplemented

    def __array_function__(self, func, types, args, kwargs):
        from tests.fake_gpu.fake_cupy import fake_cupy

        try:
            module = functools.reduce(getattr, func.__module__.split(".")[1:], fake_cupy)
            function = getattr(module, func.__name__)
        except AttributeError:
            return NotImplemented
        return NotImplemented if function is func else function(*args, **kwargs)

    # Reading and writing elements

    def _key(self, key, reading):
        """The index, of fake arrays. Counts uploads of host indices, and a synchronisation if a mask gives a shape."""
        parts = []
        for k in key if isinstance(key, tuple) else (key,):
            if isinstance(k, slice) and has_fakes((k.start, k.stop, k.step)):
                raise TypeError("slice indices must be integers: a cupy.ndarray has no __index__")
            if isinstance(k, (list, np.ndarray)):
                k = ndarray._of(np.asarray(unwrap(k) if isinstance(k, list) else k))
                bump("uploads")
            if reading and isinstance(k, ndarray) and k.dtype == bool:
                bump("syncs")
            parts.append(k)
        return (*parts, ...) if not any(k is Ellipsis for k in parts) else tuple(parts)  # x[0, 0] is a view too

    def __getitem__(self, key):
        key = self._key(key, reading=True)
        return run(lambda a, k: a[k], (self, key), {})

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray):
            if value.shape:
                raise ValueError(f"non-scalar numpy.ndarray cannot be used for fill ({HOST})")
            value = value.item()
        operand(value)
        bump("kernels")
        run(lambda a, k, v: a.__setitem__(k, v), (self, self._key(key, reading=False), value), {})

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return _from_host, (self.get(),)

    def __format__(self, spec):
        return format(self.item() if spec else str(self), spec)


def _from_host(a):
    return calls.to_device(a)


def _read(convert):
    def method(self):
        bump("syncs")
        return convert(self._a)

    return method


for _name, _convert in dict(
    __float__=float, __int__=int, __bool__=bool, __complex__=complex, __repr__=repr, __str__=str, __bytes__=bytes
).items():
    setattr(ndarray, _name, _read(_convert))

_BINARY = dict(
    add="add", sub="subtract", mul="multiply", truediv="divide", floordiv="floor_divide", mod="remainder",
    pow="power", lshift="left_shift", rshift="right_shift", xor="bitwise_xor",
)  # fmt: skip
_BINARY |= {"and": "bitwise_and", "or": "bitwise_or"}


def _operator(ufunc):
    """(x op y, y op x, x op= y) as methods."""
    return (
        lambda self, other: ufunc(self, other),
        lambda self, other: ufunc(other, self),
        lambda self, other: ufunc(self, other, out=self),
    )


for _name, _ufunc in _BINARY.items():
    for _prefix, _method in zip(("", "r", "i"), _operator(Ufunc(_ufunc)), strict=True):
        setattr(ndarray, f"__{_prefix}{_name}__", _method)
_COMPARE = dict(lt="less", le="less_equal", eq="equal", ne="not_equal", gt="greater", ge="greater_equal")
for _name, _ufunc in (_COMPARE | dict(divmod="divmod")).items():
    setattr(ndarray, f"__{_name}__", _operator(Ufunc(_ufunc))[0])
for _name, _ufunc in dict(neg="negative", pos="positive", abs="absolute", invert="invert").items():
    setattr(ndarray, f"__{_name}__", functools.partialmethod(lambda self, ufunc: ufunc(self), Ufunc(_ufunc)))
ndarray.__matmul__ = lambda self, other: run(np.matmul, (self, other), {})
ndarray.__rmatmul__ = lambda self, other: run(np.matmul, (other, self), {})
calls.ndarray = ndarray
