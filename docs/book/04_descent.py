r"""Chapter 4. Descent: SGD, momentum and Adam in one valley
========================================================

The gradient points uphill. How far should a step go the other way? Near a minimum every smooth objective looks like a
quadratic valley, steep across and flat along. There the fate of each method can be computed exactly: how large a step
may be, how many steps are needed, what momentum gains, and what Adam does differently. Then the same on digits.
"""

import inspect
import math

import matplotlib.pyplot as plt
import numpy as np

from demos.figures.canvas import open_frame
from demos.from_scratch import autoencoder as page
from demos.palette import COLOURS
from npae import dense_autoencoder, fit, mnist
from npae.layers import Dense
from npae.optim import SGD, Adam
from npae.optim.adam import _adam
from npae.optim.sgd import _momentum, _plain

# %%
# The valley
# ----------
#
# Let :math:`\theta = 0` be the minimum. There the gradient is 0. So up to second order, and up to a constant,
# :math:`J = \frac{1}{2} \theta^T H \theta`, with the symmetric matrix :math:`H` of second derivatives. Its gradient is
# :math:`g = H\theta`. In the directions of the eigenvectors of :math:`H` everything separates, so take :math:`H`
# diagonal:
#
# .. math::
#     J = \tfrac{1}{2} \left( \lambda_1 \theta_1^2 + \lambda_2 \theta_2^2 \right), \qquad
#     g = (\lambda_1 \theta_1, \lambda_2 \theta_2), \qquad \kappa = \lambda_2/\lambda_1
#
# We take :math:`\lambda_1 = 1` and :math:`\lambda_2 = 50`. The ratio :math:`\kappa` is the *condition number*.
lam = np.array([1.0, 50.0])
H, start, kappa = np.diag(lam), np.array([10.0, 1.0]), lam[1] / lam[0]


def descend(optimizer, H=H, start=start, steps=200):
    """θ before and after each step: an array (steps + 1, 2)."""
    theta = Dense(1, 1).initialize(seed=0, dtype="float64").theta  # two numbers, which the optimizer may change
    theta.value[:], path = start, [start]
    for _ in range(steps):
        theta.grad[:] = H @ theta.value
        optimizer.step(theta)
        path.append(theta.value.copy())
    return np.array(path)


def height(path, H=H):
    """J at each θ of the path."""
    return 0.5 * np.einsum("ti,ij,tj->t", path, H, path)


# %%
# Gradient descent
# ----------------
#
# :math:`\theta \leftarrow \theta - \eta g`, number by number:
#
# .. math::
#     \theta_j \leftarrow (1 - \eta\lambda_j)\, \theta_j
#
# Each number is multiplied by the same factor in every step. It goes to 0 if :math:`|1 - \eta\lambda_j| < 1`, so
# :math:`\eta < 2/\lambda_j` for *all* :math:`j`: the steepest direction limits the step, and the flat direction has to
# use it too. The slowest factor is least if both ends are equally slow,
# :math:`1 - \eta\lambda_1 = \eta\lambda_2 - 1`:
#
# .. math::
#     \eta = \frac{2}{\lambda_1 + \lambda_2}, \qquad
#     \text{factor per step} = 1 - \frac{2\lambda_1}{\lambda_1 + \lambda_2} = \frac{\kappa - 1}{\kappa + 1}
eta = 2 / lam.sum()
plain = descend(SGD(eta))
print(inspect.getsource(_plain.plain))
factor = np.abs(plain[101] / plain[100])
print(f"factors per step, measured {factor.round(4)}, predicted {(kappa - 1) / (kappa + 1):.4f}")
assert np.allclose(factor, (kappa - 1) / (kappa + 1))
assert height(descend(SGD(0.99 * 2 / 50)))[-1] < 1 < 1e3 < height(descend(SGD(1.1 * 2 / 50)))[-1]

# %%
# Momentum
# --------
#
# Keep a velocity :math:`u`, a fading sum of past gradients: :math:`u \leftarrow \mu u + g`, then
# :math:`\theta \leftarrow \theta - \eta u`. Along the valley the gradients agree and add up: for a constant :math:`g`,
# :math:`u \to g(1 + \mu + \mu^2 + \dots) = g/(1 - \mu)`. Across it they change sign and cancel, after a first swing.
#
# How much does it gain? Write the step for one number with :math:`g_t = \lambda\theta_t`, and put in
# :math:`\eta u_{t-1} = \theta_{t-1} - \theta_t` from the step before:
#
# .. math::
#     \theta_{t+1} = \theta_t - \eta(\mu u_{t-1} + \lambda \theta_t)
#     = (1 + \mu - \eta\lambda)\, \theta_t - \mu\, \theta_{t-1}
#
# Try :math:`\theta_t = r^t`. It is a solution if :math:`r^2 - (1 + \mu - \eta\lambda)\, r + \mu = 0`, and every
# solution is a sum of the two, with factors. The product of the two roots is :math:`\mu`. If they are complex, they are
# conjugate, so both have the absolute value :math:`\sqrt\mu`, whatever :math:`\lambda` is. They are complex if
#
# .. math::
#     (1 + \mu - \eta\lambda)^2 < 4\mu \quad &\Leftrightarrow\quad
#     1 + \mu - 2\sqrt\mu < \eta\lambda < 1 + \mu + 2\sqrt\mu \\
#     &\Leftrightarrow\quad (1 - \sqrt\mu)^2 < \eta\lambda < (1 + \sqrt\mu)^2
#
# Let :math:`\lambda_1` be at the lower end and :math:`\lambda_2` at the upper. Divide one by the other, and take roots:
#
# .. math::
#     \sqrt\kappa = \frac{1 + \sqrt\mu}{1 - \sqrt\mu} \quad\Rightarrow\quad
#     \text{factor per step} = \sqrt\mu = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}, \qquad
#     \eta = \frac{(1 - \sqrt\mu)^2}{\lambda_1} = \frac{4}{\lambda_1 (\sqrt\kappa + 1)^2}
#     = \left( \frac{2}{\sqrt{\lambda_1} + \sqrt{\lambda_2}} \right)^2
#
# The root of :math:`\kappa` has taken the place of :math:`\kappa`: for :math:`\kappa = 50`, 0.75 in place of 0.96 per
# step.
# (At both ends the two roots coincide, and the second solution is :math:`t\, r^t`: a little slower than :math:`r^t`.)
root_mu = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
momentum = descend(SGD((2 / np.sqrt(lam).sum()) ** 2, root_mu**2))
print(inspect.getsource(_momentum.plain))
measured = (np.linalg.norm(momentum[200]) / np.linalg.norm(momentum[100])) ** 0.01
needed = [int((height(path) < 1e-3).argmax()) for path in (plain, momentum)]
print(f"factor per step, measured {measured:.3f}, predicted {root_mu:.3f};  steps until J < 0.001: {needed}")
assert abs(measured - root_mu) < 0.01 and round(root_mu, 2) == 0.75 and needed[0] > 4 * needed[1]

# %%
# Adam
# ----
#
# Adam gives each parameter its own step. It keeps two running means, of the gradient and of its square:
#
# .. math::
#     m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad
#     \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}
#
# **The corrections.** Both start at 0, so they are too small at first. Unroll the recursion:
#
# .. math::
#     m_t = (1 - \beta_1) \sum_{s=1}^t \beta_1^{t-s} g_s, \qquad
#     (1 - \beta_1) \sum_{s=1}^t \beta_1^{t-s} = (1 - \beta_1)\, \frac{1 - \beta_1^t}{1 - \beta_1} = 1 - \beta_1^t
#
# The weights add up to :math:`1 - \beta_1^t`. So :math:`\hat m = m/(1 - \beta_1^t)` is a proper mean, from the first
# step on, and likewise :math:`\hat v = v/(1 - \beta_2^t)`.
#
# **What it does.** In the first step :math:`\hat m = g` and :math:`\hat v = g^2`: every parameter moves by
# :math:`\eta`, whatever the size of its gradient. And if a gradient :math:`g_j` is multiplied by a constant in all
# steps, numerator and denominator both are, and the path stays the same (but for the small :math:`\epsilon`, which
# guards against division by 0). Different scales of the parameters do not matter.
#
# **In the program** the corrections, equal for all parameters, become two numbers per step,
# with :math:`c_1 = 1 - \beta_1^t` and :math:`c_2 = 1 - \beta_2^t`:
#
# .. math::
#     \frac{m/c_1}{\sqrt{v/c_2} + \epsilon} = \frac{\sqrt{c_2}}{c_1} \cdot \frac{m}{\sqrt v + \epsilon\sqrt{c_2}}
print(inspect.getsource(_adam.plain), inspect.getsource(Adam.coefficients), sep="\n")

adam = descend(Adam(0.3))
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)
H_turned = turn @ H @ turn.T
turned = descend(Adam(0.3), H_turned, turn @ start)
scaled = descend(Adam(0.3), np.diag([1000.0, 1000.0]) @ H)  # gradients a thousand times larger
print("first step:", adam[1] - adam[0], "  J after 40 steps:", height(adam)[40].round(2), "and, in the turned valley,",
      height(turned, H_turned)[40].round(2))  # fmt: skip
assert np.allclose(adam[1] - adam[0], -0.3) and np.allclose(scaled, adam, atol=1e-5)
assert height(turned, H_turned)[40] > 10 * height(adam)[40]

# %%
# Adam's scales belong to the single parameters. In a valley along the axes it walks straight down; in the same valley
# turned by 45° both parameters have equal gradients, there is nothing to scale, and the advantage is lost. On a
# quadratic with known eigenvalues momentum is better than either. Adam needs no eigenvalues.
figure, grid = plt.subplots(1, 4, figsize=(11.5, 4.4), width_ratios=(2, 2, 2, 4), layout="constrained")
paths = {"gradient descent": (plain, COLOURS[0]), "momentum": (momentum, COLOURS[2]), "Adam": (adam, COLOURS[4])}
across, along = np.meshgrid(np.linspace(-4, 4, 300), np.linspace(-3, 11, 200))
level, levels = 0.5 * (lam[1] * across**2 + lam[0] * along**2), height(start[None]) * np.linspace(0.1, 2, 10) ** 2
for axes, (name, (path, colour)) in zip(grid, paths.items(), strict=False):
    axes.contour(across, along, level, levels, colors="#cccccc", linewidths=0.8)
    axes.plot(path[:41, 1], path[:41, 0], "o-", ms=2.5, lw=0.8, color=colour)
    axes.plot(0, 0, "+", color="black", ms=9)
    axes.set(title=f"{name},\n40 steps", xlabel="θ₂, steep", xlim=(-4, 4), ylim=(-3, 11), aspect="equal")
grid[0].set_ylabel("θ₁, flat")
curves = [(*item, H, "-") for item in paths.values()] + [(turned, COLOURS[4], H_turned, "--")]
for path, colour, matrix, style in curves:
    grid[3].semilogy(height(path, matrix), style, color=colour, lw=1.5)
for text, place, colour in (("gradient descent", (108, 3e-2), COLOURS[0]), ("momentum", (54, 1e-7), COLOURS[2]),
                            ("Adam", (54, 5e-3), COLOURS[4]),
                            ("Adam, valley turned", (42, 15), COLOURS[4])):  # fmt: skip
    grid[3].text(*place, text, color=colour)
grid[3].set(xlabel="step", ylabel="J", ylim=(1e-8, 2e2), title="The way down")
open_frame(grid[3])

# %%
# The check: ten steps of the engine's Adam and of chapter 0's, from the same start with the same gradients.
rng = np.random.default_rng(0)
twin = page.Network([page.Dense(1, 1, page.IDENTITY, rng)])
theta, optimizer = Dense(1, 1).initialize(seed=0, dtype="float64").theta, Adam(0.1)
twin_optimizer = page.Adam(twin, 0.1)
twin[0].W[:], twin[0].b[:] = theta.value[:1], theta.value[1:]
for _ in range(10):
    g = rng.normal(size=2)
    theta.grad[:], twin[0].dW, twin[0].db = g, g[:1, None], g[1:]
    optimizer.step(theta)
    twin_optimizer.step()
difference = np.abs(theta.value - np.concatenate([twin[0].W[0], twin[0].b])).max()
print(f"largest difference: {difference:.0e}")
assert difference < 1e-14

# %%
# On digits, with minibatches
# ---------------------------
#
# The gradient of a minibatch is not that of all data. But it is right on average: :math:`J` is a mean over samples, and
# the mean over all minibatches of an epoch is the mean over all samples. So each step goes in a random direction around
# the right one; that is *stochastic* gradient descent (SGD). Let the gradient near a minimum be
# :math:`\lambda\theta + \xi`, with noise :math:`\xi` of mean 0 and variance :math:`s^2`. The variance :math:`V` of
# :math:`\theta` then follows :math:`V \leftarrow (1 - \eta\lambda)^2 V + \eta^2 s^2` and ends where both sides are
# equal:
#
# .. math::
#     V = \frac{\eta^2 s^2}{1 - (1 - \eta\lambda)^2} = \frac{\eta s^2}{\lambda (2 - \eta\lambda)}
#
# So the path ends in a jitter whose variance is proportional to :math:`\eta`, if :math:`\eta` is small. That is why a
# *schedule* lowers :math:`\eta` towards the end of training.
rng, theta_noisy = np.random.default_rng(1), np.zeros(20_000)  # 20,000 runs at once, λ = 2, s = 1, η = 0.1
for _ in range(100):
    theta_noisy -= 0.1 * (2 * theta_noisy + rng.normal(size=20_000))
print(f"variance: measured {theta_noisy.var():.4f}, predicted {0.1 / (2 * (2 - 0.2)):.4f}")
assert abs(theta_noisy.var() / (0.1 / (2 * (2 - 0.2))) - 1) < 0.05

x = mnist(which="sample").train_images[:3000].reshape(-1, 784) / np.float32(255)
model = dense_autoencoder([784, 32], dtype="float64")


def gradient(rows):
    with model.theta.fresh_grad():
        model.backpropagate(rows.astype(np.float64))
    return model.theta.grad.copy()


parts = np.array([gradient(x[k : k + 100]) for k in range(0, 1000, 100)])
whole = gradient(x[:1000])
print(f"‖mean of 10 minibatch gradients − gradient of all‖: {np.linalg.norm(parts.mean(axis=0) - whole):.0e}")
print(f"‖one minibatch gradient − gradient of all‖/‖gradient of all‖: "
      f"{np.linalg.norm(parts[0] - whole) / np.linalg.norm(whole):.2f}")  # fmt: skip
assert np.linalg.norm(parts.mean(axis=0) - whole) < 1e-12 * np.linalg.norm(whole)

recipes = {"SGD": SGD(0.02), "momentum": SGD(0.004, momentum=0.9), "Adam": Adam(3e-3)}
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
final = []
for (name, optimizer), (_, colour) in zip(recipes.items(), paths.values(), strict=True):
    network = dense_autoencoder([784, 128, 32])
    history = fit(network, x, epochs=8, batch_size=50, optimizer=optimizer, progress="none")
    final.append(history["loss"][-1])
    axes.plot(history["epoch"], history["loss"], "o-", ms=3, color=colour)
    place, up = ((8, final[-1]), 5) if name != "Adam" else ((2, history["loss"][1]), -14)
    axes.annotate(name, place, (0, up), textcoords="offset points", color=colour, ha="right")
    print(f"{name}: {final[-1]:.1f} nats per training image after 8 epochs")
assert final[0] > 1.2 * final[1] and final[0] > 1.2 * final[2]
axes.set(xlabel="epoch", ylabel="J, nats per training image", xticks=range(1, 9))
axes.set_title("784-128-32-128-784 on 3,000 digits")
open_frame(axes)


# %%
# Exercises
# ---------
#
# **1.** How large may the step be with momentum? In the recursion above, with real roots, the first to reach −1
# decides.
def largest_rate(lam, mu):
    """The η above which momentum diverges on J = ½ λ θ²."""


def check_largest_rate(answer):
    for lam, mu in ((1.0, 0.0), (50.0, 0.5), (3.0, 0.9)):
        eta = answer(lam, mu)
        ends = [abs(descend(SGD(share * eta, mu), lam * np.eye(2), np.ones(2), 3000)[-1, 0]) for share in (0.99, 1.01)]
        assert ends[0] < 0.1 and ends[1] > 10, f"λ = {lam}, μ = {mu}: η = {eta} is not the limit: |θ| ends at {ends}"


# %%
# **2.** One step of Adam as in the formulas, without the folding.
def adam_step(theta, m, v, g, t, eta, beta1, beta2, eps):
    """The new (θ, m, v) of step t = 1, 2, …"""


def check_adam_step(answer):
    rng, state = np.random.default_rng(7), (np.ones(2), np.zeros(2), np.zeros(2))
    theta, optimizer = Dense(1, 1).initialize(seed=0, dtype="float64").theta, Adam(0.1, 0.8, 0.9, 1e-2)
    theta.value[:] = 1
    for t in range(1, 6):
        theta.grad[:] = g = rng.normal(size=2)
        optimizer.step(theta)
        state = answer(*state, g, t, 0.1, 0.8, 0.9, 1e-2)
        np.testing.assert_allclose(state[0], theta.value, rtol=1e-12, err_msg=f"θ after step {t}")


# %%
# Next: chapter 5 makes the network deep. There the first weights decide whether any of these methods gets going.
plt.show()
