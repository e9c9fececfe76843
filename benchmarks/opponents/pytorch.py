"""PyTorch's training step, as in its tutorials, and PyTorch's own ways to make it faster.

eager            zero_grad, forward, backward, torch.optim.Adam with its defaults
fused=True       the same with Adam(fused=True): one kernel for all parameters
compiled=True    loss and backward under torch.compile, its default mode, with the fused Adam
graph=True       GPU: the whole step captured once as a CUDA graph and replayed, Adam(fused=True, capturable=True)
tf32=True        GPU: matrix products in TF32

All of them treat subnormal numbers as 0, which is not PyTorch's default: Adam's state has many after a thousand steps.
"""

import math

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.workloads import batch_for, network
from npae.data.sets.mnist import mnist
from npae.layers import Conv2D, ConvTranspose2D, Dense, Identity, MaxPool2D, ReLU, Upsample2D


def network_of(torch, model):
    """The npae model as an nn.Sequential, with its current weights."""
    modules = [module_of(torch, layer) for layer in [*model.encoder, *model.decoder]]
    for layer, module in zip([*model.encoder, *model.decoder], modules, strict=True):
        if layer.parameters:
            with torch.no_grad():
                for p, value in zip(module.parameters(), (layer.W.value, layer.b.value), strict=True):
                    p.copy_(torch.from_numpy(value.transpose(AXES[value.ndim]).copy()).reshape(p.shape))
    return torch.nn.Sequential(*modules)


AXES = {1: (0,), 2: (1, 0), 3: (0, 1, 2), 4: (3, 2, 0, 1)}  # the axes of npae's W and b in PyTorch's order


def module_of(torch, layer):
    """An npae layer as an nn.Module, without its weights: a layer with an activation is an nn.Sequential of two.

    Raises NotImplementedError for a layer that is not translated.
    """
    nn, activation = torch.nn, getattr(layer, "activation", Identity())
    if not isinstance(activation, Identity):
        return nn.Sequential(linear_module_of(torch, layer), module_of(torch, activation))
    match layer:
        case ReLU():
            return nn.ReLU()
        case MaxPool2D():
            return nn.MaxPool2d(layer.kernel, layer.stride, ceil_mode=layer.padding == "same")
        case Upsample2D():
            return nn.Upsample(scale_factor=layer.factor)
        case _:
            return linear_module_of(torch, layer)


def linear_module_of(torch, layer):
    """x W + b of an npae layer as an nn.Module, without its weights."""
    nn = torch.nn
    match layer:
        case Dense():
            return nn.Linear(layer.n_in, layer.n_out)
        case Conv2D():
            around = 1 if layer.padding == "same" else 0
            return nn.Conv2d(layer.c_in, layer.c_out, layer.kernel, layer.stride, around)
        case ConvTranspose2D():
            return transposed_of(torch, layer)
    raise NotImplementedError(f"{layer!r}: the benchmarks have no PyTorch module for this layer.")


def transposed_of(torch, layer):
    """Keras' transposed convolution, 3 × 3 with stride 2, in PyTorch.

    PyTorch's padding cuts both ends by the same amount; a view cuts the extra row and column at the end.
    """

    class Transposed(torch.nn.ConvTranspose2d):
        def forward(self, x):
            return super().forward(x)[:, :, :-1, :-1]

    return Transposed(layer.c_in, layer.c_out, layer.kernel, layer.stride)


class TorchStep:
    """The step, eager or with the options at the head of this file."""

    package = "torch"

    def __init__(self, sizes, batch, device="cpu", fused=False, compiled=False, graph=False, tf32=False):
        import torch

        torch.set_flush_denormal(True)
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = tf32
        self.torch, self.device = torch, "cuda" if device == "gpu" else "cpu"
        self.network = network_of(torch, network(sizes)).to(self.device)
        options = {name: True for name, on in (("fused", fused), ("capturable", graph)) if on}  # else Adam's defaults
        self.optimizer = torch.optim.Adam(self.network.parameters(), **options)
        self.loss = torch.nn.BCEWithLogitsLoss(reduction="sum")
        self.x = torch.from_numpy(batch_for(sizes, batch)).to(self.device)
        self.objective, self.graph, self.eager_left = self._objective, None, None
        if compiled:
            torch.compiler.reset()  # otherwise the second workload in this process is compiled for varying shapes
            self.objective = torch.compile(self._objective, dynamic=False)
        if graph:
            self.eager_left, self.side = 3, torch.cuda.Stream()

    def _objective(self):
        return self.loss(self.network(self.x), self.x) / len(self.x)

    def _forward_backward(self):
        self.value = self.objective()
        self.value.backward()

    def _step(self):
        self.optimizer.zero_grad()
        self._forward_backward()
        self.optimizer.step()

    def __call__(self):
        if self.graph is not None:
            self.graph.replay()
        elif self.eager_left is None:
            self._step()
        elif self.eager_left:
            self._step_aside()
        else:
            self._capture()
            self.graph.replay()

    def _step_aside(self):
        """An eager step on another stream: PyTorch needs a few of them before a capture."""
        cuda = self.torch.cuda
        self.side.wait_stream(cuda.current_stream())
        with cuda.stream(self.side):
            self._step()
        cuda.current_stream().wait_stream(self.side)
        self.eager_left -= 1

    def _capture(self):
        """Capture a step without taking it. The gradients are allocated again, in the graph's own memory."""
        self.graph = self.torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()
        with self.torch.cuda.graph(self.graph):
            self._forward_backward()
            self.optimizer.step()

    def wait(self):
        """Return when the device is done."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def first_steps(self):
        """(J and ∂J/∂θ of the first step, J of the tenth and Σ|θ| after it), ∂J/∂θ in npae's order and axes."""
        self()
        first, parameters = float(self.value.detach()), list(self.network.parameters())
        gradient = np.concatenate([p.grad.permute(*np.argsort(AXES[p.ndim])).cpu().numpy().ravel() for p in parameters])
        for _ in range(FIRST - 1):
            self()
        total = math.fsum(float(p.detach().double().abs().sum()) for p in parameters)
        return first, gradient, float(self.value.detach()), total


class TorchTraining:
    """Eager training on uint8 digits, as fast as eager mode allows: one tensor on the device, indexed, no DataLoader.

    A call is one epoch. The rows come in npae's order, so that both learn the same.
    """

    package = "torch"

    def __init__(self, sizes, batch, which, device="cpu"):
        import torch

        torch.set_flush_denormal(True)
        self.torch, self.device = torch, "cuda" if device == "gpu" else "cpu"
        self.batch, self.epoch, digits = batch, 0, mnist(which=which)
        self.train, self.test = (
            torch.from_numpy(a.reshape(-1, 784)).to(self.device) for a in (digits.train_images, digits.test_images)
        )
        self.network = network_of(torch, network(sizes)).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def first_steps(self):
        """Returns None: training begins with the first call."""

    def __call__(self):
        order = np.random.default_rng([0, self.epoch]).permutation(len(self.train))
        total = self.torch.zeros((), device=self.device)
        for rows in self.torch.from_numpy(order).to(self.device).split(self.batch):
            x = self.train[rows].float() / 255
            self.optimizer.zero_grad()
            loss = self.loss(self.network(x), x) / len(x)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(x)
        self.mean_loss = float(total) / len(self.train)
        self.epoch += 1

    def wait(self):
        """Return when the device is done."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def test_error(self):
        """Cross-entropy on the test digits, in nats per pixel."""
        with self.torch.no_grad():
            parts = self.test.split(1000)
            sums = [float(self.loss(self.network(x), x)) for x in (p.float() / 255 for p in parts)]
        return sum(sums) / self.test.numel()
