"""Random numbers by counter: the same numbers on every device, without a state.

A layer draws from its Stream, and a training step numbers the draws. In reading order:

    philox.py        Philox, a function from a counter to random bits
    on_numba.py      uniform numbers by a compiled loop
    on_numpy.py      uniform numbers by NumPy
    box_muller.py    normal numbers from uniform ones
    on_cupy.py       both on the GPU, one kernel each
    stream.py        Stream, the random numbers of a layer; their place in a training step
"""

from npae.backend.random.stream import Stream, draws_in_step

__all__ = ["Stream", "draws_in_step"]
