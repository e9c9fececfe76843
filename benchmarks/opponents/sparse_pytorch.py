"""The training step of a sparse autoencoder in PyTorch: npae's SparseAutoencoder, line by line, with autograd.

    a = (x − c) Wᵀ + b       h = TopK(a) or BatchTopK(a)        x̂ = h Ŵ + c        J = ½‖x − x̂‖² + J_aux

sparse=False     h is a matrix with zeros, and the decoder a dense product: what most implementations do
sparse=True      of top-k: the decoder adds k rows of Ŵ per sample, by torch.nn.functional.embedding_bag
fused=True       Adam(fused=True): one kernel for all parameters
compiled=True    J and its backward under torch.compile, with the fused Adam

The initial values are npae's. `TorchSparse.train` takes the rows in npae's order, so that both see the same batches.
"""

import math

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.sparse_workload import activations, sparse_autoencoder
from npae.layers import TopK


class TorchSparse:
    """The step on one batch of synthetic activations, or whole trainings by `train`."""

    package = "torch"

    def __init__(self, k, batch, n_units=3072, kind="top_k", model=None, sparse=False, fused=False, compiled=False):
        import torch

        torch.set_flush_denormal(True)
        model = model or sparse_autoencoder(k, n_units, kind)
        self.torch, self.k, self.by_sample = torch, k, isinstance(model.activation, TopK)
        self.parameters = {name: torch.from_numpy(p.value.copy()).requires_grad_() for name, p in
                           model.named_parameters()}  # fmt: skip
        self.W, self.b, self.D, self.c = (self.parameters[name] for name in NAMES)
        self.silent, self.threshold, self.batches = torch.zeros(len(self.b)), torch.zeros(()), 0
        self.momentum = getattr(model.activation, "momentum", None)
        self.aux_k, self.aux_strength, self.dead_after = model.aux_k, model.aux_strength, model.dead_after
        self.optimizer = torch.optim.Adam(self.parameters.values(), **({"fused": True} if fused or compiled else {}))
        self.sparse = sparse and self.by_sample
        self.x = torch.from_numpy(activations(batch)) if batch else None
        self.objective = torch.compile(self._objective, dynamic=False) if compiled else self._objective

    # ------------------------------------------------------------------ the objective

    def code(self, a):
        """(h, None), or (its k numbers per row, their columns) for the sparse decoder."""
        torch = self.torch
        if self.by_sample:
            values, columns = a.topk(self.k, dim=1)
            return (values, columns) if self.sparse else (torch.zeros_like(a).scatter(1, columns, values), None)
        least = torch.relu(a.detach()).flatten().topk(self.k * len(a)).values[-1]
        self.batches += 1
        self.threshold += max(self.momentum, 1 / self.batches) * (least - self.threshold)
        return a * ((a >= least) & (a > 0)), None

    def decode(self, h, columns, D):
        """h Ŵ + c."""
        if columns is None:
            return h @ D + self.c
        return self.torch.nn.functional.embedding_bag(columns, D, per_sample_weights=h, mode="sum") + self.c

    def _objective(self, x, dead):
        """(J, which units fire). dead: a mask of units for the auxiliary loss, or None."""
        torch = self.torch
        a = (x - self.c) @ self.W.T + self.b
        D = torch.nn.functional.normalize(self.D, dim=1)
        h, columns = self.code(a)
        e = x - self.decode(h, columns, D)
        J = 0.5 * e.square().sum() / len(x)
        if dead is not None:
            values, places = torch.where(dead, a, -math.inf).topk(min(self.aux_k, int(dead.sum())), dim=1)
            aux = torch.zeros_like(a).scatter(1, places, torch.relu(values)) @ D
            J = J + self.aux_strength * 0.5 * (e.detach() - aux).square().sum() / len(x)
        fires = (h != 0).any(dim=0) if columns is None else torch.bincount(columns[h != 0], minlength=len(self.b)) > 0
        return J, fires

    def step(self, x):
        """One step of Adam. J stays in self.value."""
        dead = self.silent >= self.dead_after
        self.optimizer.zero_grad()
        self.value, fires = self.objective(x, dead if self.aux_k and bool(dead.any()) else None)
        self.value.backward()
        self.optimizer.step()
        self.silent = self.torch.where(fires, 0, self.silent + len(x))

    # ------------------------------------------------------------------ as a contender

    def __call__(self):
        self.step(self.x)

    def first_steps(self):
        """(J and ∂J/∂θ of the first step, J of the tenth and Σ|θ| after it), ∂J/∂θ in npae's order."""
        self()
        first = float(self.value.detach())
        gradient = np.concatenate([p.grad.numpy().ravel() for p in self.parameters.values()])
        for _ in range(FIRST - 1):
            self()
        total = math.fsum(float(p.detach().double().abs().sum()) for p in self.parameters.values())
        return first, gradient, float(self.value.detach()), total

    # ------------------------------------------------------------------ a whole training

    def train(self, x, epochs, batch, learning_rate, seed=0):
        """Train on the rows x, in npae's order; learning_rate is a function of the epochs that have passed."""
        x, n = self.torch.from_numpy(x), len(x)
        for epoch in range(epochs):
            order = self.torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n))
            for number, rows in enumerate(order.split(batch)):
                self.optimizer.param_groups[0]["lr"] = learning_rate(epoch + number / -(-n // batch))
                self.step(x[rows])

    def reconstruct(self, x, rows=1024):
        """(x̂, h) as at inference."""
        torch, found = self.torch, []
        with torch.no_grad():
            D = torch.nn.functional.normalize(self.D, dim=1)
            for part in torch.from_numpy(x).split(rows):
                a = (part - self.c) @ self.W.T + self.b
                if self.by_sample:
                    values, columns = a.topk(self.k, dim=1)
                    h = torch.zeros_like(a).scatter(1, columns, values)
                else:
                    h = a * ((a >= self.threshold) & (a > 0))
                found.append((self.decode(h, None, D).numpy(), h.numpy()))
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


NAMES = ("encoder.0.W", "encoder.0.b", "decoder.W", "encoder.0.c")  # of npae's parameters
