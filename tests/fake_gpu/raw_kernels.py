"""The fake cupy.RawKernel: a kernel of CUDA's own language, launched with a grid of blocks of threads.

g++ compiles its text, and blocks.cpp executes its threads. Arguments are packed as CuPy packs them: an array is its
address, whatever its strides; a Python int has 8 bytes and a Python float is a double. A GPU would read such a number
as something else if the parameter is a float; here that is a TypeError.
"""

import ctypes
import functools

import numpy as np

from tests.fake_gpu import block_text
from tests.fake_gpu.calls import operand
from tests.fake_gpu.device_array import ndarray
from tests.fake_gpu.kernel_text import compiled, contracting, raw_text
from tests.fake_gpu.kernels import launch


class RawKernel:
    """kernel = RawKernel('extern "C" __global__ void name(const float *x, int n) { … }', "name")

    kernel((blocks,), (threads,), (x, np.int32(n)), shared_mem=bytes)
    """

    def __init__(self, code, name, options=(), backend="nvrtc", *, translate_cucomplex=False,
                 enable_cooperative_groups=False, jitify=None):  # fmt: skip
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self._libraries = {}

    def __call__(self, grid, block, args, *, shared_mem=0):
        if not (isinstance(grid, tuple) and isinstance(block, tuple)):
            raise TypeError(f"expected tuples for grid and block, got {grid!r} and {block!r}")
        library = self._library()
        packed = [self._packed(a) for a in args]
        self._check(library, args, packed)
        arrays = [operand(a) for a in args if isinstance(a, ndarray)]
        pointers = (ctypes.c_void_p * len(packed))(*(p.ctypes.data for p in packed))
        sizes = ((*grid, 1, 1)[:3], (*block, 1, 1)[:3])
        grid, block = (tuple(max(1, int(k)) for k in size) for size in sizes)
        arguments = pointers, None, ctypes.c_ssize_t(0)
        launch(
            functools.partial(block_text.execute, library._launch, arguments, grid, block, shared_mem, self.name),
            arrays, packed,
        )  # fmt: skip

    def _library(self):
        if contracting() not in self._libraries:
            if 'extern "C"' not in self.code:
                raise RuntimeError("CUDA_ERROR_NOT_FOUND: named symbol not found")  # C++ gives it another name
            self._libraries[contracting()] = compiled(raw_text(self.code, self.name), self.name)
        return self._libraries[contracting()]

    def _packed(self, argument):
        """The bytes of an argument, as an array of one element."""
        if isinstance(argument, ndarray):
            return np.array([argument._a.ctypes.data], np.uint64)
        if isinstance(argument, np.ndarray) and argument.size != 1:
            raise TypeError(f"You are trying to pass a numpy.ndarray of shape {argument.shape} as a kernel parameter.")
        if not isinstance(argument, (bool, int, float, np.generic, np.ndarray)):
            raise TypeError(f"Unsupported type {type(argument)}")
        return np.asarray(argument).reshape(1)

    def _check(self, library, args, packed):
        sizes = (ctypes.c_size_t * (library._sizes(None) + 1))()
        library._sizes(sizes)
        if len(packed) != len(sizes) - 1:
            raise TypeError(f"kernel {self.name!r} has {len(sizes) - 1} parameters, got {len(packed)} arguments")
        for k, (argument, bytes_, size) in enumerate(zip(args, packed, sizes[1:], strict=True)):
            low_bytes = isinstance(argument, int) and size <= 8  # the low bytes of an integer are right
            if bytes_.itemsize != size and not low_bytes:
                raise TypeError(
                    f"kernel {self.name!r}, parameter {k}: expected {size} bytes, got {bytes_.itemsize} of {argument!r}"
                )
