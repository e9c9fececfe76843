r"""Chapter 14. Adversarial networks: the best discriminator, and the gradient through it
=====================================================================================

Chapters 12 and 13 compute a density of images. Can a network learn to draw digits without any density, from samples
alone? It can if a second network judges the samples: a *discriminator*, which is trained to tell real from fake ones.
This chapter derives what the best discriminator is, which distance between two densities it measures, and how its
gradient moves a generator. The same game, played on codes, makes an autoencoder whose codes follow a chosen prior.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, returned, slopes
from demos.figures.canvas import bare, open_frame
from demos.figures.codes import badges
from demos.from_scratch import gan as page
from demos.palette import COLOURS, GREY, INK
from npae import GAN, AdversarialAutoencoder, dense_autoencoder, fit, mnist
from npae.backend import Stream
from npae.gradcheck import check_gradient
from npae.layers import Dense, LeakyReLU, Sequential
from npae.losses import adversarial, discriminator_loss, generator_loss
from npae.models import GaussianPrior
from npae.models.adversarial.game import discriminator_step, generator_gradient
from npae.optim import Adam, Cosine

# %%
# Two objectives
# --------------
#
# A *generator* maps random codes :math:`z` to fake images :math:`\hat x = G(z)`. The discriminator :math:`D` has one
# logit per image, :math:`a = D(x)` for real and :math:`b = D(\hat x)` for fake ones; :math:`\sigma(a)` is its
# probability of "real". It is a classifier with the targets 1 and 0, so its loss is the cross-entropy of chapter 3.
# With the softplus :math:`s(a) = \ln(1 + e^a)`, :math:`s' = \sigma`,
#
# .. math::
#     -\ln \sigma(a) = \ln(1 + e^{-a}) = s(-a), \qquad -\ln(1 - \sigma(b)) = -\ln \frac{e^{-b}}{1 + e^{-b}} = s(b)
#
# so that, for B real and B fake images (with all logits 0, :math:`J_D = 2 \ln 2`; some programs take half of it),
#
# .. math::
#     J_D = \frac{1}{B} \sum_i \left[ s(-a_i) + s(b_i) \right], \qquad
#     \frac{\partial J_D}{\partial a_i} = \frac{\sigma(a_i) - 1}{B}, \quad
#     \frac{\partial J_D}{\partial b_i} = \frac{\sigma(b_i)}{B}
#
# The generator wants the opposite. It can minimise :math:`-J_D`, of which only the term :math:`-s(b)` depends on it;
# this is called the *saturating* loss. Or it can take the fake images' cross-entropy with the target 1:
#
# .. math::
#     \text{saturating:} \quad -s(b), \ \text{derivative} \ -\sigma(b), \qquad\qquad
#     \text{non-saturating:} \quad J_G = s(-b), \ \text{derivative} \ -\sigma(-b)
#
# The engine's formulas return a loss and its derivative. ``scale`` is 1/B, and ``r``, the target for real images, is 1:
for formula in (adversarial._real, adversarial._fake, adversarial._non_saturating):
    print(inspect.getsource(formula.plain))

# %%
# The best discriminator
# ----------------------
#
# Let real images have the density :math:`p` and fake ones :math:`p_G`. The mean of :math:`J_D` over both is
#
# .. math::
#     J_D = \int \left[ p(x)\, s(-a(x)) + p_G(x)\, s(a(x)) \right] dx
#
# Suppose that :math:`D` can choose the logit :math:`a` freely at every :math:`x`. The derivative of the integrand with
# respect to :math:`a` is zero where
#
# .. math::
#     -p\, \sigma(-a) + p_G\, \sigma(a) = 0 \quad\Rightarrow\quad
#     e^a = \frac{\sigma(a)}{\sigma(-a)} = \frac{p}{p_G}, \qquad
#     a^* = \ln \frac{p}{p_G}, \quad \sigma(a^*) = \frac{p}{p + p_G}
#
# (:math:`\sigma(a)/\sigma(-a) = (1 + e^a)/(1 + e^{-a}) = e^a`.) It is a minimum, since the second derivative
# :math:`(p + p_G)\, \sigma(a)\, \sigma(-a)` is positive. So a discriminator, trained on samples only, estimates the
# ratio of two densities.
#
# **What is left of its loss.** Let :math:`m = \frac{1}{2}(p + p_G)`. At :math:`a^*`
#
# .. math::
#     s(-a^*) = -\ln \sigma(a^*) = -\ln \frac{p}{2m} = \ln 2 - \ln \frac{p}{m}, \qquad
#     s(a^*) = -\ln \sigma(-a^*) = \ln 2 - \ln \frac{p_G}{m}
#
# .. math::
#     J_D^* &= \int \left[ p \left( \ln 2 - \ln \frac{p}{m} \right) + p_G \left( \ln 2 - \ln \frac{p_G}{m} \right)
#     \right] dx \\
#     &= 2 \ln 2 - \operatorname{KL}(p \,\|\, m) - \operatorname{KL}(p_G \,\|\, m)
#     = 2 \ln 2 - 2 \operatorname{JS}(p \,\|\, p_G)
#
# The *Jensen-Shannon divergence* :math:`\operatorname{JS}` is the mean of the two divergences from the middle. It is at
# least 0, and 0 only if both densities are equal. Since :math:`J_D \ge 0`, it is at most :math:`\ln 2`. For any other
# :math:`D` the loss is larger than :math:`J_D^*`. So every discriminator gives a lower bound,
# :math:`\operatorname{JS} \ge \ln 2 - \frac{1}{2} J_D`.
#
# **The check.** Two densities on a line, a network of 32 tanh units that sees samples of them only, and the integral on
# a grid.
grid = np.linspace(-10, 10, 4001)


def normal(x, mean, std):
    """The density of N(mean, std²)."""
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def integral(values):
    """∫ values dx on the grid."""
    return float(values.sum() * (grid[1] - grid[0]))


def js(p, q):
    """The Jensen-Shannon divergence of two densities on the grid."""
    m = (p + q) / 2
    return integral(p * np.log(p / m) + q * np.log(q / m)) / 2


def softplus(a):
    return np.logaddexp(0, a)


p, p_G = (normal(grid, -1.5, 0.5) + normal(grid, 1.5, 0.7)) / 2, normal(grid, 0.5, 1.2)
p = np.maximum(p, 1e-300)
rng, half = np.random.default_rng(0), 250
D = Sequential(Dense(1, 32, "tanh"), Dense(32, 1)).initialize(seed=0, dtype="float64")
optimizer, steps = Adam(1e-2), 2000
for step in range(steps):
    x_real = np.concatenate([rng.normal(-1.5, 0.5, (half, 1)), rng.normal(1.5, 0.7, (half, 1))])
    with D.theta.fresh_grad():
        discriminator_step(D, x_real, rng.normal(0.5, 1.2, (2 * half, 1)))
    optimizer.lr = 1e-2 * (1 - step / steps)
    optimizer.step(D.theta)
a = D.forward(grid[:, None])[0][:, 0]
a_best = np.log(p / p_G)
J_D, J_best = (integral(p * softplus(-logit) + p_G * softplus(logit)) for logit in (a, a_best))
print(f"J_D {J_D:.4f}, at D* {J_best:.4f}, 2 ln 2 − 2 JS = {2 * np.log(2) - 2 * js(p, p_G):.4f}")
assert abs(J_best - 2 * np.log(2) + 2 * js(p, p_G)) < 1e-9 and 0 < J_D - J_best < 0.02

# %%
# What the generator descends
# ---------------------------
#
# Move :math:`p_G` a little. Then :math:`D^*` moves, too. But at :math:`a^*` the derivative of :math:`J_D` with respect
# to :math:`a` is 0, so the motion of :math:`D^*` adds nothing. The gradient of the saturating loss, with :math:`D^*`
# fixed, is that of :math:`-J_D^* = 2 \operatorname{JS} - 2 \ln 2`: the generator descends the Jensen-Shannon
# divergence.
#
# The non-saturating loss, with :math:`D^*` fixed, is :math:`\int p_G\, s(-a^*)\, dx = \int p_G \ln \frac{2m}{p}\, dx`.
# Its derivative with respect to :math:`p_G(x)` is :math:`\ln 2 + \ln \frac{m}{p}`. Compare the divergence
#
# .. math::
#     2 \operatorname{KL}(m \,\|\, p) = \int (p + p_G) \ln \frac{m}{p}\, dx
#
# with its derivative with respect to :math:`p_G(x)`,
#
# .. math::
#     \ln \frac{m}{p} + (p + p_G) \frac{1}{m} \cdot \frac{1}{2} = \ln \frac{m}{p} + 1
#
# Both differ by a constant, which has no effect, since :math:`\int p_G\, dx` is always 1. So the non-saturating
# generator descends :math:`2 \operatorname{KL}(m \,\|\, p)`. Both divergences are 0 only for :math:`p_G = p`.
#
# **The check.** :math:`p = N(0, 1)` and :math:`p_G = N(\delta, 1)`, samples :math:`\hat x = \delta + \varepsilon`. Then
#
# .. math::
#     a^*(x) = -\tfrac{1}{2} x^2 + \tfrac{1}{2} (x - \delta)^2 = \tfrac{1}{2} \delta^2 - \delta x, \qquad
#     \frac{\partial a^*}{\partial x} = -\delta, \qquad \frac{\partial \hat x}{\partial \delta} = 1
#
# and the chain rule through :math:`D^*` is the sum of the engine's :math:`\partial J/\partial b` times :math:`-\delta`.
# On the other side are finite differences of the two divergences, on the grid.
epsilon = np.random.default_rng(1).normal(size=(100_000, 1))
epsilon -= epsilon.mean()


def slope_through_D(delta, saturating):
    """dJ/dδ by the chain rule through D*, from samples."""
    _, db = generator_loss(delta**2 / 2 - delta * (delta + epsilon), saturating)
    return float((db * -delta).sum())


def divergence(delta, saturating):
    """2 JS(p ‖ p_G), or 2 KL(m ‖ p)."""
    p, q = normal(grid, -delta / 2, 1), normal(grid, delta / 2, 1)  # both moved, to the middle of the grid
    m = (p + q) / 2
    return 2 * js(p, q) if saturating else 2 * integral(m * np.log(m / p))


deltas, kinds = np.linspace(0.25, 4, 16), (True, False)
measured = {
    kind: np.array([(divergence(delta + 1e-4, kind) - divergence(delta - 1e-4, kind)) / 2e-4 for delta in deltas])
    for kind in kinds
}
through = {kind: np.array([slope_through_D(delta, kind) for delta in deltas]) for kind in kinds}
for kind, name in zip(kinds, ("saturating, 2 JS", "non-saturating, 2 KL(m ‖ p)"), strict=True):
    print(f"{name}: largest difference of slopes {np.abs(measured[kind] - through[kind]).max():.4f}")
    assert np.abs(measured[kind] - through[kind]).max() < 0.02
assert measured[True][-1] < 0.2 and measured[False][-1] > 3 and divergence(4, True) < 2 * np.log(2)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.7), layout="constrained")
curves_of = ((p, COLOURS[0], "p, real", (-2.1, 0.41)), (p_G, COLOURS[2], "p_G, fake", (2.3, 0.2)))
for density, colour, name, place in curves_of:
    left.fill_between(grid, density, color=colour, alpha=0.25, lw=0)
    left.plot(grid, density, color=colour)
    left.text(*place, name, color=colour, ha="right" if colour == COLOURS[0] else "left")
left.set(xlim=(-4, 5), ylim=(0, 0.5), xlabel="x", ylabel="density", title="Two densities")
near = (grid > -3.3) & (grid < 4)
middle.plot(grid[near], a_best[near], color=INK, lw=3, alpha=0.3)
middle.plot(grid[near], a[near], color=COLOURS[4])
middle.axhline(0, color=GREY, lw=0.6)
middle.text(-1.2, 1.6, "learned from\nsamples", color=COLOURS[4], ha="left")
middle.text(0.9, -3.6, "ln p/p_G", color=GREY)
middle.set(xlabel="x", ylabel="logit", ylim=(-6, 4), title="The discriminator")
for kind, colour in zip(kinds, (COLOURS[6], COLOURS[1]), strict=True):
    right.plot(deltas, measured[kind], color=colour)
    right.plot(deltas, through[kind], "o", color=colour, ms=4)
right.text(2.5, 2.9, "non-saturating:\nslope of 2 KL(m ‖ p)", color=COLOURS[1], ha="right")
right.text(4, 0.55, "saturating: slope of 2 JS", color=COLOURS[6], ha="right")
right.set(xlabel="δ, the distance of p_G from p", ylabel="dJ/dδ", title="The generator's gradient")
for axes in (left, middle, right):
    open_frame(axes)

# %%
# The dots on the right come through :math:`D^*`, the lines are slopes of divergences. The saturating loss loses its
# gradient when the fake samples are far away and need it most: :math:`\operatorname{JS}` cannot exceed
# :math:`\ln 2`, so it becomes flat. This is why one takes the other loss.
#
# The gradient through the discriminator
# --------------------------------------
#
# The generator never sees a real image. All it gets is the gradient of :math:`D` with respect to its *input*. By the
# chain rule, with :math:`\theta_D` fixed,
#
# .. math::
#     \frac{\partial J_G}{\partial \hat x}
#     = \left( \frac{\partial b}{\partial \hat x} \right)^T \frac{\partial J_G}{\partial b}, \qquad
#     \frac{\partial J_G}{\partial \theta_G}
#     = \left( \frac{\partial \hat x}{\partial \theta_G} \right)^T \frac{\partial J_G}{\partial \hat x}
#
# Chapter 1 has both: the first is :math:`dx` of the discriminator's layers, the second :math:`dW, db` of the
# generator's. So one backward pass runs through both networks. In it ``frozen`` keeps the discriminator's own
# :math:`dW, db` as they are. The other half, a step of :math:`D`, stops at the fake images, as after ``detach`` in
# PyTorch. In the engine:
source = inspect.getsource(discriminator_step)
print(source[source.index("    value, da, db") :])
source = inspect.getsource(generator_gradient)
print(source[source.index("    with frozen") :])

# %%
# The check: by finite differences, and against the page of plain NumPy. A number in the discriminator's gradient shows
# that it stays as it was.
twin = page.gan(np.random.default_rng(2), n=6, hidden=8, d=3)
G = Sequential(Dense(3, 8, "relu"), Dense(8, 6, "sigmoid")).initialize(seed=0, dtype="float64")
D = Sequential(Dense(6, 8, "relu"), Dense(8, 1)).initialize(seed=1, dtype="float64")
for network, its_twin in ((G, twin.G), (D, twin.D)):
    for layer, dense in zip(network, its_twin, strict=True):
        layer.W.value[...], layer.b.value[...] = dense.W, dense.b
z = np.random.default_rng(3).normal(size=(10, 3))
x_hat, cache = G.forward(z, training=True)
D.theta.grad[...] = 7
J_G, dx_hat = generator_gradient(D, x_hat)
with G.theta.fresh_grad():
    G.backward(dx_hat, cache, needs_dx=False)
J_twin = twin.generator_phase(z)
largest = max(max(np.abs(layer.W.grad - dense.dW).max(), np.abs(layer.b.grad - dense.db).max())
              for layer, dense in zip(G, twin.G, strict=True))  # fmt: skip
errors = (
    check_gradient(lambda: float(generator_loss(D(x_hat))[0]), {"x̂": (x_hat, dx_hat)}),
    check_gradient(lambda: float(generator_loss(D(G(z)))[0]), {"θ_G": (G.theta.value, G.theta.grad.copy())}),
)
print(f"finite differences: x̂ {errors[0]:.0e}, θ_G {errors[1]:.0e};  engine and page: {largest:.0e}")
assert largest < 1e-15 and abs(J_G - J_twin) < 1e-14 and (D.theta.grad == 7).all()

# %%
# Digits from noise
# -----------------
#
# 4,000 digits, a code of 32 normal numbers, one hidden layer on each side. Every minibatch has a step of :math:`D` and
# a step of :math:`G`. Neither objective shows the quality of the images, so we also print the *diversity*: the root
# mean square distance between two samples, relative to that between two digits. If it falls to 0, the generator draws
# one image for all codes.
digits = mnist(which="sample")
x, x_test = (images.reshape(-1, 784) / np.float32(255) for images in (digits.train_images[:4000], digits.test_images))
leaky = LeakyReLU(0.2)
game = GAN(
    Sequential(Dense(32, 128, "relu"), Dense(128, 784, "sigmoid")),
    Sequential(Dense(784, 128, leaky), Dense(128, 1)), GaussianPrior(32),
)  # fmt: skip
before = game.sample(10)
optimizers = {"discriminator": Adam(2e-4, beta1=0.5), "generator": Adam(1e-3, beta1=0.5)}
fit(game, x, epochs=60, batch_size=50, optimizer=optimizers, progress="none")
shown = game.evaluate(x_test)
print("  ".join(f"{name} {value:.2f}" for name, value in shown.items()))
assert 0.3 < shown["discriminator"] < 1.39 and shown["diversity"] > 0.5 and round(2 * np.log(2), 2) == 1.39

# %%
# :math:`J_D` is below :math:`2 \ln 2 = 1.39`: this discriminator still separates many of the samples from digits.
#
# The same game with codes
# ------------------------
#
# An autoencoder of chapter 5 has codes wherever training has put them, and a random :math:`z` may lie far from all of
# them. Let the *encoder* be the generator: "real" are samples :math:`z` of a prior :math:`p(z)`, "fake" are the codes
# :math:`h = f(x)`, with the density :math:`q` over all images. By the same proof :math:`D^*` has the logit
# :math:`\ln p(z)/q(z)`, and :math:`-\partial J_G/\partial h` points to where this ratio grows. Each minibatch has three
# phases:
#
# .. math::
#     \text{reconstruction:} \ \ \theta_f, \theta_g \qquad \text{discriminator:} \ \ \theta_D \qquad
#     \text{generator:} \ \ \theta_f, \quad \frac{\partial J_G}{\partial \theta_f}
#     = \left( \frac{\partial h}{\partial \theta_f} \right)^T \frac{\partial J_G}{\partial h}
#
# Unlike chapter 12, this needs no formula of any density: samples of :math:`p(z)` are enough. We watch it in two
# dimensions. First an ordinary autoencoder, and a discriminator that is trained on its codes.
x, prior, batch = digits.train_images.reshape(-1, 784)[:6000] / np.float32(255), GaussianPrior(2, std=5.0), 100
autoencoder = dense_autoencoder([784, 128, 2], "relu", "linear")
fit(autoencoder, x, epochs=6, batch_size=50, optimizer=Adam(2e-3), progress="none")


def trained_on(codes, seed):
    """A new discriminator of the prior and these codes, and the lower bound of JS on the test codes."""
    D = Sequential(Dense(2, 64, leaky), Dense(64, 64, leaky), Dense(64, 1)).initialize(seed)
    optimizer, rng, stream = Adam(2e-3), np.random.default_rng(seed), Stream(seed)
    for _ in range(800):
        h = codes[rng.integers(len(codes), size=batch)]
        with D.theta.fresh_grad():
            discriminator_step(D, prior.codes(stream, h), h)
        optimizer.step(D.theta)
    h = autoencoder.encode(x_test)
    J_D = float(discriminator_loss(D.forward(prior.codes(Stream(99), h))[0], D.forward(h)[0])[0])
    return D, np.log(2) - J_D / 2


D, js_before = trained_on(autoencoder.encode(x), seed=0)
h_before = autoencoder.encode(x_test)
_, dh = generator_gradient(D, h_before)
z = prior.codes(Stream(5), np.empty((10, 2), np.float32))
decoded_before = autoencoder.decode(z)
nats_before = autoencoder.evaluate(x_test)["reconstruction"]

model, epochs = AdversarialAutoencoder(autoencoder, D, prior), 16
optimizers = {"discriminator": Adam(1e-3, beta1=0.5), "generator": Adam(1e-3, beta1=0.5), "reconstruction": Adam(1e-3)}
fit(model, x, epochs=epochs, batch_size=50, optimizer=optimizers, schedule=Cosine(epochs, end=0.05), progress="none")
_, js_after = trained_on(autoencoder.encode(x), seed=1)
h_after, decoded_after = autoencoder.encode(x_test), autoencoder.decode(z)
nats_after = autoencoder.evaluate(x_test)["reconstruction"]
print(f"JS of prior and codes, at least: {js_before:.3f} before, {js_after:.3f} after the game (ln 2 = 0.693)")
print(f"cross-entropy per test image: {nats_before:.0f} before, {nats_after:.0f} nats after")
assert js_after < 0.07 and js_before > 0.15

# %%
# The bound may be slightly negative: a new discriminator that finds no difference between test codes and the prior may
# have a loss above :math:`2 \ln 2`. The arrows are :math:`-\partial J_G/\partial h` of some codes, all drawn with the
# same length. The circles hold half and 95 % of the prior.
z_many = prior.codes(Stream(7), np.empty((100_000, 2), np.float32))
radii = np.quantile(np.linalg.norm(z_many, axis=1), (0.5, 0.95))
figure, pair = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
labels = digits.test_labels
titles = ("Codes before, and the gradient through D", "Codes after the game")
for axes, h, title in zip(pair, (h_before, h_after), titles, strict=True):
    axes.scatter(*h.T, s=5, c=np.array(COLOURS)[labels], lw=0, alpha=0.6)
    for radius in radii:
        axes.add_patch(plt.Circle((0, 0), radius, fill=False, color=INK, lw=1, ls="--"))
    limit = max(14, 1.05 * np.abs(np.percentile(h, (0.5, 99.5), axis=0)).max())
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title)
    open_frame(axes)
    badges(axes, h, labels)
some = []
for i, h in enumerate(h_before):  # codes at some distance from each other
    if all(np.linalg.norm(h - h_before[j]) > 1.4 for j in some):
        some.append(i)
arrows = -dh[some] / np.linalg.norm(dh[some], axis=1, keepdims=True)
pair[0].quiver(*h_before[some].T, *arrows.T, color=INK, width=0.004, scale=20, zorder=3)

rows = {"GAN, before training": before, "GAN": game.sample(10), "autoencoder": decoded_before,
        "adversarial\nautoencoder": decoded_after}  # fmt: skip
figure, lines = plt.subplots(len(rows), 10, figsize=(9, 4), layout="constrained")
for line, (name, images) in zip(lines, rows.items(), strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)


# %%
# The last two rows decode the same ten samples of the prior.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_14.py``.
#
# **1. One-sided label smoothing.** With the target :math:`r < 1` for real images, their term of :math:`J_D` is
# :math:`-r \ln \sigma(a) - (1 - r) \ln(1 - \sigma(a))`. Which logit is the best now? Set the derivative of the
# integrand to zero.
def best_smoothed_logit(p, p_G, r):
    """Returns a*, a number, from the densities p and p_G at one place, and the target r."""


def check_best_smoothed_logit(answer):
    for p, p_G, r in ((0.3, 0.6, 0.9), (2.0, 0.1, 0.8), (0.5, 0.5, 1.0)):
        (a,) = returned(answer(p, p_G, r), "a*")
        logit = np.full((1, 1), float(a))
        _, da, db = discriminator_loss(logit, logit, r)  # derivatives of both terms
        slope = (p * da + p_G * db).item()
        assert abs(slope) < 1e-12, (
            f"p = {p}, p_G = {p_G}, r = {r}: expected a logit at which the integrand has the "
            f"derivative 0, got a* = {a:.4g}, at which it has {slope:.3g}."
        )


attempt(check_best_smoothed_logit, best_smoothed_logit)


# %%
# **2. The gradient through a discriminator.** It has two layers, :math:`b = \tanh(\hat x W + c)\, v`. Find the gradient
# of the non-saturating loss :math:`J_G = \frac{1}{B} \sum_i s(-b_i)` by the fake images.
def gradient_through(x_hat, W, c, v):
    """Returns dx̂ (B, n), from the fake images x̂ (B, n), W (n, m), c (m,) and v (m, 1)."""


def check_gradient_through(answer):
    rng = np.random.default_rng(6)
    x_hat, W, c, v = (rng.normal(size=shape) for shape in ((5, 4), (4, 3), (3,), (3, 1)))

    def J_G():
        return softplus(-np.tanh(x_hat @ W + c) @ v).mean()

    compare(answer(x_hat, W, c, v), dx_hat=slopes(J_G, x_hat))


attempt(check_gradient_through, gradient_through)


# %%
# Next: chapter 15 uses codes and residuals to find what does not belong to the data.
plt.show()
