r"""Chapter 5. Deep networks: variance through layers, initial weights, and dead units
==================================================================================

A code of four numbers needs more than one layer on each side: 784-256-128-64-32-16-8-4 and back. By the chain rule its
gradient is a product of fourteen factors. If each is a little too small, nothing arrives at the first layer; if each is
a little too large, everything explodes. This chapter computes the factor, derives the initial weights that make it 1,
and finds what can still go wrong in a narrow layer: units that are dead before training begins.
"""

import inspect
import warnings

import matplotlib.pyplot as plt
import numpy as np

from demos.baselines import PCA, squared_error_per_image
from demos.exercises import attempt, compare, returned
from demos.figures.canvas import bare, open_frame
from demos.palette import COLOURS, GREY, INK, PAPER
from npae import dense_autoencoder, fit, mnist
from npae.gradcheck import check_model
from npae.layers import Dense, Sequential, initializers
from npae.models import data_dependent_init
from npae.models.data_dependent_init import _rescale_one
from npae.optim import Adam, Cosine, WarmUp
from npae.train import DeadUnitWarning

# %%
# The variance of one layer
# -------------------------
#
# Let a layer have :math:`n` inputs :math:`h_k` and :math:`m` units, :math:`a_j = \sum_k h_k W_{kj}`, with independent
# random weights of mean 0 and variance :math:`\operatorname{Var} W = E[W_{kj}^2]`, and biases of 0. The inputs are
# given; :math:`E` is the mean over random weights. In :math:`E[a_j^2] = \sum_{k,l} h_k h_l\, E[W_{kj} W_{lj}]` only the
# terms with :math:`k = l` remain, since :math:`E[W_{kj} W_{lj}] = E[W_{kj}]\, E[W_{lj}] = 0` for two different weights:
#
# .. math::
#     E[a_j^2] = \operatorname{Var} W \sum_k h_k^2 = n \operatorname{Var} W \cdot \text{mean of } h_k^2
#
# The last factor is the mean square of the inputs. **Forward**, a linear layer keeps the mean square if
# :math:`n \operatorname{Var} W = 1`.
#
# **ReLU.** The weights have a symmetric distribution, so :math:`a_j` is as often negative as positive, with the same
# sizes. Setting the negative half to 0 leaves half of the mean square: the mean of :math:`\max(a, 0)^2` is half the
# mean of :math:`a^2`. So a ReLU layer multiplies the mean square by :math:`\frac{1}{2} n \operatorname{Var} W`, and
# keeps it if
#
# .. math::
#     \operatorname{Var} W = \frac{2}{n} \qquad \text{(He et al. 2015)}
#
# **Backward**, :math:`dh_k = \sum_j da_j W_{kj}` is a sum of :math:`m` terms, and half of the :math:`\varphi'` are 0.
# By the same steps, the mean square of the gradient is multiplied by :math:`\frac{1}{2} m \operatorname{Var} W`. If the
# layers have equal sizes, He's weights keep both. Otherwise the factors are :math:`m/n`. Since the :math:`m` of a layer
# is the :math:`n` of the next, their product is one ratio of sizes, the same for any depth. Without ReLU, forward asks
# for :math:`1/n` and backward for :math:`1/m`; Glorot & Bengio (2010) take
# :math:`\operatorname{Var} W = 2/(n + m)`, which lies between.
#
# **Uniform weights.** On :math:`(-r, r)` the variance is :math:`\frac{1}{2r} \int_{-r}^{r} w^2 \, dw = r^2/3`. So He's
# weights have :math:`r = \sqrt{6/n}`, Glorot's :math:`r = \sqrt{6/(n + m)}`, as on the page of chapter 0. In the
# engine's lines :math:`n` is the first of the two ``_fans``, the numbers of inputs and outputs.
print(inspect.getsource(initializers.he_uniform))

W = initializers.he_uniform(np.random.default_rng(0), (400, 300))
h = np.maximum(np.random.default_rng(1).normal(size=(1, 400)), 0)
ratio = (np.maximum(h @ W, 0) ** 2).mean() / (h**2).mean()
print(f"n Var W = {400 * W.var():.3f} (predicted 2)")
print(f"mean square one layer later: {ratio:.2f} times (predicted 1, on average over many W)")
assert abs(400 * W.var() - 2) < 0.02 and abs(ratio - 1) < 0.25

# %%
# Thirty layers
# -------------
#
# With :math:`\operatorname{Var} W = c^2 \cdot 2/n`, every layer multiplies the root mean square by :math:`c`, and
# :math:`L` layers by :math:`c^L`. We measure it in 30 ReLU layers of 200 units, forward and backward.
DEPTH, WIDTH = 30, 200


def sizes_through(c, seed=0):
    """Root mean squares of h after each layer, and of dh before each layer."""

    def scaled(rng, shape):
        return c * initializers.he_normal(rng, shape)

    network = Sequential(*(Dense(WIDTH, WIDTH, "relu", scaled) for _ in range(DEPTH)))
    network.initialize(seed, dtype="float64")
    h, caches, forward = np.random.default_rng(0).normal(size=(100, WIDTH)), [], []
    for layer in network:
        h, cache = layer.forward(h, training=True)
        caches.append(cache)
        forward.append(np.sqrt((h**2).mean()))
    dh, backward = np.random.default_rng(1).normal(size=h.shape), []
    for layer, cache in zip(reversed(network.layers), reversed(caches), strict=True):
        dh = layer.backward(dh, cache)
        backward.insert(0, np.sqrt((dh**2).mean()))
    return np.array(forward), np.array(backward)


figure, grid = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
layers = np.arange(1, DEPTH + 1)
names = {0.7: "weights × 0.7", 1.0: "He's weights", 1.3: "weights × 1.3"}
for (c, name), colour in zip(names.items(), (COLOURS[0], INK, COLOURS[2]), strict=True):
    forward, backward = sizes_through(c)
    predictions = c**layers, c ** (DEPTH + 1 - layers)
    for axes, measured, predicted in zip(grid, (forward, backward), predictions, strict=True):
        axes.semilogy(layers, measured, color=colour, lw=1.8)
        axes.semilogy(layers, predicted, color=PAPER, lw=0.9, ls="--")
    for axes, place, right in ((grid[0], (17, forward[16]), c >= 1), (grid[1], (14, backward[13]), c < 1)):
        axes.annotate(name, place, (-8 if right else 8, 6), textcoords="offset points", color=colour,
                      ha="right" if right else "left")  # fmt: skip
    ratios = np.array([forward[-1] / forward[0], backward[0] / backward[-1]])
    factors = ratios ** (1 / (DEPTH - 1))
    print(f"{name}: {factors[0]:.2f} per layer forward, {factors[1]:.2f} backward")
    assert (np.abs(factors / c - 1) < 0.05).all()
grid[0].set(xlabel="layer", ylabel="root mean square", title="Activations, from layer 1 on (dashed: cᴸ)")
grid[1].set(xlabel="layer", title="Gradients, from layer 30 back (dashed: cᴸ)")
for axes in grid:
    open_frame(axes)

# %%
# With 30 % less per layer, :math:`2 \cdot 10^{-5}` of the size is left after :math:`L = 30` layers, either way.
assert round(0.7**DEPTH * 1e5) == 2

# %%
# Dead units
# ----------
#
# The variances above are means over random networks. A single ReLU unit may have a negative :math:`a` for *every*
# input. Then its output is 0 and so is :math:`\varphi'`: no gradient reaches its weights, and they stay as they are. It
# is *dead*. The inputs of a deep unit all are positive or 0, and in a narrow layer they hardly differ in direction, so
# that one unlucky choice of signs makes :math:`a` negative for all digits. In a code of four ReLU units that is a
# quarter of the code. How often does it happen?
digits = mnist(which="sample")
x = digits.train_images[:6000].reshape(-1, 784) / np.float32(255)
x_test = digits.test_images.reshape(-1, 784) / np.float32(255)
SIZES = [784, 256, 128, 64, 32, 16, 8, 4]


def dead_units(model):
    """The number of code units that are 0 on 500 digits."""
    return int((model.encode(x[:500]) == 0).all(axis=0).sum())


def network(seed=0):
    return dense_autoencoder(SIZES, code_activation="relu", seed=seed)


counts = np.bincount([dead_units(network(seed)) for seed in range(40)])
print("40 networks, by the number of dead code units (0, 1, 2, …):", counts)
assert 0.2 < counts[1:].sum() / 40 < 0.45

# %%
# In about every third network the code is smaller than it should be before the first step.
#
# **The cure** is to look at the data once. Pass a batch through the network, and shift and scale the *pre-activations*
# :math:`a` of each unit to mean :math:`\mu` and variance 1, one layer after the other. If :math:`(hW)_j` has the mean
# :math:`m_j` and the standard deviation :math:`s_j` on the batch,
#
# .. math::
#     W_{kj} \leftarrow W_{kj}/s_j, \quad b_j \leftarrow \mu - m_j/s_j \qquad\Rightarrow\qquad
#     \text{mean of } a_j = \frac{m_j}{s_j} + \mu - \frac{m_j}{s_j} = \mu, \quad
#     \text{standard deviation of } a_j = \frac{s_j}{s_j} = 1
#
# With :math:`\mu = 2` a unit is positive on nearly all inputs, so every layer begins almost linear and loses little.
# ``fit`` does this by itself, with :math:`\mu = 1`, unless ``data_init=False``. The other cure is a linear code, which
# cannot die; it is the default. In the engine's lines ``a`` is :math:`hW + b`, and ``mean`` is :math:`\mu`. ``finite``
# guards against overflow, ``min_std`` against a unit that is constant, and the exchanged axes are those of a transposed
# convolution (chapter 10).
source = inspect.getsource(_rescale_one)
print(source[source.index("    m, s = a.mean") :])
cured = [dead_units(data_dependent_init(network(seed), x[:500], mean=2)) for seed in range(8)]
assert sum(cured) == 0 and dead_units(dense_autoencoder(SIZES)) == 0

# %%
# The same network from three starts
# ----------------------------------
#
# 6,000 digits, five epochs, Adam with a learning rate that rises in the first epoch and falls along a cosine. For
# comparison we compute :math:`J` of the mean image: a network that learns nothing about its input can do no better.


def small_weights(model):
    rng = np.random.default_rng(0)
    for name, p in model.named_parameters():
        p.value[...] = rng.normal(0, 0.01, p.shape) if name.endswith("W") else 0
    return model


tiny, rows = dense_autoencoder([20, 8, 4, 2], "tanh", dtype="float64"), x[:8, 300:320].astype(np.float64)
print(f"gradient check of a deep network: {check_model(tiny, rows):.0e}")

mean = np.clip(x.mean(axis=0), 1e-6, 1 - 1e-6)
J_mean = float(-(x_test * np.log(mean) + (1 - x_test) * np.log(1 - mean)).sum(axis=1).mean())
starts = {
    "small weights": small_weights,
    "He's weights": lambda model: model,
    "He's weights, rescaled\nby the data": lambda model: data_dependent_init(model, x[:1000], mean=2),
}
models, curves = {}, {}
for name, start in starts.items():
    model = start(network())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)  # they are counted below
        history = fit(model, x, epochs=5, batch_size=64, optimizer=Adam(1e-3),
                      schedule=WarmUp(1, Cosine(4)), progress="none", data_init=False)  # fmt: skip
    models[name], curves[name] = model, history["loss"]
    print(f"{' '.join(name.split())}: {model.evaluate(x_test)['reconstruction']:.1f} nats per test image, "
          f"{history['dead_units'][-1]} dead code units")  # fmt: skip
print(f"the mean image: {J_mean:.1f}")
dead = [dead_units(model) for model in models.values()]
J = [model.evaluate(x_test)["reconstruction"] for model in models.values()]
shrinks = np.prod([0.01 / np.sqrt(2 / n) for n in [*SIZES[:-1], *SIZES[:0:-1]]])
print(f"small weights multiply the root mean square, from input to output, by {shrinks:.0e}")
assert dead[1] > 0 and dead[2] == 0 and abs(J[0] / J_mean - 1) < 0.02 and J[2] + 10 < J[1] < J[0] - 10
assert shrinks < 1e-12

# %%
# With weights of standard deviation 0.01 nothing of the input arrives at the output, and nothing of the gradient at the
# first layer. Only the last biases learn, and they can draw the mean image. With He's weights the network learns, with
# what is left of its code.
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
for (name, curve), colour, up in zip(curves.items(), (COLOURS[0], INK, COLOURS[2]), (5, 1, -4), strict=True):
    axes.plot(range(1, 6), curve, "o-", ms=3.5, color=colour)
    axes.annotate(name, (5, curve[-1]), (8, up), textcoords="offset points", color=colour, va="center")
axes.axhline(J_mean, color=GREY, ls="--", lw=0.9)
axes.text(7.15, J_mean - 4, "the mean image", color=GREY, ha="right", va="top")
axes.set(xlabel="epoch", ylabel="J, nats per training image", xlim=(0.8, 7.2), ylim=(125, None), xticks=range(1, 6))
axes.set_title("784-256-128-64-32-16-8-4 and back, from three starts")
open_frame(axes)

# %%
# Four numbers per digit. The best linear code of four numbers, PCA, is in the last row. Its squared error on test
# digits is larger than that of the rescaled network, although the network was trained with another loss.
some = [3, 2, 1, 18, 4, 8, 11, 0]
rows = {"x": x_test[some]} | {name: model.reconstruct(x_test[some]) for name, model in models.items()}
pca = PCA(x, 4)
rows["PCA, 4 numbers"] = pca.reconstruct(x_test[some]).clip(0, 1)
errors = [squared_error_per_image(one.reconstruct(x_test), x_test) for one in (model, pca)]
print("‖x̂ − x‖² per test image: rescaled network {:.1f}, PCA {:.1f}".format(*errors))
assert errors[0] < errors[1]
figure, grid = plt.subplots(len(rows), len(some), figsize=(8.4, 4.9), layout="constrained")
for line, (name, images) in zip(grid, rows.items(), strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_05.py``.
#
# **1. Rescale a layer by its data.** Change the weights of each unit by one factor, and choose its bias, so that its
# pre-activations on the rows :math:`x` have the given mean and the given standard deviation.
def rescale(W, x, mean, std):
    """Returns the new (W, b) of a = x W + b, from W (n, m), rows x (N, n) and two numbers."""


def check_rescale(answer):
    x = np.random.default_rng(9).normal(3, 2, (200, 6))
    layer = Sequential(Dense(6, 4), Dense(4, 2)).initialize(seed=0, dtype="float64")
    W = layer[0].W.value.copy()
    data_dependent_init(layer, x, mean=3)  # mean 3 and standard deviation 1
    compare(answer(W, x, 1.5, 0.5), W=layer[0].W.value / 2, b=layer[0].b.value / 2)


attempt(check_rescale, rescale)


# %%
# **2. Weights for a leaky ReLU.** The leaky ReLU is :math:`a` for :math:`a > 0`, and :math:`\alpha a` for
# :math:`a \le 0`, with :math:`0 \le \alpha \le 1`. Which :math:`\operatorname{Var} W` keeps the mean square
# of :math:`h` from layer to layer, if the biases are 0?
def leaky_variance(n, alpha):
    """Returns Var W of a layer with n inputs, for alpha = α."""


def check_leaky_variance(answer):
    rng = np.random.default_rng(8)
    for alpha in (0.0, 0.2, 0.8):
        (variance,) = returned(answer(300, alpha), "Var W")
        h = rng.normal(size=(200, 300))
        for _ in range(20):
            a = h @ rng.normal(0, np.sqrt(variance), (300, 300))
            h = np.maximum(a, alpha * a)
        size = (h**2).mean()
        assert 1 / 3 < size < 3, (
            f"α = {alpha}: expected a mean square near 1 after 20 layers, got {size:.3g}. "
            f"It is multiplied by about {size ** (1 / 20):.3g} per layer."
        )


attempt(check_leaky_variance, leaky_variance)


# %%
# Next: chapter 6 leaves the network as it is, and spoils its input.
plt.show()
