"""Single layers of convolutional networks, each with an input x and a gradient ∂J/∂y.

The sizes are those of the two convolutional workloads (benchmarks/workloads.py) at a batch of 128. `layers` compares
them with the plain text of their formulas, `layer_by_layer` with PyTorch's layers.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.clock import Disagreement
from npae.backend import Arena, images, one_pool, pixels, to_device
from npae.layers import AveragePool2D, BatchNorm, Conv2D, ConvTranspose2D, Dropout, MaxPool2D, Upsample2D


class Case(NamedTuple):
    """A layer, kind(*args), and the shape of its input. needs_dx: False for a first layer, which needs no ∂J/∂x."""

    kind: type
    args: tuple
    shape: tuple
    needs_dx: bool = True


DIRECTIONS = ("forward", "backward")
SAME = (3, 1, "same")  # 3 × 3, stride 1
DOUBLING = (3, 2, "same")
CASES = {
    "Conv2D 1 → 32, 28 × 28": Case(Conv2D, (1, 32, *SAME), (128, 1, 28, 28), needs_dx=False),
    "Conv2D 16 → 8, 14 × 14": Case(Conv2D, (16, 8, *SAME), (128, 16, 14, 14)),
    "Conv2D 32 → 32, 14 × 14": Case(Conv2D, (32, 32, *SAME), (128, 32, 14, 14)),
    "ConvTranspose2D 32 → 32, 7 × 7": Case(ConvTranspose2D, (32, 32, *DOUBLING), (128, 32, 7, 7)),
    "ConvTranspose2D 32 → 32, 14 × 14": Case(ConvTranspose2D, (32, 32, *DOUBLING), (128, 32, 14, 14)),
    "MaxPool2D 2 × 2 of 16, 28 × 28": Case(MaxPool2D, (2,), (128, 16, 28, 28)),
    "AveragePool2D 2 × 2 of 16, 28 × 28": Case(AveragePool2D, (2,), (128, 16, 28, 28)),
    "Upsample2D 2 × 2 of 8, 14 × 14": Case(Upsample2D, (2,), (128, 8, 14, 14)),
    "BatchNorm of 512": Case(BatchNorm, (512,), (128, 512)),
    "BatchNorm of 32, 14 × 14": Case(BatchNorm, (32,), (128, 32, 14, 14)),
    "Dropout of 1000": Case(Dropout, (0.5,), (128, 1000)),
}


def numbers(shape, seed, device):
    """Standard normal float32 numbers, the same on every device; images (B, C, H, W) lie channels last in memory."""
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return images(to_device(pixels(values), device)) if values.ndim == 4 else to_device(values, device)


def in_a_frame(call, device="cpu"):
    """A function that makes the call as in a training step: with an arena of its own, and the pool of threads."""
    arena, pool = Arena(), one_pool(to_device(np.zeros(1), device))

    def run():
        with arena.frame(0), pool:
            call()

    return run


class Single:
    """The layer of a Case on a device, with x and dy, and with `forward` and `backward` as in training."""

    def __init__(self, case, device="cpu"):
        self.case, self.layer = case, case.kind(*case.args)
        self.theta = None
        if self.layer.parameters:
            self.theta = self.layer.initialize(seed=0, device=device).theta
            self.theta.value[...] += 0.1 * numbers((self.theta.size,), 3, device)  # otherwise biases would be zero
        self.x = numbers(case.shape, 1, device)
        self.y, self.cache = self.layer.forward(self.x, training=True)
        self.dy = numbers(self.y.shape, 2, device)

    def forward(self):
        """(y,)."""
        return (self.layer.forward(self.x, training=True)[0],)

    def backward(self):
        """(∂J/∂x, ∂J/∂θ), without those that do not exist or are not needed."""
        if self.theta is None:
            return (self.layer.backward(self.dy, self.cache),)
        with self.theta.fresh_grad():
            dx = self.layer.backward(self.dy, self.cache, self.case.needs_dx)
        return (dx, self.theta.grad) if self.case.needs_dx else (self.theta.grad,)

    def results(self, direction):
        """The arrays of forward or backward, on the CPU, that must be the same on all devices and in all frameworks."""
        arrays = [to_device(a, "cpu") for a in getattr(self, direction)()]
        return comparable(self, direction, arrays, to_device(self.y, "cpu"))


def comparable(single, direction, arrays, y):
    """`arrays` as all frameworks should have them. For Dropout, whose mask is random: as they were without a mask.

    y: the output of the forward pass. Raises Disagreement if Dropout sets too many or too few numbers to zero.
    """
    if not isinstance(single.layer, Dropout):
        return arrays
    (out,), p = arrays, single.layer.fraction
    kept = (out if direction == "forward" else y) != 0
    if abs(kept.mean() - (1 - p)) > 5 * (p * (1 - p) / kept.size) ** 0.5:  # standard deviations
        raise Disagreement(f"Dropout({p}): expected a fraction of {1 - p:.3f} to be kept, got {kept.mean():.3f}.")
    source = to_device(single.x if direction == "forward" else single.dy, "cpu")
    return [np.where(kept, out * (1 - p), out + source)]
