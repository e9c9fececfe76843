r"""Chapter 6. Denoising autoencoders and the score
===============================================

A network with a large code can copy its input, and learns nothing about it. So add noise, and ask for the clean sample.
What does the best possible network return? The mean of all clean samples that the noisy one may come from. It lies
uphill: in the direction in which the density of the noisy data grows. This chapter derives the formula.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import denoising as page
from demos.palette import COLOURS, GREY, INK
from npae import Autoencoder, dense_autoencoder, fit, mnist
from npae.gradcheck import check_model
from npae.layers import Dense, GaussianNoise, Sequential
from npae.layers.corruption import Corruption, _add_noise
from npae.optim import Adam

# %%
# The objective
# -------------
#
# Noise turns the sample :math:`x` into :math:`\tilde x = x + \sigma \varepsilon`. The numbers of :math:`\varepsilon`
# are independent, with mean 0 and variance 1 from the normal distribution, and drawn anew in each step. Here
# :math:`\sigma` is their standard deviation. The network receives :math:`\tilde x`, and its reconstruction
# :math:`r(\tilde x) = g(f(\tilde x))` is compared with the clean :math:`x`:
#
# .. math::
#     J = \frac{1}{B} \sum_i \tfrac{1}{2} \| r(\tilde x_i) - x_i \|^2
#
# No new derivative is needed. The noise does not depend on the parameters, so the gradient is that of chapter 1, with
# :math:`\tilde x` as input and :math:`x` as target. In the engine the noise is the first layer of the encoder. It is
# active in training only. ``self.next`` draws the noise, and ``self.corrupt`` calls the line above it:
print(inspect.getsource(_add_noise.plain))
print(inspect.getsource(Corruption.forward))

# %%
# The check needs the same noise in every evaluation of :math:`J`: after ``freeze``, ``self.next`` returns that noise.
# The page from scratch, given the same noise, has the same gradient.
rng = np.random.default_rng(0)
noise = GaussianNoise(0.5)
small = Autoencoder(Sequential(noise, Dense(6, 4, "relu")), Sequential(Dense(4, 6)), dtype="float64")
rows, eps = rng.random((8, 6)), rng.normal(size=(8, 6))
noise.freeze(eps)
with small.theta.fresh_grad():
    small.backpropagate(rows)
twin = page.denoising_autoencoder(rng, n=6, hidden=4)
twin[0].W, twin[1].W = small.encoder[1].W.value, small.decoder[0].W.value
twin.backpropagate(page.gaussian_noise(rows, eps), rows)
largest = max(np.abs(small.encoder[1].W.grad - twin[0].dW).max(), np.abs(small.decoder[0].W.grad - twin[1].dW).max())
print(f"gradient check: {check_model(small, rows):.0e};  largest difference of engine and page: {largest:.0e}")
assert largest < 1e-15

# %%
# The best reconstruction is a mean
# ---------------------------------
#
# Fix one noisy :math:`\tilde x`. Many clean :math:`x` may have led to it; :math:`p(x \mid \tilde x)` is their
# distribution, and :math:`m = E[x \mid \tilde x]` its mean. Insert :math:`m`:
#
# .. math::
#     E\big[ \tfrac{1}{2} \| r - x \|^2 \,\big|\, \tilde x \big]
#     = \tfrac{1}{2} \| r - m \|^2 + (r - m)^T E[m - x \mid \tilde x]
#     + E\big[ \tfrac{1}{2} \| m - x \|^2 \,\big|\, \tilde x \big]
#
# The middle term is 0, and the last does not depend on :math:`r`. So the best reconstruction is :math:`r = m`. The last
# term is the error that remains. Cross-entropy has the same best reconstruction: its derivative by a logit,
# :math:`\hat x_j - x_j` (chapter 3), has the mean :math:`\hat x_j - E[x_j \mid \tilde x]`, which is 0 at
# :math:`\hat x = m`.
#
# The mean lies uphill
# --------------------
#
# Write :math:`N(\tilde x; x, \sigma^2)` for the density of the noise around :math:`x`. It is a constant times
# :math:`e^{-\| \tilde x - x \|^2/2\sigma^2}`. The noisy data have the density
# :math:`p(\tilde x) = \int p(x)\, N(\tilde x; x, \sigma^2)\, dx`. Differentiate by :math:`\tilde x`. The exponent
# contributes the factor :math:`(x - \tilde x)/\sigma^2`:
#
# .. math::
#     \nabla p(\tilde x) &= \int p(x)\, N(\tilde x; x, \sigma^2)\, \frac{x - \tilde x}{\sigma^2}\, dx \\
#     &= p(\tilde x) \int p(x \mid \tilde x)\, \frac{x - \tilde x}{\sigma^2}\, dx
#     = p(\tilde x)\, \frac{E[x \mid \tilde x] - \tilde x}{\sigma^2}
#
# The second line is Bayes' theorem, :math:`p(x)\, N(\tilde x; x, \sigma^2) = p(\tilde x)\, p(x \mid \tilde x)`. Divide
# by :math:`p(\tilde x)`, and use :math:`\nabla p/p = \nabla \ln p`:
#
# .. math::
#     E[x \mid \tilde x] = \tilde x + \sigma^2\, \nabla \ln p(\tilde x)
#
# This is *Tweedie's formula* (Robbins 1956; Miyasawa 1961). The gradient :math:`\nabla \ln p` is called the *score*. No
# approximation was made: :math:`\sigma` may be large, and :math:`p(x)` may be anything, even a set of points.
#
# **Training for the score.** Read the formula the other way round. A network :math:`r` claims the score
# :math:`\psi(\tilde x) = (r(\tilde x) - \tilde x)/\sigma^2`. Then :math:`r - m = \sigma^2 (\psi - \nabla \ln p)`, so
#
# .. math::
#     E[J] = \frac{\sigma^4}{2}\, E \| \psi(\tilde x) - \nabla \ln p(\tilde x) \|^2
#     + E\big[ \tfrac{1}{2} \| m - x \|^2 \big]
#
# To train a denoiser is to fit the score by least squares, without ever knowing :math:`p` (Vincent 2011; Alain & Bengio
# 2014).
#
# One dimension
# -------------
#
# Let the clean data be the numbers −1 and 1, each with probability ½. Then
#
# .. math::
#     p(\tilde x) &\propto e^{-(\tilde x - 1)^2/2\sigma^2} + e^{-(\tilde x + 1)^2/2\sigma^2}
#     = 2\, e^{-(\tilde x^2 + 1)/2\sigma^2} \cosh(\tilde x/\sigma^2) \\
#     \frac{d}{d \tilde x} \ln p(\tilde x) &= -\frac{\tilde x}{\sigma^2}
#     + \frac{1}{\sigma^2} \tanh \frac{\tilde x}{\sigma^2},
#     \qquad\text{so}\qquad E[x \mid \tilde x] = \tanh \frac{\tilde x}{\sigma^2}
#
# We train a network 1-32-32-1 with two different :math:`\sigma` and compare.
signs = np.tile(np.array([[-1.0], [1.0]], np.float32), (5000, 1))
grid = np.linspace(-3, 3, 241)


def density(x_tilde, sigma):
    """p(x̃) for clean data −1 and 1."""
    return sum(np.exp(-((x_tilde - x) ** 2) / (2 * sigma**2)) for x in (-1, 1)) / (2 * sigma * np.sqrt(2 * np.pi))


figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), layout="constrained")
marks = {0.6: ((1.0, 0.34), (-0.33, 0.72)), 1.2: ((2.2, 0.19), (1.25, 0.33))}
for (sigma, (at_density, at_mean)), colour in zip(marks.items(), (COLOURS[0], COLOURS[2]), strict=True):
    layers = Sequential(GaussianNoise(sigma), Dense(1, 32, "tanh")), Sequential(Dense(32, 32, "tanh"), Dense(32, 1))
    model = Autoencoder(*layers, loss="mse")
    fit(model, signs, epochs=12, batch_size=100, optimizer=Adam(5e-3), schedule="cosine", progress="none")
    r, m, p = model.reconstruct(grid[:, None].astype(np.float32))[:, 0], np.tanh(grid / sigma**2), density(grid, sigma)
    score = np.gradient(np.log(p), grid)
    where = p > 0.02  # where training data lie
    dx = grid[1] - grid[0]
    excess = 0.5 * float((p * (r - m) ** 2).sum() * dx)
    remains = 0.5 * float((p * (1 - m**2)).sum() * dx)  # ½ E[(m − x)²], since E[x² | x̃] = 1
    print(f"σ = {sigma}: largest |r − E[x|x̃]| {np.abs(r - m)[where].max():.3f};  "
          f"J = {excess:.4f} above the least possible {remains:.4f}")  # fmt: skip
    assert np.abs(grid + sigma**2 * score - m)[2:-2].max() < 2e-3  # Tweedie's formula, by finite differences of ln p
    assert np.abs(r - m)[where].max() < 0.15 and excess < 0.02 * remains
    left.plot(grid, p, color=colour)
    left.text(*at_density, f"σ = {sigma}", color=colour, ha="left")
    right.plot(grid, m, color=colour, lw=1.4)
    right.plot(grid[where][::8], r[where][::8], "o", ms=4.5, color=colour, mfc="white")
    right.text(*at_mean, f"σ = {sigma}", color=colour, ha="right" if sigma < 1 else "left")
right.plot(grid, grid, color=GREY, lw=0.9, ls="--")
right.text(-1.62, -1.55, "copy of x̃", color=GREY, va="top", ha="right")
left.plot([-1, 1], [0, 0], "o", color=INK, clip_on=False, zorder=3)
for x in (-1, 1):
    left.annotate("clean data", (x, 0.003), (0, 0.05), color=INK, ha="center", arrowprops={"arrowstyle": "->"})
left.set(xlabel="x̃", title="Density of the noisy data", ylim=(0, None))
right.set(xlabel="x̃", ylabel="reconstruction", ylim=(-2, 2), xlim=(-3, 3), title="Lines: tanh(x̃/σ²). Circles: networks")
for axes in (left, right):
    open_frame(axes)

# %%
# With little noise the two peaks are separate, and the best reconstruction is close to a decision: −1 or 1. With much
# noise it stays between them, since :math:`\tilde x` leaves doubt.
#
# Two dimensions
# --------------
#
# Now the clean data are 2,000 points :math:`x_k` on a spiral, each with the same probability. Bayes' theorem weights
# the points by their density at :math:`\tilde x`, so that the exact mean is
#
# .. math::
#     E[x \mid \tilde x] = \sum_k w_k x_k, \qquad
#     w_k = \frac{e^{-\|\tilde x - x_k\|^2/2\sigma^2}}{\sum_l e^{-\|\tilde x - x_l\|^2/2\sigma^2}}
turn = np.sqrt(rng.uniform(0.06, 1, 2000)) * 3 * np.pi
spiral = (turn[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1) / 10).astype(np.float32)
SIGMA = 0.12


def exact_mean(x_tilde, x, sigma):
    """(E[x | x̃], ln p(x̃) up to a constant) if the clean data are the rows of x, all with the same probability."""
    distance = (x_tilde**2).sum(axis=1)[:, None] - 2 * x_tilde @ x.T + (x**2).sum(axis=1)
    exponent = -distance / (2 * sigma**2)
    largest = exponent.max(axis=1, keepdims=True)
    w = np.exp(exponent - largest)
    total = w.sum(axis=1, keepdims=True)
    return w / total @ x, (largest + np.log(total))[:, 0]


place, steps = rng.normal(0, 0.5, (50, 2)), 1e-5 * np.eye(2)
slopes = [(exact_mean(place + step, spiral, SIGMA)[1] - exact_mean(place - step, spiral, SIGMA)[1]) / 2e-5
          for step in steps]  # fmt: skip
error = np.abs(place + SIGMA**2 * np.stack(slopes, axis=1) - exact_mean(place, spiral, SIGMA)[0]).max()
print(f"Tweedie's formula in two dimensions, by finite differences: {error:.0e}")
assert error < 1e-8

# %%
# The network 2-64-64-2 has a code larger than its input. Without noise it would learn to copy.
denoiser = Autoencoder(Sequential(GaussianNoise(SIGMA), Dense(2, 64, "relu")),
                       Sequential(Dense(64, 64, "relu"), Dense(64, 2)), loss="mse")  # fmt: skip
fit(denoiser, spiral, epochs=200, batch_size=100, optimizer=Adam(5e-3), schedule="cosine", progress="none")
x_tilde = (spiral + SIGMA * rng.normal(size=spiral.shape)).astype(np.float32)
r, (m, _) = denoiser.reconstruct(x_tilde), exact_mean(x_tilde, spiral, SIGMA)
correction, exact = r - x_tilde, m - x_tilde
unexplained = ((correction - exact) ** 2).sum() / (exact**2).sum()
print(f"squared error of the network's σ²∇ln p, relative to its size: {unexplained:.3f}")
assert unexplained < 0.1

line = np.linspace(-1.25, 1.25, 140)
plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)
_, log_p = exact_mean(plane, spiral, SIGMA)
coarse = np.stack(np.meshgrid(*[np.linspace(-1.1, 1.1, 17)] * 2), axis=-1).reshape(-1, 2).astype(np.float32)
coarse = coarse[exact_mean(coarse, spiral, SIGMA)[1] > log_p.max() - 4]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained", sharey=True)
for axes in (left, right):
    axes.imshow(np.exp(log_p).reshape(140, 140), extent=(-1.25, 1.25, -1.25, 1.25), origin="lower", cmap="Greys",
                vmax=2.2 * np.exp(log_p).max())  # fmt: skip
    axes.set(xlim=(-1.25, 1.15), ylim=(-0.95, 1.15))
    bare(axes)
exact, learned = exact_mean(coarse, spiral, SIGMA)[0] - coarse, denoiser.reconstruct(coarse) - coarse
options = {"angles": "xy", "scale_units": "xy", "scale": 1}
left.quiver(*coarse.T, *exact.T, color=INK, width=0.009, headwidth=2.5, **options)
left.quiver(*coarse.T, *learned.T, color=COLOURS[1], width=0.004, **options)
left.set_title("σ²∇ln p(x̃): exact (black), network (orange). Grey: p(x̃)")
walkers = rng.normal(0, 0.08, (60, 2)).astype(np.float32) + coarse[rng.integers(len(coarse), size=60)]
steps = [walkers]
for _ in range(8):
    steps.append(denoiser.reconstruct(steps[-1]))
for path in np.stack(steps, axis=1):
    right.plot(*path.T, color=COLOURS[0], lw=1)
right.plot(*steps[0].T, "o", ms=3.5, color=COLOURS[0], mfc="white")
right.plot(*steps[-1].T, "o", ms=3.5, color=COLOURS[0])
right.set_title("Eight times x̃ ← r(x̃): from ○ to ●")


def distance_to_spiral(points):
    """Mean distance of the points from the nearest clean one."""
    return float(np.sqrt(((points[:, None] - spiral) ** 2).sum(axis=2).min(axis=1)).mean())


print("mean distance from the spiral, before and after the walk:",
      f"{distance_to_spiral(steps[0]):.3f}, {distance_to_spiral(steps[-1]):.3f}")  # fmt: skip
assert distance_to_spiral(steps[-1]) < 0.4 * distance_to_spiral(steps[0])

# %%
# The arrows grow with the distance from the spiral, and vanish on it. A walk along them ends where the density is
# large. Diffusion models are built on this: they use one denoiser for many :math:`\sigma`, from large to small.
#
# Digits
# ------
#
# Take :math:`\sigma = 0.5`, and compare two denoisers on *test* digits: the exact mean over the 10,000 training digits,
# as if no others existed, and a network 784-300-784 with cross-entropy, trained on the same digits.
digits = mnist(which="sample")
x, x_test = (images.reshape(-1, 784) / np.float32(255) for images in (digits.train_images, digits.test_images[:500]))
model = dense_autoencoder([784, 300], code_activation="relu", corruption=GaussianNoise(0.5))
fit(model, x, epochs=8, batch_size=100, schedule="cosine", progress="none")
x_tilde = (x_test + 0.5 * rng.normal(size=x_test.shape)).astype(np.float32)
results = {"x": x_test, "x̃": x_tilde, "network": model.reconstruct(x_tilde), "exact mean of\n10,000 digits": exact_mean(
    x_tilde.astype(np.float64), x.astype(np.float64), 0.5)[0]}  # fmt: skip
error = {name: page.half_squared_distance(images, x_test) for name, images in results.items()}
for name in list(error)[1:]:
    print(f"½‖x̂ − x‖² per test digit, {' '.join(name.split())}: {error[name]:.1f}")
assert abs(error["x̃"] - 98) < 1 and abs(error["network"] - 8) < 0.5
assert abs(error["exact mean of\n10,000 digits"] - 12) < 1
own = exact_mean(x[:500] + 0.5 * rng.normal(size=x_test.shape), x.astype(np.float64), 0.5)[0]
assert page.half_squared_distance(own, x[:500]) < 0.1  # on training digits

# %%
# The noise alone has :math:`\frac{1}{2} \cdot 784 \cdot 0.5^2 = 98`. The network leaves about 8 of it, the exact mean
# 12. The exact mean can only return mixtures of the digits that it has stored: it makes a 9 of the 4. On training
# digits it is the optimum, and its error is practically 0. The network learns the score of a smoother density, which
# has room for new digits.
some = [3, 2, 1, 18, 4, 8, 11, 0]
figure, grid_of_axes = plt.subplots(len(results), len(some), figsize=(8.4, 4.1), layout="constrained")
for line_of_axes, (name, images) in zip(grid_of_axes, results.items(), strict=True):
    for axes, image in zip(line_of_axes, images[some], strict=True):
        axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line_of_axes[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_06.py``.
#
# **1. The best denoiser of a normal number.** Let the clean number have the distribution :math:`N(0, s^2)`, so that
# :math:`\tilde x` has :math:`N(0, s^2 + \sigma^2)`. Use Tweedie's formula.
def denoise_normal(x_tilde, s, sigma):
    """Returns E[x | x̃], a number, from the numbers x̃, s and σ."""


def check_denoise_normal(answer):
    clean = np.linspace(-40, 40, 20_001)
    for s, sigma in ((1.0, 1.0), (2.0, 0.5), (0.7, 3.0)):
        for at in (-1.5, 0.2, 4.0):
            log_weights = -(clean**2) / (2 * s**2) - (at - clean) ** 2 / (2 * sigma**2)
            mean = np.average(clean, weights=np.exp(log_weights))
            compare(answer(at, s, sigma), f"x̃ = {at}, s = {s}, σ = {sigma}", mean=mean)


attempt(check_denoise_normal, denoise_normal)


# %%
# **2. How sure can a denoiser be?** Differentiate
# :math:`p(\tilde x)\, E[x \mid \tilde x] = \int x\, p(x)\, N(\tilde x; x, \sigma^2)\, dx` by :math:`\tilde x`, in one
# dimension. The result contains :math:`E[x^2 \mid \tilde x]`. Replace :math:`p'(\tilde x)` by Tweedie's formula. So the
# variance of :math:`x` given :math:`\tilde x` follows from the slope of the best reconstruction.
def remaining_variance(slope, sigma):
    """Returns Var[x | x̃], a number, from slope = d/dx̃ E[x | x̃] and σ."""


def check_remaining_variance(answer):
    points, p = np.array([-1.0, 0.3, 2.0]), np.array([0.5, 0.2, 0.3])

    def moment(k, at, sigma):
        weights = p * np.exp(-((at - points) ** 2) / (2 * sigma**2))
        return np.average(points**k, weights=weights)

    for sigma in (0.6, 1.0, 1.7):
        for at in (-1.0, 0.5, 1.4):
            slope = (moment(1, at + 1e-5, sigma) - moment(1, at - 1e-5, sigma)) / 2e-5
            variance = moment(2, at, sigma) - moment(1, at, sigma) ** 2
            case = f"slope = {slope:.4g}, σ = {sigma}"
            compare(answer(slope, sigma), case, variance=variance)


attempt(check_remaining_variance, remaining_variance)


# %%
# Next: chapter 7 leaves the input clean, and asks for codes in which few units are active.
plt.show()
