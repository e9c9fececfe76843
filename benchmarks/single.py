"""One layer by itself, with an input and a gradient to pass back: those of the networks of images, at their sizes.

The sizes are those of K4 and K5 (benchmarks/workloads.py) at a batch of 128. `layers` holds them against the machine's
ceilings, `layer_by_layer` times them beside PyTorch.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.clock import Disagreement
from npae.backend import images, pixels, to_device
from npae.layers import AveragePool2D, BatchNorm, Conv2D, ConvTranspose2D, Dropout, MaxPool2D, Upsample2D


class Case(NamedTuple):
    """A layer, kind(*args), and the shape of its input. needs_dx: is ∂J/∂x asked for, as it is not of a first layer?"""

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
    """Standard normal float32 numbers on a device, the same on all; images as they lie between convolutions."""
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return images(to_device(pixels(values), device)) if values.ndim == 4 else to_device(values, device)


class Single:
    """The layer of a Case on a device, with x and dy; `forward` and `backward` as in training, each by itself."""

    def __init__(self, case, device="cpu"):
        self.case, self.layer = case, case.kind(*case.args)
        self.theta = None
        if self.layer.parameters:
            self.theta = self.layer.initialize(seed=0, device=device).theta
            self.theta.value[...] += 0.1 * numbers((self.theta.size,), 3, device)  # biases are zero at first
        self.x = numbers(case.shape, 1, device)
        self.y, self.cache = self.layer.forward(self.x, training=True)
        self.dy = numbers(self.y.shape, 2, device)

    def forward(self):
        """(y,)."""
        return (self.layer.forward(self.x, training=True)[0],)

    def backward(self):
        """(∂J/∂x, ∂J/∂θ), as far as they are there and asked for."""
        if self.theta is None:
            return (self.layer.backward(self.dy, self.cache),)
        self.theta.zero_grad()
        dx = self.layer.backward(self.dy, self.cache, self.case.needs_dx)
        return (dx, self.theta.grad) if self.case.needs_dx else (self.theta.grad,)

    def results(self, direction):
        """What forward or backward gives, on the CPU, as it has to be the same on all devices and in all frameworks."""
        arrays = [to_device(a, "cpu") for a in getattr(self, direction)()]
        return comparable(self, direction, arrays, to_device(self.y, "cpu"))


def comparable(single, direction, arrays, y):
    """`arrays` as all should have them. Of Dropout, whose mask is everyone's own: what they were without it.

    y: the output that backward belongs to. Raises Disagreement if Dropout silences too many or too few.
    """
    if not isinstance(single.layer, Dropout):
        return arrays
    (out,), p = arrays, single.layer.fraction
    kept = (out if direction == "forward" else y) != 0
    if abs(kept.mean() - (1 - p)) > 5 * (p * (1 - p) / kept.size) ** 0.5:  # standard deviations
        raise Disagreement(f"Dropout({p}): expected {1 - p:.3f} of all to be kept, got {kept.mean():.3f}.")
    source = to_device(single.x if direction == "forward" else single.dy, "cpu")
    return [np.where(kept, out * (1 - p), out + source)]
