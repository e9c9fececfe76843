"""One pool of threads for a training step on the CPU: a free thread takes the next piece of work.

OpenBLAS, which multiplies NumPy's matrices, cuts each product into one part per thread and waits for all of them. If
another program pushes one thread off its core, all wait for it, some milliseconds for a product of some microseconds.
Two busy programs on two cores made steps of small networks ten times slower. Here each thread takes the next piece when
it is free: a thread that has lost its core holds up one piece, not every product.

    task.py       a task and its pieces in memory, how threads take pieces, sleep and wake up
    atomics.py    the few machine instructions that several threads may use on one number
    pieces.py     which pieces a product has, and the same pieces computed by NumPy
    product.py    a product as a task: each piece is one call of OpenBLAS with one thread
    loops.py      a loop over the elements of arrays as a task
    turn.py       the pool of the process, and who may use it

Pieces depend on shapes, dtype and number of threads, never on who computes them: results are equal to the bit on a
quiet machine and on a busy one, with Numba and without it. Numba compiles what takes pieces (the extra `fast`). Without
it one thread computes the pieces of small products, and Python's threads those of large ones.
"""

from npae.backend.pool.turn import current, has_pool, one_pool

__all__ = ["current", "has_pool", "one_pool"]
