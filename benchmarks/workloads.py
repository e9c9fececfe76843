"""The networks that are timed, and one whole training step of each in npae and in PyTorch.

A step is: gradient to zero, forward, cross-entropy from logits, backward, Adam with its defaults. Both are given the
same network, weights, batch and loss. `first_step` returns J, ∂J/∂θ and Σ|θ| after one step, so that a run can show
that they compute the same thing before it compares their speed.
"""

import math

import numpy as np

from npae.layers import ReLU
from npae.memory import Arena
from npae.models import mirrored
from npae.optim import Adam

DEEP = [784, 256, 128, 64, 32, 16, 8, 4]
LARGE = [784, 1000, 500, 250, 30]
WORKLOADS = {  # name: (sizes to the code, batch, steps a measurement)
    "784-32, batch 256": ([784, 32], 256, 200),
    "deep 784-…-4, batch 32": (DEEP, 32, 100),
    "deep 784-…-4, batch 256": (DEEP, 256, 60),
    "784-1000-500-250-30, batch 128": (LARGE, 128, 15),
    "784-1000-500-250-30, batch 512": (LARGE, 512, 8),
}


def batch_of(n, seed=0):
    """n images that look like digits to the arithmetic: four fifths of the pixels are 0, the rest uniform."""
    rng = np.random.default_rng(seed)
    return (rng.random((n, 784), dtype=np.float32) * (rng.random((n, 784)) < 0.2)).astype(np.float32)


class NpaeStep:
    """The step as npae.train.Trainer takes it."""

    def __init__(self, sizes, batch):
        self.model, self.optimizer, self.arena = mirrored(sizes, ReLU, seed=0), Adam(), Arena()
        self.x = batch_of(batch)

    def __call__(self):
        with self.arena.frame(len(self.x)):
            theta = self.model.theta
            theta.zero_grad()
            terms = self.model.backpropagate(self.x)
            self.optimizer.step(theta)
        return terms["reconstruction"]

    def first_step(self):
        """(J, ∂J/∂θ, Σ|θ| after the step)."""
        value, theta = float(self()), self.model.theta
        return value, theta.grad.copy(), float(np.abs(theta.value).sum(dtype=np.float64))


class TorchStep:
    """The step as PyTorch's own tutorials write it, eager, torch.optim.Adam with its defaults."""

    def __init__(self, sizes, batch):
        import torch

        source = mirrored(sizes, ReLU, seed=0)
        layers = []
        for layer in [*source.encoder, *source.decoder]:
            if isinstance(layer, ReLU):
                layers.append(torch.nn.ReLU())
                continue
            linear = torch.nn.Linear(layer.n_in, layer.n_out)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.W.value.T.copy()))
                linear.bias.copy_(torch.from_numpy(layer.b.value.copy()))
            layers.append(linear)
        self.torch, self.network = torch, torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.loss = torch.nn.BCEWithLogitsLoss(reduction="sum")
        self.x = torch.from_numpy(batch_of(batch))

    def __call__(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.network(self.x), self.x) / len(self.x)
        loss.backward()
        self.optimizer.step()
        return loss

    def first_step(self):
        """(J, ∂J/∂θ in npae's order, where W is the transposed weight, and Σ|θ| after the step)."""
        value, parameters = float(self().detach()), list(self.network.parameters())
        gradient = np.concatenate([p.grad.t().numpy().ravel() for p in parameters])
        return value, gradient, math.fsum(float(p.detach().double().abs().sum()) for p in parameters)


class MatmulStep:
    """Only the matrix products of the step, in NumPy: the floor that no step on NumPy can go below."""

    def __init__(self, sizes, batch):
        rng = np.random.default_rng(0)
        sizes = sizes + sizes[-2::-1]
        self.h = [rng.random((batch, n), dtype=np.float32) for n in sizes]
        self.y = [np.empty_like(h) for h in self.h]
        self.W = [rng.random((a, b), dtype=np.float32) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        self.dW = [np.empty_like(W) for W in self.W]

    def __call__(self):
        for k, W in enumerate(self.W):
            np.matmul(self.h[k], W, out=self.y[k + 1])
        for k in reversed(range(len(self.W))):
            np.matmul(self.h[k].T, self.h[k + 1], out=self.dW[k])
            if k:
                np.matmul(self.h[k + 1], self.W[k].T, out=self.y[k])


STEPS = {"npae": NpaeStep, "PyTorch": TorchStep, "matrix products": MatmulStep}
