"""The fake cupy.random: Generator with exactly CuPy's methods, on bit generators that are seeded as CuPy's are.

The numbers are those of NumPy's Philox generator, so they differ from a GPU's. As on a GPU, only CuPy's methods exist,
a seed repeats its numbers, and `out=` is written. The state is device memory, which dies with its bit generator.
"""

import weakref

import numpy as np

from tests.fake_gpu import api, capture, held
from tests.fake_gpu.calls import operand, run
from tests.fake_gpu.counters import bump
from tests.fake_gpu.device_array import ndarray

UPLOADING = {"uniform", "binomial", "gamma", "beta", "poisson", "geometric", "hypergeometric", "logseries", "power",
             "chisquare", "f", "dirichlet"}  # CuPy makes small arrays of their Python scalars  # fmt: skip


COPYING = {"random", "standard_exponential"}  # of those with `out`


class BitGenerator:
    """A source of bits: seed is None, an int, ints, or a numpy.random.SeedSequence; size the number of GPU threads."""

    def __init__(self, seed=None, *, size=-1):
        if isinstance(seed, ndarray):
            raise TypeError("expected a seed on the host, got a device array")
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        self._numpy = np.random.Philox(np.random.SeedSequence(int(sequence.generate_state(1)[0])))  # 32 bits, as CuPy
        self._draws = np.random.Generator(self._numpy)
        threads = size if size >= 0 else 8 * 256 * 132
        self._state = ndarray((threads * self._bytes,), "i1")  # on a GPU it has the state; here it takes its memory
        if capture.current() is not None:
            raise NotImplementedError("a generator made in a capture would begin anew at every launch")
        bump("kernels", 2)  # zeros, and the initialisation

    _bytes = 0  # of the state, per thread


class Philox4x3210(BitGenerator):
    """cupy.random.Philox4x3210."""

    _bytes = 64


class XORWOW(BitGenerator):
    """cupy.random.XORWOW, the default of default_rng."""

    _bytes = 48


class MRG32k3a(BitGenerator):
    """cupy.random.MRG32k3a."""

    _bytes = 72


class Generator:
    """cupy.random.Generator. A method of NumPy's that CuPy lacks (normal, permutation, choice) is an AttributeError."""

    def __init__(self, bit_generator):
        if not isinstance(bit_generator, BitGenerator):
            raise TypeError(f"expected a bit generator of cupy.random, got {type(bit_generator)}")
        self.bit_generator = bit_generator

    def __getattr__(self, name):
        if name.startswith("_") or name not in api.SNAPSHOT["generator"]:
            raise AttributeError(f"'Generator' object of CuPy {api.VERSION} has no attribute {name!r}")
        return lambda *args, **kwargs: self._draw(name, args, kwargs)

    def _draw(self, name, args, kwargs):
        api.bind("generator", name, args, kwargs)
        arguments = api.signature("generator", name).bind(*args, **kwargs).arguments
        for key, value in arguments.items():
            if key not in ("size", "dtype", "out", "method", "endpoint") and value is not None:
                operand(value)
        if name in UPLOADING:
            bump("uploads")
        out = arguments.pop("out", None)
        dtype = arguments.pop("dtype", None) if name == "uniform" else None
        bits = self.bit_generator
        capturing = capture.current() is not None
        before = bits._numpy.state
        copying = out is not None and name in COPYING  # without `size` CuPy draws one number, and fills `out` with it
        result = run(_Draw(bits, name, weakly=capturing), (), dict(arguments), out=None if copying else out)
        if copying:
            run(np.copyto, (out, result), {})
            bump("kernels")
            result = out
        if capturing:
            bits._numpy.state = before  # nothing was drawn yet; every launch will draw further numbers
        return result if dtype is None else result.astype(dtype)


class _Draw:
    """A draw. A graph has the address of the state only: once the bit generator is gone, its launch raises."""

    def __init__(self, bits, name, weakly):
        self._bits, self._name = weakref.ref(bits) if weakly else lambda: bits, name

    def __call__(self, **arguments):
        bits = self._bits()
        if bits is None:
            raise RuntimeError(held.FREED.format("the state of a random generator."))
        return getattr(bits._draws, self._name)(**arguments)


def default_rng(seed=None):
    """A Generator on XORWOW, or on the given bit generator, or the given Generator itself."""
    if isinstance(seed, Generator):
        return seed
    return Generator(seed if isinstance(seed, BitGenerator) else XORWOW(seed))
