"""The deep autoencoder 784-…-4-…-784 by JAX: 20 epochs of batch 32, one compiled step with Adam and donated buffers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.lab.scripts.mnist import arguments

train, test, epochs = arguments()
sizes = [784, 256, 128, 64, 32, 16, 8, 4, 8, 16, 32, 64, 128, 256, 784]
keys = jax.random.split(jax.random.key(0), len(sizes) - 1)
theta = [(jax.nn.initializers.he_normal()(key, (n_in, n_out)), jnp.zeros(n_out))
         for key, n_in, n_out in zip(keys, sizes, sizes[1:], strict=False)]  # fmt: skip


def loss(theta, x):
    """The mean cross-entropy per pixel."""
    h = x
    for W, b in theta[:-1]:
        h = jax.nn.relu(h @ W + b)
    W, b = theta[-1]
    t = h @ W + b
    return (jax.nn.softplus(t) - x * t).mean()


@partial(jax.jit, donate_argnums=(0, 1, 2))
def step(theta, m, v, k, x):
    """Adam with a rate of 0.001."""
    g = jax.grad(loss)(theta, x)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    a, b = 1 - 0.9**k, 1 - 0.999**k
    theta = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / a) / (jnp.sqrt(v / b) + 1e-8), theta, m, v)
    return theta, m, v


m, v, k, order = jax.tree.map(jnp.zeros_like, theta), jax.tree.map(jnp.zeros_like, theta), 0, np.random.default_rng(0)
for _ in range(epochs):
    for rows in order.permutation(len(train)).reshape(-1, 32):
        k += 1
        theta, m, v = step(theta, m, v, k, train[rows])
print(float(jax.jit(loss)(theta, test)))
