"""JAX's training step: loss, gradient and Adam in one function, compiled whole by XLA, its buffers donated.

JAX has no optimizer of its own; Adam is written out here as Kingma & Ba's algorithm 1, which XLA fuses.
"""

import math
import os

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.workloads import batch_of
from npae.layers import ReLU
from npae.models import mirrored


class JaxStep:
    """The step under jax.jit, on the CPU."""

    package = "jax"

    def __init__(self, sizes, batch):
        os.environ["JAX_PLATFORMS"] = "cpu"  # read at the import
        import jax
        import jax.numpy as jnp

        model = mirrored(sizes, ReLU, seed=0)
        layers = [*model.encoder, *model.decoder]
        theta = [(jnp.array(a.W.value), jnp.array(a.b.value)) for a in layers if not isinstance(a, ReLU)]
        zeros = jax.tree.map(jnp.zeros_like, theta)
        self.jax, self.x = jax, jnp.array(batch_of(batch))
        self.state = theta, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.float32)

        def objective(theta, x):
            h = x
            for W, b in theta[:-1]:
                h = jax.nn.relu(h @ W + b)
            W, b = theta[-1]
            z = h @ W + b
            return (jax.nn.softplus(z) - x * z).sum() / len(x)

        self.gradient = jax.jit(jax.value_and_grad(objective))

        def step(theta, m, v, t, x, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
            value, g = jax.value_and_grad(objective)(theta, x)
            t = t + 1
            m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
            v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, g)
            c1, c2 = 1 - beta1**t, 1 - beta2**t
            theta = jax.tree.map(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + eps), theta, m, v)
            return (theta, m, v, t), value

        self.step = jax.jit(step, donate_argnums=(0, 1, 2, 3))

    def __call__(self):
        self.state, self.value = self.step(*self.state, self.x)

    def wait(self):
        """Until the computation, which JAX runs behind the host's back on a CPU too, is done."""
        self.jax.block_until_ready(self.state)

    def first_steps(self):
        """(J and ∂J/∂θ of the first step, J of the tenth and Σ|θ| after it)."""
        value, g = self.gradient(self.state[0], self.x)
        gradient = np.concatenate([np.asarray(a).ravel() for pair in g for a in pair])
        for _ in range(FIRST):
            self()
        leaves = self.jax.tree.leaves(self.state[0])
        total = math.fsum(np.abs(np.asarray(a, np.float64)).sum() for a in leaves)
        return float(value), gradient, float(self.value), total
