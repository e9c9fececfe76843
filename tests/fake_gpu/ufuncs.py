"""CuPy's ufuncs on fake memory: operands are fake arrays or scalars, keywords are `out`, `dtype` and `casting`.

NumPy's ufunc of the same name computes the result. Lists, host arrays, `where=` and most methods are refused, as CuPy
refuses them.
"""

import numpy as np

from tests.fake_gpu import api
from tests.fake_gpu.calls import operand, run

SCATTER = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}  # have .at in CuPy
WITHOUT_NUMPY_UFUNC = {  # ufuncs in CuPy, plain functions in NumPy
    "nan_to_num": np.nan_to_num, "sinc": np.sinc, "i0": np.i0, "fix": np.trunc, "real": np.real, "imag": np.imag,
}  # fmt: skip


def _apart(a, out):
    """An operand, or a copy of it if it shares memory with an `out` that is another object, as CuPy makes one."""
    memory = operand(a)
    for o in out if isinstance(out, tuple) else (out,):
        if o is not None and o is not a and isinstance(memory, np.ndarray) and isinstance(operand(o), np.ndarray):
            if np.may_share_memory(memory, operand(o)):
                return a.copy()
    return a


class Ufunc:
    """A ufunc such as cupy.add: callable, with nin, nout, types and the few methods that CuPy has."""

    def __init__(self, name):
        self.name = f"cupy_{name}"
        self.__name__ = name
        self.types = api.loops(name)
        ins, _, outs = self.types[0].partition("->")
        self.nin, self.nout = len(ins), len(outs)
        self.nargs = self.nin + self.nout
        self._numpy = getattr(np, name, None) or WITHOUT_NUMPY_UFUNC[name]
        if not isinstance(self._numpy, np.ufunc):
            self._numpy = WITHOUT_NUMPY_UFUNC[name]

    def __repr__(self):
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args, out=None, dtype=None, casting="same_kind", **wrong):
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or {self.nargs} "
                f"(with outputs), but given {len(args)}."
            )
        if len(args) > self.nin:
            if out is not None:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            out = args[self.nin :] if self.nout > 1 else args[self.nin]
        args = tuple(_apart(a, out) for a in args[: self.nin])
        keywords = {}
        if isinstance(self._numpy, np.ufunc):
            keywords = {"casting": casting} | ({} if dtype is None else {"dtype": dtype})
        if isinstance(out, tuple) and len(out) == 1:
            (out,) = out
        return run(self._numpy, args, keywords, out=out)

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        """Only add and multiply reduce in CuPy."""
        method = {"add": "sum", "multiply": "prod"}.get(self.__name__)
        if method is None:
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return getattr(array, method)(axis, dtype, out, keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        """Only add and multiply accumulate in CuPy."""
        method = {"add": "cumsum", "multiply": "cumprod"}.get(self.__name__)
        if method is None:
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return getattr(array, method)(axis, dtype, out)

    def at(self, a, indices, b=None):
        """Scatter in place (atomic on a GPU, so the order of additions varies there)."""
        if self.__name__ not in SCATTER:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        run(lambda a, i, b: self._numpy.at(a, i, b), (a, indices, b), {}, out=a)

    def outer(self, A, B, **kwargs):
        """The ufunc of all pairs of elements."""
        return self(A.reshape(A.shape + (1,) * B.ndim), B.reshape((1,) * A.ndim + B.shape), **kwargs)
