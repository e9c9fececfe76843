"""How much work there is: arithmetic operations, and bytes that have to move at least once. All by formula, none timed.

For a batch of B rows, a Dense layer from I to O features, and numbers of 4 bytes (float32):

    x W                               2 B I O operations              x, W read, x W written
    ∂J/∂W = xᵀ dy                     2 B I O                         x, dy read, ∂J/∂W written
    ∂J/∂b = 1ᵀ dy                     2 B O                           dy read, ∂J/∂b written
    ∂J/∂x = dy Wᵀ                     2 B I O                         dy, W read, ∂J/∂x written
    an elementwise formula            one an element and traced step  inputs read, outputs written
    Σ u v over n numbers              2 n                             u, v read

For images, with a kernel of k k C O numbers that looks at n places of the whole batch:

    convolution, X W                  2 n k k C O                     x, W read, y written
    ∂J/∂W = Xᵀ dy                     2 n k k C O                     x, dy read, ∂J/∂W written
    ∂J/∂x = col2im(dy Wᵀ)             2 n k k C O                     dy, W read, ∂J/∂x written
    windows of k k, n of them         (k k − 1) n                     x read, y written
    ∂J/∂x of their maxima             2 k k n                         x, y, dy read, ∂J/∂x written

The patches X, k k C n numbers, are no bytes here: they are made block by block, and a block is multiplied before it
leaves the cache (npae/layers/convolve.py). Nor are a pooling's maxima along one axis, or images with zeros around them.
Taps on such zeros are operations: the product makes them. A transposed convolution is the same with x and y exchanged.

The bias is an elementwise formula, by itself or in the activation's. A multiplication and an addition are two
operations; exp and tanh count as one, as does a comparison. What is read twice from a cache is counted once: these are
floors, and whoever moves more is below the ceiling by so much.
"""

import math
from dataclasses import dataclass

from benchmarks.machine import memory_rate
from npae.layers import AveragePool2D, MaxPool2D, Upsample2D

WIDTH = 4  # bytes a number


@dataclass(frozen=True)
class Work:
    """A number of operations, of bytes to be moved, and of bytes held: of distinct arrays, which a cache may keep."""

    operations: int = 0
    bytes: int = 0
    held: int = 0

    def __add__(self, other):
        return Work(self.operations + other.operations, self.bytes + other.bytes, self.held + other.held)

    def floor(self, limits, held=0):
        """Seconds that the ceilings `limits` ask for at least: for the arithmetic, or for memory if that is more.

        held: bytes of everything that takes turns in the cache, if more than this work's own.
        """
        memory = self.bytes / memory_rate(limits["memory"], max(self.held, held))
        return 1e-9 * max(self.operations / limits["gflops"], memory)


def _once(operations, *counts):
    """The Work of operations on arrays of so many numbers, each of them moved once."""
    return Work(operations, WIDTH * sum(counts), WIDTH * sum(counts))


def product(m, k, n):
    """The Work of (m, k) times (k, n)."""
    return _once(2 * m * k * n, m * k, k * n, m * n)


def bias_gradient(B, O):  # noqa: E741 (the letters of the formula)
    """The Work of ∂J/∂b = 1ᵀ dy."""
    return _once(2 * B * O, B * O, O)


def dense_backward(B, I, O, needs_dx=True):  # noqa: E741
    """The Work of ∂J/∂W, ∂J/∂b and, where needed, ∂J/∂x."""
    return product(I, B, O) + bias_gradient(B, O) + (product(B, O, I) if needs_dx else Work())


def places(x, y):
    """How many places a kernel looks at, for images x and y of its layer: the pixels of the smaller ones."""
    return len(x) * min(math.prod(a.shape[2:]) for a in (x, y))


def convolution(places, W, x, y):
    """The Work of one product of a convolution; W, x, y: how many numbers each has. All three move the same arrays."""
    return _once(2 * places * W, W, x, y)


def convolution_backward(places, W, x, y, c_out, needs_dx=True):
    """The Work of ∂J/∂W, ∂J/∂b and, where needed, ∂J/∂x."""
    product_each = convolution(places, W, x, y)
    return product_each + bias_gradient(y // c_out, c_out) + (product_each if needs_dx else Work())


def windows(layer, x, y):
    """(Work forward, Work backward) of a pooling or an upsampling whose windows tile the image, from x to y numbers."""
    match layer:
        case MaxPool2D():
            return _once(x - y, x, y), _once(2 * x, x, y, y, x)
        case AveragePool2D():
            return _once(x, x, y), _once(y, y, x)  # a sum, and a product for each of its results
        case Upsample2D():
            return _once(0, x, y), _once(y - x, y, x)


def drawn(n):
    """The Work of n random numbers: an operation each, though it takes some; written."""
    return _once(n, n)


def dot(n):
    """The Work of Σ u v over n numbers."""
    return _once(2 * n, n, n)


def loss_sums(loss, n):
    """The Works of the dot products in which a loss over n numbers ends, beside its formula."""
    return {"BinaryCrossEntropy": 2, "SquaredError": 1}[type(loss).__name__] * [dot(n)]


def gather(B, features):
    """The Work of taking B rows of uint8 pixels as numbers: read one byte, scale it, write four."""
    moved = B * features * (1 + WIDTH)
    return Work(B * features, moved, moved)


def evaluation(e):
    """The Work of a benchmarks.formulas.Evaluation."""
    _, operations, _ = e.formula.traced
    outs = e.out if isinstance(e.out, tuple) else (e.out,)
    given = [a for name, a in zip(e.formula.input_names, e.args, strict=True) if name in e.formula.uses]
    arrays = [a for a in (*given, *outs) if hasattr(a, "dtype")]
    held = sum(a.size for a in {id(a): a for a in arrays}.values())
    return Work(outs[0].size * len(operations), WIDTH * sum(a.size for a in arrays), WIDTH * held)


def total(works):
    """The sum of several Works."""
    return sum(works, Work())
