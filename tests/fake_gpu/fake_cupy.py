"""The fake GPU: a stand-in for the module cupy that runs on the CPU and is as strict as CuPy.

    from tests.fake_gpu.fake_cupy import fake_cupy as cp

    x = cp.asarray(np.ones((2, 3), np.float32))      # an upload
    with cp.count() as c:
        y = cp.maximum(x @ x.T, 0)
    assert (c.syncs, c.uploads) == (0, 0)

A name that CuPy does not have raises AttributeError; an unknown keyword, or a NumPy array among the operands, raises
TypeError. A name that CuPy has and the double does not implement raises NotImplementedError when it is called.
"""

import functools

import numpy as np

from tests.fake_gpu import api, counters, generators
from tests.fake_gpu.device import POOL, Cuda
from tests.fake_gpu.device_array import ndarray
from tests.fake_gpu.functions import FUNCTIONS, refuse
from tests.fake_gpu.kernels import ElementwiseKernel
from tests.fake_gpu.methods import call
from tests.fake_gpu.raw_kernels import RawKernel
from tests.fake_gpu.ufuncs import Ufunc

UNLIKE_NUMPY = ("load", "frombuffer", "fromfunction", "fromiter", "loadtxt", "from_dlpack", "memoize", "piecewise",
                "show_config", "mgrid", "ogrid", "apply_along_axis", "savetxt", "savez_compressed",
                "set_allocator")  # legal, not implemented  # fmt: skip


def fuse(*args, **kwargs):
    """cupy.fuse as a decorator, with or without arguments. The function is simply called: neither fused nor traced."""
    if len(args) == 1 and callable(args[0]):
        return args[0]
    return lambda function: function


COMPUTE_TYPES = {"float32": 1}  # of matrix products, as CuPy numbers them: 1 the default, 7 TF32

OBJECTS = {
    "ndarray": ndarray,
    "ElementwiseKernel": ElementwiseKernel,
    "RawKernel": RawKernel,
    "fuse": fuse,
    "ufunc": Ufunc,
    "cuda": Cuda(),
    "is_available": lambda: True,
    "_core._routines_linalg.COMPUTE_TYPE_DEFAULT": 1,
    "_core._routines_linalg.COMPUTE_TYPE_TF32": 7,
    "_core.get_compute_type": lambda dtype: COMPUTE_TYPES[np.dtype(dtype).name],
    "_core.set_compute_type": lambda dtype, value: COMPUTE_TYPES.update({np.dtype(dtype).name: value}),
    "get_default_memory_pool": lambda: POOL,
    "get_default_pinned_memory_pool": lambda: POOL,
    "clear_memo": lambda: None,
    "random.Generator": generators.Generator,
    "random.BitGenerator": generators.BitGenerator,
    "random.Philox4x3210": generators.Philox4x3210,
    "random.XORWOW": generators.XORWOW,
    "random.MRG32k3a": generators.MRG32k3a,
    "random.default_rng": generators.default_rng,
}


def _function(name):
    """The function `name` behind CuPy's signature."""
    own = FUNCTIONS.get(name)
    numpys = functools.reduce(lambda o, part: getattr(o, part, None), name.split("."), np)
    if own is None and (numpys is None or name in UNLIKE_NUMPY or name.startswith("random.")):
        return refuse(name)

    def function(*args, **kwargs):
        if own is None:
            return call("functions", name, numpys, args, kwargs)
        api.bind("functions", name, args, kwargs)
        return own(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    return function


def resolve(name):
    """`cupy.<name>` for a dotted name. Raises AttributeError if CuPy does not have it."""
    if name in OBJECTS:
        return OBJECTS[name]
    if name in api.SNAPSHOT["numpy"]:
        return functools.reduce(getattr, name.split("."), np)
    if name in api.SNAPSHOT["ufuncs"]:
        return Ufunc(name)
    if name in api.SNAPSHOT["functions"]:
        return _function(name)
    if name in api.SNAPSHOT["classes"]:
        return refuse(name)
    if api.submodule(name):
        return Namespace(name)
    raise api.missing(name)


class Namespace:
    """A module of the fake GPU. It looks a name up in the snapshot when it is first used."""

    def __init__(self, prefix=""):
        self._prefix = prefix
        self.__name__ = f"fake_cupy.{prefix}" if prefix else "fake_cupy"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = resolve(f"{self._prefix}.{name}" if self._prefix else name)
        setattr(self, name, value)
        return value

    def __repr__(self):
        return f"<module '{self.__name__}'>"


fake_cupy = Namespace()
fake_cupy.__version__ = f"{api.VERSION}+fake"
fake_cupy.counters = counters.total
fake_cupy.count = counters.count
