"""JAX's training step: loss, gradient and Adam in one function, compiled by XLA, with donated buffers.

JAX itself has no optimizer; Adam is written out here as Kingma & Ba's algorithm 1, which XLA fuses.
"""

import math
import os

import numpy as np

from benchmarks.opponents import FIRST
from benchmarks.workloads import batch_for, network
from npae.layers import Conv2D, ConvTranspose2D, Dense, Identity, MaxPool2D, ReLU, Upsample2D

IMAGES = ("NCHW", "HWIO", "NCHW")


def output(jax, layer, weights, x):
    """The output of an npae layer, φ(x W + b), in JAX. weights: its (W, b), or ()."""
    activation = getattr(layer, "activation", Identity())
    a = linear_output(jax, layer, weights, x)
    return a if isinstance(activation, Identity) else linear_output(jax, activation, (), a)


def linear_output(jax, layer, weights, x):
    """The output of an npae layer without its activation, in JAX. Raises NotImplementedError for unknown layers."""
    lax, jnp = jax.lax, jax.numpy
    match layer:
        case ReLU():
            return jax.nn.relu(x)
        case Dense():
            return x @ weights[0] + weights[1]
        case Conv2D():
            y = lax.conv_general_dilated(x, weights[0], layer.stride, layer.padding.upper(), dimension_numbers=IMAGES)
            return y + weights[1]
        case ConvTranspose2D():
            y = lax.conv_transpose(x, weights[0], layer.stride, layer.padding.upper(), dimension_numbers=IMAGES,
                                   transpose_kernel=True)  # fmt: skip
            return y + weights[1]
        case MaxPool2D():
            window = (1, 1, *layer.kernel)
            return lax.reduce_window(x, -jnp.inf, lax.max, window, (1, 1, *layer.stride), layer.padding.upper())
        case Upsample2D():
            return x.repeat(layer.factor[0], axis=2).repeat(layer.factor[1], axis=3)
    raise NotImplementedError(f"{layer!r}: the benchmarks have no JAX function for this layer.")


class JaxStep:
    """The step under jax.jit, on the CPU."""

    package = "jax"

    def __init__(self, sizes, batch):
        os.environ["JAX_PLATFORMS"] = "cpu"  # read at the import
        import jax
        import jax.numpy as jnp

        model = network(sizes)
        layers = [*model.encoder, *model.decoder]
        theta = [tuple(jnp.array(p.value) for p in layer.parameters) for layer in layers]
        zeros = jax.tree.map(jnp.zeros_like, theta)
        self.jax, self.x = jax, jnp.array(batch_for(sizes, batch))
        self.state = theta, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.float32)

        def objective(theta, x):
            h = x
            for layer, weights in zip(layers, theta, strict=True):
                h = output(jax, layer, weights, h)
            return (jax.nn.softplus(h) - x * h).sum() / len(x)  # h: the logits

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
        """Return when the computation is done: JAX computes asynchronously, on a CPU too."""
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
