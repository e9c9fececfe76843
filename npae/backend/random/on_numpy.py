"""Uniform numbers on the CPU: numpy.random.Philox, set to a counter, in as many threads as there are cores.

Blocks are independent, so each thread computes a part of the array, with a generator of its own.
"""

import threading

import numpy as np

from npae.backend.random.on_numba import fill_compiled
from npae.backend.random.philox import Draw, per_block
from npae.backend.threads import parallel_for
from npae.backend.typing import Array

SHARED = 2**16  # numbers from which threads save more time than waking them takes

_own = threading.local()  # .generator: the numpy.random.Generator of this thread. Every use sets its state


def fill_uniform(key: Array, draw: Draw, out: Array) -> None:
    """Write independent u ~ U[0, 1) into an array.

    Args:
        key: as key_of returns it.
        draw: which numbers of the key.
        out: a contiguous vector of float32 or float64.
    """
    n = per_block(out.dtype)

    def fill(first: int, last: int) -> None:  # these blocks
        part = out[first * n : last * n]
        done = fill_compiled(key, first, draw, part)
        if done < part.size:
            rest = part[done:]
            _generator(key, first + done // n, draw).random(size=rest.size, dtype=out.dtype, out=rest)

    blocks = -(-out.size // n)
    if out.size < SHARED:
        fill(0, blocks)
    else:
        parallel_for(fill, blocks)


def _generator(key: Array, block: int, draw: Draw) -> "np.random.Generator":
    """This thread's generator, before the first number of a block."""
    if not hasattr(_own, "generator"):
        _own.generator = np.random.Generator(np.random.Philox(key=key))
    counter = np.array([block, draw.number, draw.step % 2**64, 0], np.uint64)
    _own.generator.bit_generator.state = {
        "bit_generator": "Philox", "state": {"counter": counter, "key": key},
        "buffer": np.zeros(4, np.uint64), "buffer_pos": 4, "has_uint32": 0, "uinteger": 0,  # nothing is left over
    }  # fmt: skip
    return _own.generator
