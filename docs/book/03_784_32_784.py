r"""Chapter 3. 784-32-784: activations, cross-entropy, and why the loss takes logits
================================================================================

Pixels lie between 0 and 1. Which function should the last layer end in, and which loss should compare? This chapter
gives the decoder a sigmoid and derives the loss that belongs to it, the cross-entropy. The sigmoid then becomes part
of the loss. We derive two reasons for that, one about learning and one about rounding, and see both.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.baselines import pixel_entropy, squared_error_per_image
from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import autoencoder as page
from demos.palette import COLOURS, GREY, INK
from npae import Autoencoder, dense_autoencoder, fit, mnist
from npae.gradcheck import check_layer, check_loss
from npae.layers import Dense, ReLU, Sequential, Sigmoid, Tanh
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.losses.binary_cross_entropy import _terms_and_gradient
from npae.optim import SGD
from npae.train import Callback

# %%
# Activation functions
# --------------------
#
# Two linear layers make :math:`xWV`, again a linear function, and chapter 2 shows which. A function :math:`\varphi`
# between them makes more possible. It acts on each number :math:`a` alone, so :math:`da = dh \odot \varphi'(a)`, number
# by number. Three are common. Each :math:`\varphi'` follows from :math:`h = \varphi(a)`, so that the backward pass need
# not keep :math:`a`:
#
# .. math::
#     \text{ReLU} && \varphi &= \max(a, 0) & \varphi' &= 1 \text{ if } h > 0, \text{ else } 0 \\
#     \text{sigmoid} && \varphi &= \sigma(a) = \frac{1}{1 + e^{-a}}
#       & \varphi' &= \frac{e^{-a}}{(1 + e^{-a})^2} = \frac{1}{1 + e^{-a}} \cdot \frac{e^{-a}}{1 + e^{-a}} = h(1 - h) \\
#     \text{tanh} && \varphi &= \frac{\sinh a}{\cosh a}
#       & \varphi' &= \frac{\cosh^2 a - \sinh^2 a}{\cosh^2 a} = 1 - h^2
#
# For sigmoid and tanh, :math:`\varphi'` is nearly 0 where :math:`|a|` is large. There they are *saturated*: hardly any
# derivative passes through.
a = np.linspace(-5, 5, 201)
figure, grid = plt.subplots(1, 3, figsize=(10, 2.9), layout="constrained")
marks = {ReLU(): ((1.3, 2.2), (-4, 0.15)), Sigmoid(): ((2.4, 0.55), (-4, 0.12)), Tanh(): ((2.4, 0.7), (-4, 0.2))}
for axes, (phi, (place, place_of_slope)) in zip(grid, marks.items(), strict=True):
    h, cache = phi.forward(a[None])
    axes.plot(a, h[0], color=COLOURS[0], lw=2)
    axes.plot(a, phi.backward(np.ones_like(h), cache)[0], color=COLOURS[2], lw=1.5)  # dh = 1
    axes.text(*place, "φ", color=COLOURS[0], size=14, ha="right" if isinstance(phi, ReLU) else "left")
    axes.text(*place_of_slope, "φ′", color=COLOURS[2], size=14)
    axes.set(title=type(phi).__name__, xlabel="a", ylim=(-1.1, 2.6))
    open_frame(axes)
errors = [check_layer(phi, np.random.default_rng(0).normal(size=(4, 5))) for phi in marks]
print("gradient checks:", ", ".join(f"{error:.0e}" for error in errors))
print(inspect.getsource(Sigmoid.derivative), inspect.getsource(Tanh.derivative), sep="\n")

# %%
# The loss of a pixel that is 0 or 1
# ----------------------------------
#
# As in chapter 0, let :math:`\hat x` be the probability that a pixel is 1. Then the probability of what is really
# there is :math:`\hat x^x (1 - \hat x)^{1 - x}`. Training makes it as large as possible. Minus its logarithm, summed
# over the pixels of an image, is the *cross-entropy*, in nats:
#
# .. math::
#     \ell = -\sum_j \left[ x_j \ln \hat x_j + (1 - x_j) \ln(1 - \hat x_j) \right]
#
# Now :math:`\hat x = \sigma(t)`; the number :math:`t` before the sigmoid is the *logit*. The function
# :math:`s(t) = \ln(1 + e^t)` of chapter 0 is called *softplus*, with :math:`\ln \sigma(t) = t - s(t)`,
# :math:`\ln(1 - \sigma(t)) = -s(t)` and :math:`s' = \sigma`. Insert:
#
# .. math::
#     \ell = \sum_j \left[ s(t_j) - x_j t_j \right], \qquad \frac{\partial \ell}{\partial t_j} = \sigma(t_j) - x_j
#     = \hat x_j - x_j
#
# **Grey pixels.** The formula also works for :math:`0 < x < 1`. Let :math:`H(x) = -x \ln x - (1 - x)\ln(1 - x)`, the
# *entropy* of the pixel. Add and subtract it:
#
# .. math::
#     \ell = \sum_j \Big[ x_j \ln\frac{x_j}{\hat x_j} + (1 - x_j) \ln\frac{1 - x_j}{1 - \hat x_j} \Big] + \sum_j H(x_j)
#
# The first sum is called a Kullback-Leibler divergence. It is 0 for :math:`\hat x = x` and positive otherwise: since
# :math:`\ln r \le r - 1`, with equality for :math:`r = 1` only, each bracket is at least
# :math:`-x(\hat x/x - 1) - (1 - x)((1 - \hat x)/(1 - x) - 1) = (x - \hat x) + (\hat x - x) = 0`. So
# :math:`\sum_j H(x_j)` is a floor that no model gets below.
digits = mnist(which="sample")
x = digits.train_images.reshape(-1, 784) / np.float32(255)
x_test = digits.test_images.reshape(-1, 784) / np.float32(255)
floor = 784 * pixel_entropy(digits.test_images)
print(f"floor: {floor:.1f} nats per image;  always ½: {784 * np.log(2):.1f}")
assert 44 < floor < 46

# %%
# Why logits, first reason: learning
# ----------------------------------
#
# Why not squared error after a sigmoid? Its derivative by the logit has the factor :math:`\sigma'`:
#
# .. math::
#     \frac{\partial}{\partial t} \tfrac{1}{2} (\sigma(t) - x)^2 = (\hat x - x)\, \hat x (1 - \hat x)
#
# Let a pixel be paper, :math:`x = 0`, while the model is sure of ink: :math:`t = 6`, so :math:`\hat x = 0.998`. The
# cross-entropy has the derivative 0.998. The squared error has :math:`\hat x^2(1 - \hat x) = 0.0025`: the wrongest
# pixels learn slowest. How slow? Each step subtracts :math:`\eta\, \partial\ell/\partial t` from :math:`t`. For tiny
# :math:`\eta`, with the time :math:`\tau = \eta n` after :math:`n` steps, this is
# :math:`dt/d\tau = -\partial\ell/\partial t`. For large :math:`t`, :math:`\hat x \approx 1` and
# :math:`1 - \hat x \approx e^{-t}`. In the second line below, :math:`de^t/d\tau = e^t\, dt/d\tau`. Start at
# :math:`t_0`:
#
# .. math::
#     \text{cross-entropy:} && \frac{dt}{d\tau} &\approx -1
#         && t \text{ is near } 0 \text{ at } \tau \approx t_0 \\
#     \text{squared error:} && \frac{dt}{d\tau} &\approx -e^{-t}, \quad \frac{d e^t}{d\tau} \approx -1
#         && t \text{ is near } 0 \text{ at } \tau \approx e^{t_0}
#
# Six against :math:`e^6 \approx 400`.


def descend(derivative, t=6.0, eta=0.05, steps=12_000):
    """The logit of one pixel with x = 0 after each step of gradient descent."""
    path = [t]
    for _ in range(steps):
        path.append(path[-1] - eta * derivative(path[-1]))
    return eta * np.arange(steps + 1), np.array(path)


at_6 = page.sigmoid(6.0)
assert round(at_6, 3) == 0.998 and round(at_6**2 * (1 - at_6), 4) == 0.0025
tau, by_entropy = descend(page.sigmoid)
_, by_square = descend(lambda t: page.sigmoid(t) ** 2 * (1 - page.sigmoid(t)))
arrival = [float(tau[(path < 0.5).argmax()]) for path in (by_entropy, by_square)]
print("t below ½ after τ =", [round(value) for value in arrival])
assert 5 < arrival[0] < 8 and abs(arrival[1] / np.exp(6) - 1) < 0.05

# %%
# The same in two whole networks, one with each loss. Both begin with all pixels ink (decoder biases 5), and take steps
# of the same size. For the cross-entropy the decoder has no activation, since the loss takes logits.


class Errors(Callback):
    """Mean of ‖x̂ − x‖² on test digits, before and after each epoch."""

    def on_start(self, trainer):
        self.values = [squared_error_per_image(trainer.model.reconstruct(x_test), x_test)]

    def on_epoch_end(self, trainer, row):
        self.values.append(squared_error_per_image(trainer.model.reconstruct(x_test), x_test))


def from_a_bad_start(last, loss):
    encoder, decoder = Sequential(Dense(784, 32, "relu")), Sequential(Dense(32, 784, last))
    network = Autoencoder(encoder, decoder, loss)
    decoder[0].b.value[:] = 5
    errors = Errors()
    fit(network, x[:3000], epochs=6, batch_size=50, optimizer=SGD(0.01), callbacks=errors,
        progress="none", data_init=False)  # fmt: skip
    return errors.values


square = from_a_bad_start("sigmoid", SquaredError())
cross = from_a_bad_start(None, BinaryCrossEntropy())
print(f"‖x̂ − x‖² after two epochs: squared error {square[2]:.0f}, cross-entropy {cross[2]:.0f}")
assert square[2] > 0.99 * square[0] and cross[2] < 0.1 * cross[0]

t = np.linspace(-8, 8, 200)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
left.plot(t, page.sigmoid(t), color=COLOURS[0])
left.plot(t, page.sigmoid(t) ** 2 * (1 - page.sigmoid(t)), color=COLOURS[2])
for axes, cross_place, square_place in zip(
    (left, middle, right), ((-8, 0.8), (90, -4), (1.3, 90)), ((2.3, 0.16), (60, 3.8), (3.1, 560)), strict=True
):
    axes.text(*cross_place, "cross-entropy", color=COLOURS[0])
    axes.text(*square_place, "squared error", color=COLOURS[2])
left.set(xlabel="logit t", ylabel="∂ℓ/∂t of a pixel x = 0", title="The wrongest pixels are at the right")
for path, colour in ((by_entropy, COLOURS[0]), (by_square, COLOURS[2])):
    middle.plot(tau, path, color=colour)
middle.axvline(np.exp(6), color=GREY, lw=0.8, ls="--")
middle.text(np.exp(6) + 12, 5, "τ = e⁶", color=GREY)
middle.set(xlabel="τ = steps · η", ylabel="logit t", title="One pixel, from t = 6", ylim=(-6.5, 6.5))
right.plot(cross, "o-", ms=4, color=COLOURS[0])
right.plot(square, "o-", ms=4, color=COLOURS[2])
right.set(xlabel="epoch", ylabel="‖x̂ − x‖² per image", ylim=(0, None), title="784-32-784, from “all is ink”")
for axes in (left, middle, right):
    open_frame(axes)

# %%
# Second reason: rounding
# -----------------------
#
# In float32 the sigmoid of 20 is exactly 1: the next smaller number is :math:`1 - 2^{-24} = 1 - 6 \cdot 10^{-8}`, and
# :math:`1 - \sigma(20) = 2 \cdot 10^{-9}`. Then :math:`\ln(1 - \hat x) = -\infty`. From the logit nothing is lost:
# :math:`s(t) = \max(t, 0) + \ln(1 + e^{-|t|})`, since :math:`\ln(1 + e^t) = t + \ln(1 + e^{-t})`, and no exponential is
# large.
for logit in np.array([5, 15, 20, 100], np.float32)[:, None, None]:
    with np.errstate(divide="ignore", over="ignore"):
        naive = -np.log(1 - 1 / (1 + np.exp(-logit)))
    exact = BinaryCrossEntropy().per_feature(logit, np.zeros_like(logit))
    print(f"t = {logit.item():5.0f}   −ln(1 − x̂) = {naive.item():<12.6g} s(t) = {exact.item():.6g}")
assert exact.item() == 100 and np.isinf(naive.item()) and np.float32(page.sigmoid(20.0)) == 1
assert (f"{2.0**-24:.0e}", f"{page.sigmoid(-20.0):.0e}") == ("6e-08", "2e-09")

# %%
# These lines compute value and gradient together in a training step. One sigmoid serves both: of the two forms
# :math:`s(t) = -\ln(1 - \sigma) = t - \ln\sigma` they take the one whose logarithm has an argument of at least ½. In
# the engine the logits are called :math:`a`. ``total`` returns the sum of the first result times 1/B, which is
# :math:`J`, and the second result, the gradient.
print(inspect.getsource(_terms_and_gradient.plain))
print(inspect.getsource(BinaryCrossEntropy.value_and_gradient))

# %%
# The check: finite differences, the formula with probabilities, and the page of chapter 0.
rng = np.random.default_rng(1)
logits, grey = rng.normal(size=(4, 6)), rng.random((4, 6))
x_hat = page.sigmoid(logits)
J, d_logits = BinaryCrossEntropy().value_and_gradient(logits, grey)
closed = -(grey * np.log(x_hat) + (1 - grey) * np.log(1 - x_hat)).sum() / 4
J_page, d_page = page.cross_entropy(logits, grey)
print(f"gradient check {check_loss(BinaryCrossEntropy(), logits, grey):.0e}")
difference = np.abs(d_logits - d_page).max()
print(f"difference to the closed form {abs(J - closed):.0e}, to the page {difference:.0e}")
assert abs(J - closed) < 1e-13 and abs(J - J_page) < 1e-13 and difference < 1e-15

# %%
# A linear and a rectified code
# -----------------------------
#
# With everything in place: 784-32-784 with cross-entropy, once with a linear code, once with ReLU. Here the linear code
# is a little better: ReLU sets every negative number of the code to 0, and what it said is lost. Bends gain when
# several layers follow each other: in chapter 5 a deep network beats PCA.
models = {name: dense_autoencoder([784, 32], code_activation=name) for name in ("linear", "relu")}
for model in models.values():
    fit(model, x, epochs=6, batch_size=50, progress="none")
J_linear, J_relu = (model.evaluate(x_test)["reconstruction"] for model in models.values())
print(f"nats per test image: linear {J_linear:.1f}, relu {J_relu:.1f}, floor {floor:.1f}")
assert floor < J_linear < J_relu < 100
some = [3, 2, 1, 18, 4, 8, 11, 0]
rows = {f"x̂, {name} code": model.reconstruct(x_test[some]) for name, model in models.items()}
rows = {"x": x_test[some]} | rows
figure, grid = plt.subplots(3, len(some), figsize=(8, 3.1), layout="constrained")
for line, (name, images) in zip(grid, rows.items(), strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6, color=INK)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_03.py``.
#
# **1. A logarithm that keeps its digits.** Write :math:`\ln \sigma(t)` so that it neither overflows nor loses digits,
# for small and large :math:`t` of both signs. ``np.log1p(u)`` is :math:`\ln(1 + u)` with all digits, also for a tiny
# :math:`u`.
def log_sigmoid(t):
    """Returns ln σ(t) of every number of an array t, in the shape of t."""


def check_log_sigmoid(answer):
    for t in (-1000.0, -40.0, -1.0, 0.0, 1.0, 40.0, 1000.0):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            found = answer(np.array([t]))
        compare(found, f"t = {t:g}", rtol=1e-14, log_sigmoid=[-np.logaddexp(0, -t)])


attempt(check_log_sigmoid, log_sigmoid)


# %%
# **2. Pixels of −1 and 1.** Let :math:`P(x = 1) = \sigma(t)`, so that :math:`P(x) = \sigma(xt)` for both values. Derive
# :math:`J = \frac{1}{B} \sum_i \sum_j -\ln P(x_{ij})` and its derivative by :math:`t`.
def signed_cross_entropy(t, x):
    """Returns (J, dt) for logits t and pixels x = ±1, all of the shape (B, pixels)."""


def check_signed_cross_entropy(answer):
    rng = np.random.default_rng(6)
    t, x = rng.normal(size=(4, 3)), rng.choice([-1.0, 1.0], (4, 3))

    def J():
        return BinaryCrossEntropy().value_and_gradient(t, (x + 1) / 2)[0]

    compare(answer(t, x), J=J(), dt=slopes(J, t))


attempt(check_signed_cross_entropy, signed_cross_entropy)


# %%
# Next: chapter 4 has the gradient, and asks how to step.
plt.show()
