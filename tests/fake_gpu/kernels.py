"""The fake cupy.ElementwiseKernel: CuPy's rules for parameters, types, broadcasting and outputs; g++ compiles it.

The meaning of `T`, which arguments may be scalars, when an output is allocated and which calls raise follow CuPy's
_kernel.pyx. So a kernel's text and its calls are tested on a machine without a GPU.
"""

import ctypes
import functools
import math
import re

import numpy as np

from tests.fake_gpu import block_text, capture, held
from tests.fake_gpu.calls import operand
from tests.fake_gpu.counters import bump
from tests.fake_gpu.device_array import ndarray
from tests.fake_gpu.kernel_text import C_TYPES, NO_COMPILER, available, compiled, contracting, text

__all__ = ["NO_COMPILER", "ElementwiseKernel", "available"]


class Parameter:
    """One parameter of a kernel: "T x", "float64 lr", "raw T z". dtype is None for a placeholder of one letter."""

    def __init__(self, declaration, is_const):
        words = declaration.split()
        if len(words) < 2:
            raise Exception(f"Syntax error: {declaration}")
        *keywords, kind, self.name = words
        self.is_const, self.raw, self.ctype = is_const, False, kind
        self.dtype = None if len(kind) == 1 else np.dtype(kind)
        for word in keywords:
            if word == "raw":
                self.raw = True
            elif word == "_non_const":
                self.is_const = False
            else:
                raise Exception(f'Unknown keyword "{word}"')


def _parameters(declarations, is_const):
    return tuple(Parameter(d, is_const) for d in declarations.split(",")) if declarations else ()


def _c_type(dtype):
    if dtype.name not in C_TYPES:
        raise NotImplementedError(f"kernels of the fake GPU do not know {dtype}")
    return C_TYPES[dtype.name]


class ElementwiseKernel:
    """kernel = ElementwiseKernel("T x, float64 lr", "T y", "y = x * lr", "name"); y = kernel(x, 0.1, y)"""

    def __init__(self, in_params, out_params, operation, name="kernel", reduce_dims=True, preamble="",
                 no_return=False, return_tuple=False, *, loop_prep="", after_loop="", options=()):  # fmt: skip
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z_0-9]*", name):
            raise ValueError(f'Invalid kernel name: "{name}"')
        self.in_params, self.out_params = _parameters(in_params, True), _parameters(out_params, False)
        self.params = self.in_params + self.out_params
        self.nin, self.nout, self.nargs = len(self.in_params), len(self.out_params), len(self.params)
        self.operation, self.name, self.preamble = operation, name, preamble
        self.no_return, self.return_tuple, self.reduce_dims = no_return, return_tuple, reduce_dims
        self.loop_prep, self.after_loop = loop_prep, after_loop
        self._functions = {}
        if re.search(r"\breturn\b", operation) and "[" not in operation and not block_text.uses_threads(self):
            raise NotImplementedError("`return` would end the whole loop on the fake GPU: write `continue`")
        if any(p.name == "i" for p in self.params):
            raise ValueError("Can not use 'i' as a parameter name")

    def __call__(self, *args, size=-1, stream=None, block_size=128, **wrong):
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or {self.nargs} "
                f"(with outputs), but given {len(args)}."
            )
        for a in args:
            operand(a)
        ins, outs = list(args[: self.nin]), list(args[self.nin :])
        shape = self._shape(args, size)
        if not all(isinstance(o, ndarray) for o in outs):
            raise TypeError("Output arguments type must be cupy.ndarray")
        types = self._types(ins, outs)
        dtypes = [p.dtype or types[p.ctype] for p in self.params]
        if not outs:
            if size == -1 and any(p.raw for p in self.out_params):
                raise ValueError("Output array size is Undecided")
            outs = [ndarray(shape, t) for t in dtypes[self.nin :]]
        for p, o in zip(self.out_params, outs, strict=True):
            if not p.raw and o.shape != shape:
                raise ValueError("Out shape is mismatched")
        if block_size <= 0:
            raise ValueError("block_size must be greater than zero")
        if math.prod(shape):
            self._launch(ins + outs, dtypes, types, shape, block_size)
        if self.no_return:
            return None
        return outs[0] if self.nout == 1 and not self.return_tuple else tuple(outs)

    def _shape(self, args, size):
        shapes = [a.shape for p, a in zip(self.params, args, strict=False) if isinstance(a, ndarray) and not p.raw]
        if size != -1:
            if shapes:
                raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
            return (size,)
        if not shapes:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*shapes)

    def _types(self, ins, outs):
        """{placeholder: dtype}: outputs first, then inputs. Scalars decide nothing; disagreement is a TypeError."""
        types = {}
        for p, a in [*zip(self.out_params, outs, strict=False), *zip(self.in_params, ins, strict=True)]:
            if not isinstance(a, ndarray):
                continue
            expected = p.dtype or types.setdefault(p.ctype, a.dtype)
            if a.dtype != expected:
                raise TypeError(f"Type is mismatched. {p.name} {a.dtype} {expected} {p.ctype}")
        for p in self.params:
            if p.dtype is None and p.ctype not in types:
                raise KeyError(p.ctype)  # CuPy's exception if no array determines the placeholder
        return types

    def _launch(self, args, dtypes, types, shape, block_size):
        pointers, metas, kinds, numbers, arrays = [], [], [], [], []
        for p, a, dtype in zip(self.params, args, dtypes, strict=True):
            is_array = isinstance(a, ndarray)
            if is_array:
                memory = a._a if p.raw or a.shape == shape else np.broadcast_to(a._a, shape)
                arrays.append(a._a)
            else:
                memory = np.empty((), dtype)
                numbers.append(memory)
                with np.errstate(all="ignore"):
                    memory[()] = a  # as CuPy packs a scalar: 2**70 into an int32 raises, 0.1 into a float32 rounds
            meta = [memory.size, memory.ndim, memory.flags.c_contiguous, *memory.shape, *memory.strides]
            metas.append((ctypes.c_ssize_t * len(meta))(*meta))
            pointers.append(memory.ctypes.data)
            kinds.append((_c_type(dtype), is_array))
        key = (*kinds, *types.items(), contracting())
        if key not in self._functions:
            source = text(self, kinds, {t: _c_type(d) for t, d in types.items()})
            self._functions[key] = compiled(source, self.name)
        meta_pointers = (ctypes.c_void_p * len(metas))(*(ctypes.addressof(m) for m in metas))
        size = math.prod(shape)
        arguments = (ctypes.c_void_p * len(pointers))(*pointers), meta_pointers, ctypes.c_ssize_t(size)
        library = self._functions[key]
        if block_text.uses_threads(self):
            grid, block = (-(-size // block_size), 1, 1), (min(block_size, size), 1, 1)
            operation = functools.partial(block_text.execute, library._launch, arguments, grid, block, 0, self.name)
        else:
            operation = functools.partial(library._kernel, *arguments)
        launch(operation, arrays, numbers, metas)


def launch(operation, arrays, *numbers):
    """Execute a kernel, or record it with its numbers, which are the same at every launch, and addresses of arrays."""
    bump("kernels")
    capturing = capture.current()
    if capturing is None:
        operation()
        return
    places = held.addresses(arrays)
    capturing.record(lambda: (held.arrays(places), operation(), numbers))
