r"""Chapter 9. Greedy pretraining: where depth fails, and how it was saved
======================================================================

Until 2006 deep autoencoders were hardly ever trained with success. The units were sigmoids, and the gradient did not
reach the first layers. Hinton & Salakhutdinov (2006) trained one layer at a time, each as a small autoencoder, put the
layers together, and trained on from there. This chapter computes why depth failed, trains a stack and checks it,
derives how good the stack must be, and compares it with the cure of today, which is chapter 5.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, returned
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import autoencoder, stacked
from demos.palette import COLOURS, GREY, INK, PAPER
from npae import Stacked, dense_autoencoder, fit, mnist
from npae.gradcheck import check_model
from npae.layers import Dense, Sequential, Sigmoid
from npae.optim import SGD, Adam

digits = mnist(which="sample")
x, x_test = (images.reshape(-1, 784) / np.float32(255) for images in (digits.train_images[:6000], digits.test_images))

# %%
# Where depth fails
# -----------------
#
# One step of the backward pass is :math:`dh_k = \sum_j da_j W_{kj}` with :math:`da_j = dh_j\, \varphi'(a_j)`. For
# independent weights of mean 0, only equal indices remain (chapter 5). With :math:`m` units, the mean square is
# multiplied by
#
# .. math::
#     m \operatorname{Var}\, W \cdot E[\varphi'(a)^2], \qquad \varphi' = h(1 - h) \leq \tfrac{1}{4}
#
# For Glorot's weights in layers of equal sizes, :math:`m \operatorname{Var}\, W = 1`. So the root mean square of the
# gradient falls to a quarter or less in every layer. How much less? Far from the input, :math:`a` is normal with a
# variance :math:`q` that is the same in each layer. A layer has :math:`m` inputs :math:`h = \sigma(a)`, so
# :math:`q = m \operatorname{Var}\, W \cdot E[h^2] = E[\sigma(a)^2]`. We solve it by iteration, and get the factor
# :math:`\sqrt{E[\sigma'(a)^2]}`.
#
# **Forward** it is no better. Two digits that differ by a small :math:`\delta h` at a layer's input differ by
# :math:`\varphi'(a)\, (\delta h\, W)` at its output. This is the same factor: what distinguishes the digits fades just
# as fast.
node, weight = np.polynomial.hermite_e.hermegauss(60)
weight /= weight.sum()  # Σ weight f(node) is the mean of f(ε), ε ~ N(0, 1)
q = 0.3
for _ in range(50):
    q = weight @ autoencoder.sigmoid(np.sqrt(q) * node) ** 2
sigma = autoencoder.sigmoid(np.sqrt(q) * node)
factor = float(np.sqrt(weight @ (sigma * (1 - sigma)) ** 2))
print(f"variance of a: {q:.3f};  factor per layer: {factor:.3f}")
print(inspect.getsource(Sigmoid.derivative))

DEPTH, WIDTH = 12, 400
network = Sequential(*(Dense(WIDTH, WIDTH, "sigmoid") for _ in range(DEPTH))).initialize(0, dtype="float64")
rng = np.random.default_rng(0)
h, caches, forward, backward = rng.normal(size=(100, WIDTH)), [], [], []
for layer in network:
    h, cache = layer.forward(h, training=True)
    caches.append(cache)
    forward.append(float(np.sqrt(h.var(axis=0).mean())))  # differences between samples
dh = rng.normal(size=h.shape)
for layer, cache in zip(reversed(network.layers), reversed(caches), strict=True):
    dh = layer.backward(dh, cache)
    backward.insert(0, float(np.sqrt((dh**2).mean())))
measured = [(forward[-1] / forward[2]) ** (1 / (DEPTH - 3)), (backward[2] / backward[-1]) ** (1 / (DEPTH - 3))]
print(f"measured: {measured[0]:.3f} forward, {measured[1]:.3f} backward")
assert max(abs(value / factor - 1) for value in measured) < 0.03 and 0.22 < factor < 0.25

# %%
# After twelve layers less than a ten-millionth is left. Could larger weights help, as in chapter 5? Let
# :math:`m \operatorname{Var}\, W = c`. Then :math:`q = c\, E[\sigma(a)^2]`, and the factor is
# :math:`\sqrt{c\, E[\sigma'(a)^2]}`. But larger weights saturate the units, where :math:`\varphi'` is smaller still.
a = np.linspace(-100, 100, 40_001)


def factor_at(c):
    """(factor per layer, share of units below 0.05 or above 0.95) for m Var W = c."""
    h, q = autoencoder.sigmoid(a), c / 4
    for _ in range(50):
        p = np.exp(-(a**2) / (2 * q))
        q = c * (p * h**2).sum() / p.sum()
    p = np.exp(-(a**2) / (2 * q))
    p /= p.sum()
    return float(np.sqrt(c * (p * (h * (1 - h)) ** 2).sum())), float(p[(h < 0.05) | (h > 0.95)].sum())


assert factor**DEPTH < 1e-7 and abs(factor_at(1.0)[0] / factor - 1) < 1e-6
low, high = 1.0, 400.0
while high - low > 0.01:  # bisection
    low, high = ((low + high) / 2, high) if factor_at((low + high) / 2)[0] < 1 else (low, (low + high) / 2)
print(f"the factor is 1 at c = {low:.0f}, where {factor_at(low)[1]:.0%} of the units are saturated")
assert abs(np.sqrt(low) - 10) < 0.5 and factor_at(low)[1] > 0.6

# %%
# The factor is 1 only for weights ten times Glorot's. Then more than 60 % of the units are saturated: a bad start, too.
#
# One layer at a time
# -------------------
#
# Let :math:`h^0 = x`. Stage :math:`k` is an autoencoder with one hidden layer, and learns to reconstruct the codes of
# the stage below:
#
# .. math::
#     h^k = f_k(h^{k-1}), \qquad
#     \text{minimise } \frac{1}{B} \sum_i \ell\big( g_k(f_k(h_i^{k-1})),\, h_i^{k-1} \big)
#     \text{ over } f_k \text{ and } g_k \text{ alone}
#
# The gradient passes one sigmoid only. Codes of sigmoid units lie between 0 and 1 like pixels, so that the loss is the
# cross-entropy in each stage. Afterwards the layers are *unrolled* into one deep network,
# :math:`f_1, f_2, \dots, g_2, g_1`, and trained together: *fine-tuning*. One thing changes. A stage ends in logits,
# since the sigmoid is part of its loss. In the deep network this holds for :math:`g_1` alone; the others get their
# sigmoid back. In the engine's lines, ``pairs`` has the two layers of each stage:
source = inspect.getsource(Stacked.stages)
print(source[: source.index('"""')].rstrip() + "\n" + source[source.index("        for k") :])
source = inspect.getsource(Stacked._layers)
print(source[source.index("        for k") :])

# %%
# The check: an unrolled stack, against finite differences and against the page from scratch with the same weights.
tiny, rows = Stacked([12, 8, 6, 3], dtype="float64", seed=1), rng.random((10, 12))
deep = tiny.unroll()
print(f"gradient check of the unrolled network: {check_model(deep, rows):.0e}")
twin = stacked.small_autoencoders([12, 8, 6, 3], rng)
for small, model in zip(twin, tiny.autoencoders, strict=True):
    for mine, theirs in zip(small, (model.encoder[0], model.decoder[0]), strict=True):
        mine.W, mine.b = theirs.W.value, theirs.b.value
twin = stacked.unroll(twin)
J = twin.backpropagate(rows, rows)
with deep.theta.fresh_grad():
    J_deep = float(deep.backpropagate(rows)["reconstruction"])
pairs = zip([*deep.encoder, *deep.decoder], twin, strict=True)
largest = max(float(np.abs(layer.W.grad - mine.dW).max()) for layer, mine in pairs)
print(f"J of engine and page: {J_deep:.12f}, {J:.12f};  largest difference of gradients {largest:.0e}")
assert abs(J / J_deep - 1) < 1e-12 and largest < 1e-14

# %%
# The experiment
# --------------
#
# 784-200-100-50-16 and back, sigmoid units and a linear code, 6,000 digits. All networks are trained for twelve epochs;
# of the pretrained one, each stage for six, and the whole for six. Gradient descent with momentum trains the deep
# network, as it was done then; Adam trains the stages. For comparison: Adam from the same random weights, and what one
# does today, ReLU units with weights rescaled by the data (chapter 5).
SIZES = [784, 200, 100, 50, 16]
common = {"batch_size": 50, "schedule": "cosine", "progress": "none", "validation": x_test}
stack = Stacked(SIZES, ["sigmoid", "sigmoid", "sigmoid", "linear"])
models, curves = {}, {}
for name, optimizer in (("random weights", SGD(0.02, momentum=0.9)), ("random weights, Adam", Adam(1e-3))):
    models[name] = stack.unroll()
    curves[name] = fit(models[name], x, epochs=12, optimizer=optimizer, data_init=False, **common)["val_loss"]

inputs = x_test
for autoencoder_k, codes in stack.stages(x):
    fit(autoencoder_k, codes, epochs=6, optimizer=Adam(3e-3), data_init=False, **common | {"validation": inputs})
    inputs = autoencoder_k.encode(inputs)
models["pretrained"], models["fine-tuned"] = stack.unroll(), stack.unroll()
history = fit(models["fine-tuned"], x, epochs=6, optimizer=SGD(0.02, momentum=0.9), data_init=False, **common)
curves["fine-tuned"] = [models["pretrained"].evaluate(x_test)["reconstruction"], *history["val_loss"]]
models["ReLU"] = dense_autoencoder(SIZES, "relu")
curves["ReLU"] = fit(models["ReLU"], x, epochs=12, optimizer=Adam(1e-3), **common)["val_loss"]

mean = np.clip(x.mean(axis=0), 1e-6, 1 - 1e-6)
J_mean = float(-(x_test * np.log(mean) + (1 - x_test) * np.log(1 - mean)).sum(axis=1).mean())
nats = {name: model.evaluate(x_test)["reconstruction"] for name, model in models.items()}
for name, value in {"the mean image": J_mean, **nats}.items():
    print(f"{name}: {value:.1f} nats per test image")
assert min(nats["random weights"], nats["random weights, Adam"]) > 170 and nats["pretrained"] < 130
assert nats["fine-tuned"] < 105 and nats["ReLU"] < nats["fine-tuned"]

# %%
# From random weights neither optimizer gets far below the mean image. The stack, as it is after pretraining, is already
# much better, and fine-tuning improves it further. The network of chapter 5 needs none of this.
figure, (left, right) = plt.subplots(1, 2, figsize=(10.6, 3.9), layout="constrained")
layers = np.arange(1, DEPTH + 1)
for values, colour, predicted in (
    (forward, COLOURS[0], forward[2] * factor ** (layers - 3)), (backward, COLOURS[2], factor ** (DEPTH + 1 - layers))
):  # fmt: skip
    left.semilogy(layers, values, color=colour, lw=2)
    left.semilogy(layers, predicted, color=PAPER, lw=0.9, ls="--")
left.text(3.7, 1.2e-2, "differences between\nsamples, forward", color=COLOURS[0])
left.text(8.4, 1.5e-4, "gradient,\nbackward", color=COLOURS[2], va="top")
left.set(xlabel="layer", ylabel="root mean square", title="Twelve sigmoid layers. Dashes: predicted")
shown = (("random weights", INK, 1, -2), ("random weights, Adam", GREY, 1, 3), ("fine-tuned", COLOURS[2], 6, 2),
         ("ReLU", COLOURS[0], 1, -3))  # fmt: skip
for name, colour, first, up in shown:
    right.plot(range(first, 13), curves[name], "o-", ms=3, color=colour)
    label = {"fine-tuned": "pretrained", "ReLU": "ReLU, rescaled"}.get(name, name)
    right.annotate(label, (12, curves[name][-1]), (7, up), textcoords="offset points", color=colour, va="center")
right.axhline(J_mean, color=GREY, lw=0.9, ls="--")
right.text(12.3, J_mean + 1, "the mean image", color=GREY)
right.axvspan(0.5, 6, color=COLOURS[2], alpha=0.08, lw=0)
right.text(3.2, 150, "stages of\n“pretrained”", color=COLOURS[2], ha="center")
right.set(xlabel="epoch", ylabel="J, nats per test image", xlim=(0.5, 18), xticks=range(2, 13, 2),
          title="784-200-100-50-16 and back")  # fmt: skip
for axes in (left, right):
    open_frame(axes)

# %%
some = [3, 2, 1, 18, 4, 8, 11, 0]
pictures = {"x": x_test[some]} | {name: model.reconstruct(x_test[some]) for name, model in models.items()}
figure, grid = plt.subplots(len(pictures), len(some), figsize=(8.4, 5.6), layout="constrained")
for line, (name, images) in zip(grid, pictures.items(), strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line[0].set_ylabel(name.replace(", ", ",\n"), rotation=0, ha="right", va="center", labelpad=6)

# %%
# How good must a stack be?
# -------------------------
#
# Why should stages that know nothing of each other fit together? Let :math:`R_k` be the reconstruction of
# :math:`h^{k-1}` by all stages from :math:`k` on, :math:`R_k = g_k(R_{k+1})`, and let :math:`e_k = \|h^{k-1} -
# g_k(h^k)\|` be the error of stage :math:`k` alone. By the triangle inequality,
#
# .. math::
#     \|h^{k-1} - R_k\| \leq \|h^{k-1} - g_k(h^k)\| + \|g_k(h^k) - g_k(R_{k+1})\| \leq e_k + L_k \|h^k - R_{k+1}\|
#
# where :math:`L_k` is a Lipschitz constant of :math:`g_k`, the most by which it enlarges a distance. For a sigmoid of
# an affine function, :math:`L_k = \frac{1}{4} \|V_k\|_2`, with the largest singular value of the decoder's matrix.
# Insert from :math:`k = 1` on. The error of the unrolled network is at most
#
# .. math::
#     \|x - R_1\| \leq e_1 + L_1 e_2 + L_1 L_2 e_3 + L_1 L_2 L_3 e_4
#
# So small errors of the stages make a small error of the whole, before any fine-tuning. Later stages count more, if
# :math:`L_k > 1`.
codes, bound, product, parts = x_test, 0.0, 1.0, []
for stage in stack.autoencoders:
    e = np.sqrt(((stage.reconstruct(codes) - codes) ** 2).sum(axis=1))
    bound = bound + product * e
    parts.append(f"{product:.2f} · {e.mean():.2f}")
    product *= np.linalg.svd(stage.decoder[0].W.value, compute_uv=False)[0] / 4
    codes = stage.encode(codes)
whole = np.sqrt(((models["pretrained"].reconstruct(x_test) - x_test) ** 2).sum(axis=1))
print(f"mean ‖x − x̂‖ of the unrolled stack {whole.mean():.2f};  bound {' + '.join(parts)} = {bound.mean():.2f}")
assert (whole <= bound).all()

# %%
# The bound holds for every test digit. It is far from tight, since the errors do not point in the directions that the
# decoders enlarge most.
#
# Few labels
# ----------
#
# The encoders can also become the first layers of a classifier. Pretraining needs no labels. So it helps most where
# images are many and labels few: here 6,000 images, of which 500 have a label.
LABELS = 500
labelled, held_out = (x[:LABELS], digits.train_labels[:LABELS]), (x_test, digits.test_labels)
half = Stacked(SIZES[:-1])
classifiers = {"random weights": half.classifier(10)}
for autoencoder_k, codes in half.stages(x):
    fit(autoencoder_k, codes, epochs=6, optimizer=Adam(3e-3), data_init=False, **common | {"validation": None})
classifiers["pretrained"] = half.classifier(10)
rates = {}
for name, classifier in classifiers.items():
    fit(classifier, labelled, epochs=60, optimizer=Adam(3e-3), **common | {"validation": None})
    rates[name] = classifier.error_rate(held_out)
    print(f"{name}: {rates[name]:.1%} of the test digits wrong")
assert rates["pretrained"] < 0.9 * rates["random weights"]


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_09.py``.
#
# **1. Unroll a stack by hand.** Each stage is an autoencoder with sigmoid codes,
# :math:`h^k = \sigma(h^{k-1} W_k + b_k)`. The decoders of all stages but the first end in a sigmoid too, since they
# reconstruct such codes. The first one returns logits.
def unrolled_logits(x, encoders, decoders):
    """Returns the logits (B, n) of all encoders, then all decoders, for the rows x (B, n).

    encoders and decoders are lists of (W, b), from stage 1 on.
    """


def check_unrolled_logits(answer):
    stack = Stacked([12, 8, 6, 3], dtype="float64", seed=4)
    x = np.random.default_rng(0).random((5, 12))
    for model in stack.autoencoders:
        model.theta.value[:] += np.random.default_rng(1).normal(size=model.theta.size)
    encoders = [(m.encoder[0].W.value, m.encoder[0].b.value) for m in stack.autoencoders]
    decoders = [(m.decoder[0].W.value, m.decoder[0].b.value) for m in stack.autoencoders]
    logits, _ = stack.unroll().forward(x)
    compare(answer(x, encoders, decoders), logits=logits)


attempt(check_unrolled_logits, unrolled_logits)


# %%
# **2. Weights for sigmoid layers.** Which :math:`\operatorname{Var} W` keeps the size of the gradient, from :math:`dh`
# to :math:`dx`, in a sigmoid layer with :math:`m` units whose pre-activations are all near 0? (Biases can do that:
# :math:`b_j = -\frac{1}{2} \sum_k W_{kj}`.)
def sigmoid_variance(m):
    """Returns Var W of a sigmoid layer with m units, near a = 0."""


def check_sigmoid_variance(answer):
    rng = np.random.default_rng(9)
    for m in (200, 500):
        (variance,) = returned(answer(m), "Var W")
        dh = rng.normal(size=(50, m))
        for _ in range(10):
            W = rng.normal(0, np.sqrt(variance), (m, m))
            x = 0.5 + 1e-6 * rng.normal(size=(50, m))
            h = 1 / (1 + np.exp(W.sum(axis=0) / 2 - x @ W))
            dh = dh * h * (1 - h) @ W.T
        size = np.sqrt((dh**2).mean())
        assert 0.5 < size < 2, (
            f"m = {m}: expected a root mean square near 1 after 10 layers, got {size:.3g}. "
            f"It is multiplied by about {size ** (1 / 10):.3g} per layer."
        )


attempt(check_sigmoid_variance, sigmoid_variance)


# %%
# Next: chapter 10 uses that digits are images.
plt.show()
