r"""Chapter 11. Batch normalisation and dropout as invariances
==========================================================

A function that ignores a change of its input is *invariant* under this change. Its gradient then has no part along the
change. This one sentence explains two layers that are often presented as recipes. Batch normalisation ignores the mean
and the scale of every feature; its long backward formula is a projection, and the weights before it can only grow.
Dropout asks for a network that hardly notices if units are missing; for a linear layer it is exactly a penalty, which
ignores the units of measurement.
"""

import inspect
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare, open_frame
from demos.palette import COLOURS, GREY, INK, PAPER
from npae import Autoencoder, mnist
from npae.gradcheck import check_layer
from npae.layers import BatchNorm, Dense, Dropout, ReLU, Sequential, dropout, normalization
from npae.losses import SquaredError

# %%
# Batch normalisation
# -------------------
#
# Take one feature, with the N values :math:`x_1, \dots, x_N` in a batch (of images: all pixels of one channel). Batch
# normalisation standardises them, and gives them a learned standard deviation :math:`\gamma` and mean :math:`\beta`:
#
# .. math::
#     \mu = \frac{1}{N} \sum_i x_i, \quad v = \frac{1}{N} \sum_i (x_i - \mu)^2, \quad r = \frac{1}{\sqrt{v + \epsilon}},
#     \qquad \hat x_i = (x_i - \mu)\, r, \quad y_i = \gamma \hat x_i + \beta
#
# Here :math:`\hat x` is the standardised :math:`x`, not a reconstruction. :math:`\epsilon` guards against a division by
# zero; we set it to 0 in what follows. Replace every :math:`x_i` by :math:`c x_i + m` with :math:`c > 0`: the
# deviations are multiplied by :math:`c`, and :math:`r` is divided by it. So
#
# .. math::
#     y(c x + m) = y(x) \qquad \text{for all } c > 0 \text{ and all } m
#
# **What the invariance implies.** Let :math:`J` depend on :math:`y`, and :math:`dx_k = \partial J/\partial x_k`. Both
# derivatives of :math:`J(c x + m)`, at :math:`c = 1, m = 0`, are zero:
#
# .. math::
#     0 = \frac{\partial J}{\partial m} = \sum_k dx_k, \qquad 0 = \frac{\partial J}{\partial c} = \sum_k x_k\, dx_k
#
# The gradient is orthogonal to the vector :math:`(1, \dots, 1)` and to :math:`x`, hence to :math:`\hat x` also.
#
# **The whole gradient.** :math:`x_k` acts on every :math:`\hat x_i`, directly, through :math:`\mu`, and through
# :math:`v`. With :math:`\sum_i (x_i - \mu) = 0`,
#
# .. math::
#     \frac{\partial \mu}{\partial x_k} &= \frac{1}{N} \\
#     \frac{\partial v}{\partial x_k} &= \frac{2}{N} \sum_i (x_i - \mu) \left( [i = k] - \frac{1}{N} \right)
#       = \frac{2}{N} (x_k - \mu) \\
#     \frac{\partial r}{\partial x_k} &= -\frac{1}{2} (v + \epsilon)^{-3/2} \frac{\partial v}{\partial x_k}
#       = -\frac{r^3}{N} (x_k - \mu) = -\frac{r^2}{N}\, \hat x_k \\
#     \frac{\partial \hat x_i}{\partial x_k} &= \left( [i = k] - \frac{1}{N} \right) r + (x_i - \mu)
#       \frac{\partial r}{\partial x_k} = r \left( [i = k] - \frac{1}{N} - \frac{\hat x_i \hat x_k}{N} \right)
#
# since :math:`(x_i - \mu)\, r = \hat x_i`. The chain rule, :math:`dx_k = \sum_i \gamma\, dy_i\, \partial \hat
# x_i/\partial x_k`, gives
#
# .. math::
#     dx_k = \gamma r \left( dy_k - \frac{1}{N} \sum_i dy_i - \frac{\hat x_k}{N} \sum_i dy_i \hat x_i \right), \qquad
#     d\gamma = \sum_i dy_i \hat x_i, \quad d\beta = \sum_i dy_i
#
# The first subtracted term is the part of :math:`dy` along :math:`(1, \dots, 1)`, whose squared length is N. The second
# is the part along :math:`\hat x`, whose squared length is N too, since its variance is 1. The backward pass is a
# projection, times :math:`\gamma r`. In the engine ``d`` is :math:`x - \mu`, ``scale`` is :math:`\gamma r`, and
# ``mean_dy_x`` has :math:`r^2` already, since :math:`\hat x_k \hat x_i = r^2 d_k d_i`:
print(inspect.getsource(normalization._means.plain))
print(inspect.getsource(normalization._backward.plain))

# %%
# The check: finite differences, and the projection by matrices.
rng = np.random.default_rng(0)
N = 6
x, dy = rng.normal(2, 3, (N, 4)), rng.normal(size=(N, 4))
layer = BatchNorm(4, momentum=1, epsilon=1e-12).initialize(seed=0, dtype="float64")
layer.gamma.value[:] = rng.uniform(0.5, 2, 4)
print(f"gradient check: {check_layer(layer, x, training=True):.0e}")

y, cache = layer.forward(x, training=True)
dx, running = layer.backward(dy, cache), layer.variance.value.copy()
x_hat, ones = (x - x.mean(axis=0)) / x.std(axis=0), np.ones(N)
for j in range(4):
    P = np.eye(N) - np.outer(ones, ones) / N - np.outer(x_hat[:, j], x_hat[:, j]) / N
    assert np.abs(P @ P - P).max() < 1e-14  # a projection: twice is the same as once
    assert np.abs(layer.gamma.value[j] / x[:, j].std() * P @ dy[:, j] - dx[:, j]).max() < 1e-11
moved = layer.forward(5 * x + 7, training=True)[0]
print(f"y changes by {np.abs(moved - y).max():.0e} if x is scaled and shifted")
print(f"Σ dx = {np.abs(dx.sum(axis=0)).max():.0e}, Σ x dx = {np.abs((x * dx).sum(axis=0)).max():.0e}")
assert np.abs(moved - y).max() < 1e-10 and np.abs(running - x.var(axis=0, ddof=1)).max() < 1e-12
assert np.abs(dx.sum(axis=0)).max() < 1e-10 and np.abs((x * dx).sum(axis=0)).max() < 1e-10

# %%
# **At inference** an output must not depend on the other rows of a batch. The layer then uses running averages,
# collected in training, of :math:`\mu` and of :math:`\frac{N}{N-1} v`, whose expectation does not depend on N. (PyTorch
# does the same.) It is affine, with fixed numbers, and could be made part of the layer before it (exercise 1).
#
# The weights before it
# ---------------------
#
# Let :math:`x = hW` be the output of a linear layer. Multiplying column :math:`W_j` by :math:`c > 0` multiplies feature
# :math:`j` by :math:`c`, and nothing changes behind the batch normalisation: :math:`J(cW) = J(W)`. A bias has no effect
# at all. So, by the argument above and by differentiating :math:`J(cW) = J(W)` with respect to :math:`W`,
#
# .. math::
#     \langle W_j, dW_j \rangle = 0, \qquad\qquad c\, dW(cW) = dW(W), \quad dW(cW) = \frac{1}{c}\, dW(W)
#
# The gradient is orthogonal to the weights, and it is small where the weights are large. A step of gradient descent,
# :math:`W_j - \eta\, dW_j`, then has the two consequences
#
# .. math::
#     \lVert W_j - \eta\, dW_j \rVert^2 = \lVert W_j \rVert^2 + \eta^2 \lVert dW_j \rVert^2, \qquad
#     c W_j - c^2 \eta\, dW_j(c W) = c\, (W_j - \eta\, dW_j(W))
#
# by Pythagoras' theorem: the weights never become shorter. And weights that are :math:`c` times as large need a
# learning rate :math:`c^2` times as large for the same path. Growing weights mean a falling *effective* learning rate,
# :math:`\eta / \lVert W_j \rVert^2`. We train 784-32-784 by plain gradient descent on minibatches and measure this.
digits = mnist(which="sample")
images = digits.train_images[:2000].reshape(-1, 784) / 255.0


def train(c, eta_W, eta, steps=150):
    """(J, ‖W‖² of all steps, as measured and by Pythagoras) of SGD, from first weights that are c times as large."""
    first = Dense(784, 32)
    encoder, decoder = Sequential(first, BatchNorm(32, epsilon=1e-12), ReLU()), Sequential(Dense(32, 784))
    model = Autoencoder(encoder, decoder, dtype="float64")
    first.W.value[...] *= c
    order, lengths, sums, losses = np.random.default_rng(1), [(first.W.value**2).sum()], [0.0], []
    for _ in range(steps):
        with model.theta.fresh_grad():
            losses.append(float(model.backpropagate(images[order.integers(0, 2000, 50)])["reconstruction"]))
        dW = first.W.grad.copy()
        assert np.abs((first.W.value * dW).sum(axis=0)).max() < 1e-9 and np.abs(first.b.grad).max() < 1e-9
        model.theta.value[...] -= eta * model.theta.grad
        first.W.value[...] += (eta - eta_W) * dW  # the step of W has its own learning rate
        lengths.append((first.W.value**2).sum())
        sums.append(sums[-1] + eta_W**2 * (dW**2).sum())
    return np.array(losses), np.array(lengths), lengths[0] + np.array(sums)


ETA = 0.01
runs = {c: train(c, ETA, ETA) for c in (0.1, 0.3, 1.0)}
for c, (losses, lengths, predicted) in runs.items():
    print(f"weights × {c}: J {losses[0]:.2f} at first, {losses[-10:].mean():.1f} at last, "
          f"‖W‖ {np.sqrt(lengths[0]):.2f} to {np.sqrt(lengths[-1]):.2f}")  # fmt: skip
    assert np.abs(predicted / lengths - 1).max() < 1e-9 and (np.diff(lengths) > 0).all()
assert max(abs(losses[0] - runs[1.0][0][0]) for losses, *_ in runs.values()) < 1e-6
assert max(abs(losses[-10:].mean() - runs[1.0][0][-10:].mean()) for losses, *_ in runs.values()) < 6
same = np.abs(train(10.0, 100 * ETA, ETA)[0] - runs[1.0][0]).max()
print(f"weights × 10 and 100 times their learning rate: J differs by at most {same:.0e} in 150 steps")
assert same < 1e-6

# %%
# Left: a batch of three values. Their deviations from the mean lie in a plane, and :math:`\hat x` on a circle in it.
# The arrows are the engine's :math:`-dx` for one :math:`J`. They follow the circles, and are long where :math:`x` is
# small. Right: the length of :math:`W` in training. The dashes inside the lines are Pythagoras' theorem.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
R = np.array([[1.0], [-0.3], [-0.7]])
one = BatchNorm(1, epsilon=1e-12).initialize(seed=0, dtype="float64")
angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
turn = np.linspace(0, 2 * np.pi, 200)
for radius in (1.0, np.sqrt(3), 2.7):
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    arrows = []
    for point in points:
        _, cache = one.forward((point @ plane)[:, None], training=True)
        arrows.append(-plane @ one.backward(R, cache)[:, 0])
    arrows = np.array(arrows)
    assert np.abs((points * arrows).sum(axis=1)).max() < 1e-9  # along the circle
    unit = radius == np.sqrt(3)
    left.plot(radius * np.cos(turn), radius * np.sin(turn), color=COLOURS[2] if unit else GREY, lw=1.8 if unit else 0.6)
    left.quiver(*points.T, *arrows.T, color=COLOURS[0], angles="xy", scale_units="xy", scale=2.2, width=0.006, zorder=3)
left.text(0, np.sqrt(3) + 0.1, r"$\hat x$ lies here", color=COLOURS[2], ha="center", va="bottom",
          bbox={"fc": PAPER, "ec": "none", "pad": 1})  # fmt: skip
left.plot(0, 0, "o", color=INK, ms=4)
left.text(0, -0.12, "x₁ = x₂ = x₃", color=INK, ha="center", va="top", size=9)
left.set(aspect="equal", title="The step −dx, in the plane of deviations")
bare(left)
for (c, (_, lengths, predicted)), colour in zip(runs.items(), (COLOURS[0], COLOURS[2], INK), strict=True):
    right.plot(np.sqrt(lengths), color=colour, lw=2.4)
    right.plot(np.sqrt(predicted), color=PAPER, lw=0.9, ls="--")
    right.annotate(f"first weights × {c:g}", (150, np.sqrt(lengths[-1])), (6, 0), textcoords="offset points",
                   color=colour, va="center")  # fmt: skip
right.set(xlabel="step", ylabel="‖W‖", xlim=(0, 215), ylim=(0, None), xticks=(0, 50, 100, 150))
right.set_title("The weights only grow")
open_frame(right)

# %%
# All three begin with the same :math:`J`: the network does not notice the size of its weights. Where they are small,
# the first steps are huge, the weights grow at once, and the steps become small; :math:`J` ends nearly the same. This
# is why batch normalisation forgives a bad initialisation.
#
# Dropout
# -------
#
# In training, dropout sets each number to 0 with probability :math:`p`, and divides the others by :math:`1 - p`. With
# independent :math:`m_k`, 1 with probability :math:`1 - p` and otherwise 0,
#
# .. math::
#     y_k = \frac{m_k x_k}{1 - p}, \qquad E[y_k] = \frac{(1 - p)\, x_k}{1 - p} = x_k, \qquad
#     \operatorname{Var}\, y_k = \frac{(1 - p) - (1 - p)^2}{(1 - p)^2}\, x_k^2 = \frac{p}{1 - p}\, x_k^2
#
# since :math:`E[m_k^2] = E[m_k] = 1 - p`. At inference nothing is dropped. For given :math:`m` the layer is linear, so
# :math:`dx_k = dy_k\, m_k/(1 - p)`. One formula does both passes; ``u`` is uniform in [0, 1):
print(inspect.getsource(dropout._drop.plain))
print(inspect.getsource(Dropout.corrupt))
print(inspect.getsource(Dropout.gradient))

# %%
# **What it asks for.** Let a linear unit follow, :math:`a = \sum_k y_k W_k + b`, with the target :math:`t` and half the
# squared error. A mean of squares is the square of the mean plus the variance; the :math:`m_k` are independent, so
# variances add:
#
# .. math::
#     E\left[ \tfrac{1}{2} (a - t)^2 \right] = \tfrac{1}{2} (E[a] - t)^2 + \tfrac{1}{2} \operatorname{Var}\, a
#     = \tfrac{1}{2} (x W + b - t)^2 + \frac{p}{2 (1 - p)} \sum_k W_k^2 x_k^2
#
# Over a batch, dropout thus adds the penalty
#
# .. math::
#     \Omega = \frac{p}{2 (1 - p)} \sum_k W_k^2 \cdot \text{mean of } x_{k}^2
#
# **Its invariance.** Measure feature :math:`k` in other units: :math:`x_k` becomes :math:`c x_k`, and the same function
# has the weight :math:`W_k/c`. :math:`\Omega` is the same; weight decay, :math:`\sum_k W_k^2`, is not. **Its minimum.**
# Let :math:`n` features be copies of each other. Only the sum :math:`w` of their weights matters for the error. For a
# given sum, :math:`\sum_k W_k^2` is smallest if all are :math:`w/n`, and it is :math:`w^2/n` then. Dropout spreads a
# weight over all features that carry the same information, so that the output hardly notices if one is missing.
#
# The check is exact: the mean over all 64 masks of 6 features. All rows have one mask, since :math:`J` is a sum of
# rows.
p, n = 0.3, 6
x, t = rng.normal(size=(5, n)), rng.normal(size=(5, 1))
drop, linear, loss = Dropout(p), Dense(n, 1).initialize(seed=0, dtype="float64"), SquaredError()
J, dW = 0.0, 0.0
for mask in product((0.0, 0.9), repeat=n):  # u = 0 drops a number, u = 0.9 keeps it
    probability = np.prod([1 - p if u else p for u in mask])
    a, cache = linear.forward(drop.freeze(np.tile(mask, (5, 1))).forward(x, training=True)[0], training=True)
    value, da = loss.value_and_gradient(a, t)
    with linear.theta.fresh_grad():
        linear.backward(da, cache)
    J, dW = J + probability * value, dW + probability * linear.W.grad
a, squares = x @ linear.W.value + linear.b.value, (x**2).mean(axis=0)[:, None]
J_formula = ((a - t) ** 2).sum() / 10 + p / (2 * (1 - p)) * (linear.W.value**2 * squares).sum()
dW_formula = x.T @ (a - t) / 5 + p / (1 - p) * linear.W.value * squares
print(f"E[J] over 64 masks: {J:.12f}, by the formula: {J_formula:.12f}")
assert abs(J - J_formula) < 1e-13 and np.abs(dW - dW_formula).max() < 1e-13
drop.freeze(rng.random((5, n)))
print(f"gradient check with a frozen mask: {check_layer(drop, x, training=True):.0e}")

# %%
# Predicting a pixel from the others
# ----------------------------------
#
# Neighbouring pixels carry much the same information. So let a linear unit predict the pixel in the middle of a digit
# from all the others, with 800 digits to learn from. As :math:`\Omega` is quadratic, the best weights with dropout are
# the solution of linear equations: :math:`\left( X^T X/B + \lambda D \right) W = X^T t/B`, where :math:`\lambda = p/(1
# - p)`, and the diagonal matrix D has the means of :math:`x_k^2`. A column of ones, without penalty, makes the bias.
train_x, test_x = images[:800], digits.test_images[:1000].reshape(-1, 784) / 255.0
middle = 14 * 28 + 14
used = np.flatnonzero((train_x > 0).sum(axis=0) > 0)
used = used[used != middle]


def best_weights(p):
    """(W, b, root mean square error on training and on test digits) for dropout of the inputs."""
    X, t = np.hstack([train_x[:, used], np.ones((800, 1))]), train_x[:, middle]
    D = np.append((train_x[:, used] ** 2).mean(axis=0), 0)
    W = np.linalg.lstsq(X.T @ X / 800 + p / (1 - p) * np.diag(D), X.T @ t / 800, rcond=1e-10)[0]
    errors = [np.sqrt(((part[:, used] @ W[:-1] + W[-1] - part[:, middle]) ** 2).mean()) for part in (train_x, test_x)]
    return W[:-1], W[-1], *errors


figure, grid = plt.subplots(1, 4, figsize=(10.4, 3.5), layout="constrained")
found = {p: best_weights(p) for p in (0.0, 0.05, 0.2, 0.5)}
for axes, (p, (W, _, on_training, on_test)) in zip(grid, found.items(), strict=True):
    picture = np.zeros(784)
    picture[used] = W * np.sqrt((train_x[:, used] ** 2).mean(axis=0))
    axes.imshow(picture.reshape(28, 28), cmap="RdBu_r", vmin=-0.15, vmax=0.15)
    axes.plot(14, 14, "s", ms=7, mfc="none", color=INK)
    axes.set(title="no dropout" if p == 0 else f"p = {p}", xlabel=f"error {on_training:.2f}, test {on_test:.2f}")
    bare(axes)
    print(f"p = {p}: root mean square error {on_training:.3f} on training digits, {on_test:.3f} on test digits")
figure.suptitle("Weight × root mean square of each pixel, to predict the one in the square")
assert found[0.0][2] < found[0.2][2] and min(found[0.05][3], found[0.2][3], found[0.5][3]) < 0.8 * found[0.0][3]

# %%
# Red weights are positive, blue ones negative. They are shown in the units that :math:`\Omega` measures: times the root
# mean square of their pixel. Without dropout the weights fit the noise of 800 digits. With it they are spread over the
# neighbours, and the error on new digits is smaller. And the layer itself agrees: at the solution for :math:`p = 0.5`,
# the mean of its gradients over random masks is zero, up to the error of the mean.
W, b, *_ = found[0.5]
linear, drop = Dense(len(used), 1).initialize(seed=0, dtype="float64"), Dropout(0.5)
linear.W.value[:, 0], linear.b.value[:] = W, b
gradients = []
for _ in range(100):
    a, cache = linear.forward(drop.forward(train_x[:, used], training=True)[0], training=True)
    with linear.theta.fresh_grad():
        linear.backward(loss.value_and_gradient(a, train_x[:, middle, None])[1], cache)
    gradients.append(linear.W.grad[:, 0].copy())
gradients = np.array(gradients)
ratios = gradients.mean(axis=0) ** 2 / (gradients.var(axis=0, ddof=1) / 100 + 1e-30)
often = (gradients != 0).all(axis=0)  # pixels that have ink in every mask
print(f"(mean gradient / its standard error)², mean of {often.sum()} pixels: {ratios[often].mean():.2f}, expected 1")
assert 0.7 < ratios[often].mean() < 1.4


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_11.py``.
#
# **1. Fold a batch normalisation.** At inference it is affine: :math:`y = \gamma (a - m)/\sqrt{s + \epsilon} + \beta`,
# with the running mean :math:`m` and the running variance :math:`s`. Make it part of the dense layer
# :math:`a = xW + b` before it.
def fold(W, b, gamma, beta, m, s, epsilon):
    """Returns (W′, b′) with y = x W′ + b′.

    W has the shape (n, units), epsilon is a number, the others have the shape (units,).
    """


def check_fold(answer):
    rng = np.random.default_rng(7)
    network = Sequential(Dense(5, 3), BatchNorm(3)).initialize(seed=0, dtype="float64")
    dense, norm = network
    for value in (dense.b.value, norm.gamma.value, norm.beta.value, norm.mean.value):
        value[:] = rng.normal(size=3)
    norm.variance.value[:] = rng.uniform(0.5, 2, 3)
    parts = (dense.W, dense.b, norm.gamma, norm.beta, norm.mean, norm.variance)
    found = answer(*[part.value.copy() for part in parts], norm.epsilon)
    b = network(np.zeros((1, 5)))[0]  # y for x = 0
    compare(found, W=network(np.eye(5)) - b, b=b)


attempt(check_fold, fold)


# %%
# **2. Another normalisation.** *RMS normalisation* divides every row of :math:`n` numbers by its root mean square:
# :math:`y_k = x_k r` with :math:`r = (\frac{1}{n} \sum_l x_l^2)^{-1/2}`. It ignores the scale of a row, but not its
# mean. Derive its backward pass. To which direction is :math:`dx` orthogonal?
def rms_backward(dy, x):
    """Returns dx, from dy and x, all of the shape (B, n)."""


def check_rms_backward(answer):
    rng = np.random.default_rng(8)
    x, R = rng.normal(1, 1, (4, 5)), rng.normal(size=(4, 5))

    def J():
        return (R * x / np.sqrt((x**2).mean(axis=1, keepdims=True))).sum()  # so dy = R

    compare(answer(R, x), dx=slopes(J, x))


attempt(check_rms_backward, rms_backward)


# %%
# Next: chapter 12 makes the code itself random.
plt.show()
