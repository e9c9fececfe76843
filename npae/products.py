"""Matrix products, the one expensive operation of a network: by the BLAS of the array's own library.

Everything that multiplies matrices in a training step comes through here, so that there is one place to say how.
"""

from npae.backend import array_module


def matmul(a, b, out=None):
    """a b for matrices (or one row vector a), written to `out` if it is given."""
    return array_module(a).matmul(a, b, out=out)


def dot(a, b):
    """Σ_i a_i b_i of two vectors: a scalar on the device. The fastest sum there is."""
    return array_module(a).dot(a, b)
