"""The same layer in npae and in PyTorch, as contenders of `layer_by_layer`.

Both have the same weights, input x and ∂J/∂y (benchmarks.lab.single) and work as in a training step: forward keeps what
backward needs, backward computes ∂J/∂x and ∂J/∂θ in place of those of the previous step. Images have the memory layout
of each framework: channels last in npae, in PyTorch channels first unless channels_last=True. A step is one call of one
direction; first_steps returns its arrays, in npae's order.
"""

import numpy as np

from benchmarks.lab.single import Single, comparable, in_a_frame
from benchmarks.opponents.ours import switched
from benchmarks.opponents.pytorch import AXES, module_of
from npae.backend import synchronize
from npae.layers import AveragePool2D, BatchNorm, Dropout


class NpaeLayer:
    """npae's layer, with arrays from an arena, as in training."""

    package = "numpy"

    def __init__(self, case, direction, device="cpu"):
        self.switches, self.device, self.direction = switched(), device, direction
        self.single = Single(case, device)
        self.run = in_a_frame(getattr(self.single, direction), device)

    def __call__(self):
        self.run()

    def wait(self):
        """Return when the device is done."""
        synchronize(self.device)

    def first_steps(self):
        """Returns the arrays of the direction."""
        return self.single.results(self.direction)


class TorchLayer:
    """PyTorch's module, eager, with gradients by autograd."""

    package = "torch"

    def __init__(self, case, direction, device="cpu", channels_last=False):
        import torch

        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        self.torch, self.device, self.direction = torch, "cuda" if device == "gpu" else "cpu", direction
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        self.single = Single(case)
        self.module = module_with_weights(torch, self.single).to(self.device, memory_format=self.order)
        self.x = self._tensor(self.single.x).requires_grad_(case.needs_dx)
        self.y, self.dy = self.module(self.x), self._tensor(self.single.dy)
        self.wanted = [self.x] * case.needs_dx + list(self.module.parameters())
        self.run = getattr(self, direction)

    def _tensor(self, array):
        tensor = self.torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.device, memory_format=self.order, copy=True)

    def forward(self):
        """[y]."""
        return [self.module(self.x)]

    def backward(self):
        """[∂J/∂x, if needed, and the gradients of the parameters]."""
        return self.torch.autograd.grad(self.y, self.wanted, self.dy, retain_graph=True)

    def __call__(self):
        self.run()

    def wait(self):
        """Return when the device is done."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def first_steps(self):
        """Returns the arrays of the direction: ∂J/∂θ as one vector, in npae's order."""
        arrays = list(self.run())
        if len(self.wanted) > 1 and self.direction == "backward":
            weights = [arrays.pop() for _ in self.single.layer.parameters][::-1]
            arrays.append(self.torch.cat([a.permute(*np.argsort(AXES[a.ndim])).ravel() for a in weights]))
        arrays = [a.detach().cpu().numpy() for a in arrays]
        return comparable(self.single, self.direction, arrays, self.y.detach().cpu().numpy())


def module_with_weights(torch, single):
    """The layer of a Single as an nn.Module, with its weights."""
    module = _module(torch, single.layer, single.x.ndim)
    with torch.no_grad():
        for p, ours in zip(module.parameters(), single.layer.parameters, strict=True):
            value = ours.value if ours.value.ndim == 4 else ours.value.ravel()
            p.copy_(torch.from_numpy(value.transpose(AXES[value.ndim]).copy()))
    return module


def _module(torch, layer, ndim):
    nn = torch.nn
    match layer:
        case AveragePool2D():
            return nn.AvgPool2d(layer.kernel, layer.stride)
        case BatchNorm():
            return {2: nn.BatchNorm1d, 4: nn.BatchNorm2d}[ndim](layer.features, layer.epsilon, layer.momentum)
        case Dropout():
            return nn.Dropout(layer.fraction)
        case _:
            return module_of(torch, layer)
