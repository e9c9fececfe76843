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

from demos.exercises import attempt, compare, returned
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
# :math:`g = H\theta`. With axes along the eigenvectors of :math:`H`, :math:`H` is diagonal, and the numbers of
# :math:`\theta` do not act on each other. We take two:
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
    theta = Dense(1, 1).initialize(seed=0, dtype="float64").theta  # two numbers, W and b
    theta.value[:], path = start, [start]
    for _ in range(steps):
        theta.grad[:] = H @ theta.value
        optimizer.step(theta)
        path.append(theta.value.copy())
    return np.array(path)


def height(path, H=H):
    """J at each θ of the path."""
    return 0.5 * ((path @ H) * path).sum(axis=1)


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
# use it too. The larger of the two factors is least if they are equal, :math:`1 - \eta\lambda_1 = \eta\lambda_2 - 1`:
#
# .. math::
#     \eta = \frac{2}{\lambda_1 + \lambda_2}, \qquad
#     \text{factor per step} = 1 - \frac{2\lambda_1}{\lambda_1 + \lambda_2} = \frac{\kappa - 1}{\kappa + 1}
#
# In the engine's lines ``lr``, the *learning rate*, is :math:`\eta`. The result is written over ``theta``.
eta = 2 / lam.sum()
plain = descend(SGD(eta))
print(inspect.getsource(_plain.plain))
factor = np.abs(plain[101] / plain[100])
predicted = (kappa - 1) / (kappa + 1)
print(f"factors per step, measured {factor.round(4)}, predicted {predicted:.4f}")
assert np.allclose(factor, predicted) and round(predicted, 2) == 0.96
short, long = descend(SGD(0.99 * 2 / 50)), descend(SGD(1.1 * 2 / 50))
assert height(short)[-1] < 1 < 1e3 < height(long)[-1]

# %%
# Momentum
# --------
#
# Keep a velocity :math:`u`, a fading sum of past gradients, with a number :math:`0 \le \mu < 1`:
# :math:`u \leftarrow \mu u + g`, then :math:`\theta \leftarrow \theta - \eta u`. Along the valley the gradients agree
# and add up: for a constant :math:`g`, :math:`u \to g(1 + \mu + \mu^2 + \dots) = g/(1 - \mu)`. Across it they change
# sign and cancel, after a first swing.
#
# How much does it gain? Write the step for one number with :math:`g_t = \lambda\theta_t`, and put in
# :math:`\eta u_{t-1} = \theta_{t-1} - \theta_t` from the step before:
#
# .. math::
#     \theta_{t+1} = \theta_t - \eta(\mu u_{t-1} + \lambda \theta_t)
#     = (1 + \mu - \eta\lambda)\, \theta_t - \mu\, \theta_{t-1}
#
# Try :math:`\theta_t = r^t`. It is a solution if :math:`r^2 - (1 + \mu - \eta\lambda)\, r + \mu = 0`. With the two
# roots :math:`r_1 \ne r_2`, every solution is :math:`\alpha r_1^t + \beta r_2^t`. Their product is
# :math:`r_1 r_2 = \mu`. If they are complex, they are conjugate, so :math:`|r_1| = |r_2| = \sqrt\mu`, whatever
# :math:`\lambda` is. They are complex if
#
# .. math::
#     (1 + \mu - \eta\lambda)^2 < 4\mu \quad &\Leftrightarrow\quad
#     1 + \mu - 2\sqrt\mu < \eta\lambda < 1 + \mu + 2\sqrt\mu \\
#     &\Leftrightarrow\quad (1 - \sqrt\mu)^2 < \eta\lambda < (1 + \sqrt\mu)^2
#
# The factor :math:`\sqrt\mu` is least with :math:`\lambda_1` at the lower end and :math:`\lambda_2` at the upper.
# Divide one by the other, take roots, and put :math:`1 - \sqrt\mu = 2/(\sqrt\kappa + 1)` into the lower end:
#
# .. math::
#     \sqrt\kappa = \frac{1 + \sqrt\mu}{1 - \sqrt\mu} \quad\Rightarrow\quad
#     \text{factor per step} = \sqrt\mu = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}, \qquad
#     \eta = \frac{(1 - \sqrt\mu)^2}{\lambda_1} = \frac{4}{\lambda_1 (\sqrt\kappa + 1)^2}
#     = \left( \frac{2}{\sqrt{\lambda_1} + \sqrt{\lambda_2}} \right)^2
#
# The root of :math:`\kappa` has taken the place of :math:`\kappa`: for :math:`\kappa = 50`, 0.75 in place of 0.96 per
# step. (At both ends the two roots are equal, and the second solution is :math:`t\, r^t`, a little slower.)
root_mu = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
momentum = descend(SGD((2 / np.sqrt(lam).sum()) ** 2, root_mu**2))
print(inspect.getsource(_momentum.plain))
measured = (np.linalg.norm(momentum[200]) / np.linalg.norm(momentum[100])) ** 0.01
needed = [int((height(path) < 1e-3).argmax()) for path in (plain, momentum)]
print(f"factor per step, measured {measured:.3f}, predicted {root_mu:.3f}")
print(f"steps until J < 0.001: gradient descent {needed[0]}, momentum {needed[1]}")
assert abs(measured - root_mu) < 0.01 and round(root_mu, 2) == 0.75 and needed[0] > 4 * needed[1]

# %%
# Adam
# ----
#
# Adam gives each parameter its own step. It keeps two running means, of the gradient and of its square (number by
# number), with numbers :math:`\beta_1, \beta_2` a little below 1, and divides one by the root of the other, both
# corrected to :math:`\hat m` and :math:`\hat v`:
#
# .. math::
#     m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad
#     \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}
#
# **The corrections.** Both means start at 0, so they are too small at first. Unroll the recursion:
#
# .. math::
#     m_t = (1 - \beta_1) \sum_{s=1}^t \beta_1^{t-s} g_s, \qquad
#     (1 - \beta_1) \sum_{s=1}^t \beta_1^{t-s} = (1 - \beta_1)\, \frac{1 - \beta_1^t}{1 - \beta_1} = 1 - \beta_1^t
#
# The weights add up to :math:`1 - \beta_1^t`. So :math:`\hat m = m/(1 - \beta_1^t)` is a proper mean, from the first
# step on, and likewise :math:`\hat v = v/(1 - \beta_2^t)`.
#
# **What it does.** In the first step :math:`\hat m = g` and :math:`\hat v = g^2`: every parameter moves by :math:`\eta`
# against the sign of its gradient, whatever the size. And if a gradient :math:`g_j` is multiplied by a constant in all
# steps, numerator and denominator both are, and the path stays the same (but for the small :math:`\epsilon`, which
# guards against division by 0). Different scales of the parameters do not matter.
#
# **In the program** the corrections, equal for all parameters, become two numbers per step, ``rate`` and ``eps``. With
# :math:`c_1 = 1 - \beta_1^t` and :math:`c_2 = 1 - \beta_2^t`, multiply numerator and denominator by :math:`\sqrt{c_2}`:
#
# .. math::
#     \frac{m/c_1}{\sqrt{v/c_2} + \epsilon} = \frac{\sqrt{c_2}}{c_1} \cdot \frac{m}{\sqrt v + \epsilon\sqrt{c_2}}
print(inspect.getsource(_adam.plain), inspect.getsource(Adam.coefficients), sep="\n")

adam = descend(Adam(0.3))
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)
H_turned = turn @ H @ turn.T
turned = descend(Adam(0.3), H_turned, turn @ start)
scaled = descend(Adam(0.3), np.diag([1000.0, 1.0]) @ H)  # g₁ a thousand times larger
J_40, J_40_turned = height(adam)[40], height(turned, H_turned)[40]
print(f"first step {adam[1] - adam[0]};  J after 40 steps {J_40:.2f}, turned valley {J_40_turned:.2f}")
assert np.allclose(adam[1] - adam[0], -0.3) and np.allclose(scaled, adam, atol=1e-5)
assert J_40_turned > 10 * J_40 and height(momentum)[40] < J_40 < height(plain)[40]

# %%
# Adam's scales belong to the single parameters. In a valley along the axes it hardly swings. In the same valley turned
# by 45° both parameters have gradients of similar size, there is nothing to scale, and much of the advantage is lost.
# On a quadratic with known eigenvalues momentum is better than either. Adam needs no eigenvalues.
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
# :math:`\lambda\theta + \xi`, with noise :math:`\xi` of mean 0 and variance :math:`s^2`. The step
# :math:`\theta \leftarrow (1 - \eta\lambda)\theta - \eta\xi` adds independent numbers, so their variances add:
# :math:`V \leftarrow (1 - \eta\lambda)^2 V + \eta^2 s^2`. It ends where both sides are equal:
#
# .. math::
#     V = \frac{\eta^2 s^2}{1 - (1 - \eta\lambda)^2} = \frac{\eta s^2}{\lambda (2 - \eta\lambda)}
#
# So the path ends in a jitter whose variance is proportional to :math:`\eta`, if :math:`\eta` is small. That is why a
# *schedule* lowers :math:`\eta` towards the end of training.
rng = np.random.default_rng(1)
theta_noisy = np.zeros(20_000)  # 20,000 runs at once, λ = 2, s = 1, η = 0.1
for _ in range(100):
    theta_noisy -= 0.1 * (2 * theta_noisy + rng.normal(size=20_000))
print(f"variance: measured {theta_noisy.var():.4f}, predicted {0.1 / (2 * (2 - 0.2)):.4f}")
assert abs(theta_noisy.var() / (0.1 / (2 * (2 - 0.2))) - 1) < 0.05

x = mnist(which="sample").train_images[:3000].reshape(-1, 784) / np.float32(255)
model = dense_autoencoder([784, 32], dtype="float64")


def gradient(rows):
    with model.theta.fresh_grad():  # begin with gradients of 0
        model.backpropagate(rows.astype(np.float64))
    return model.theta.grad.copy()


parts = np.array([gradient(x[k : k + 100]) for k in range(0, 1000, 100)])
whole = gradient(x[:1000])
bias, noise = np.linalg.norm(parts.mean(axis=0) - whole), np.linalg.norm(parts[0] - whole)
print(f"‖mean of 10 minibatch gradients − gradient of all‖: {bias:.0e}")
noise /= np.linalg.norm(whole)
print(f"‖one minibatch gradient − gradient of all‖/‖gradient of all‖: {noise:.2f}")
assert bias < 1e-12 * np.linalg.norm(whole)

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
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_04.py``.
#
# **1. One step of Adam,** by the formulas with :math:`\hat m` and :math:`\hat v`.
def adam_step(theta, m, v, g, t, eta, beta1, beta2, eps):
    """Returns the new (θ, m, v) after step t = 1, 2, …

    theta, m, v and the gradient g have the shape (n,), the others are numbers. Change none of
    the given arrays.
    """


def check_adam_step(answer):
    rng, gs = np.random.default_rng(7), []
    theta = Dense(1, 1).initialize(seed=0, dtype="float64").theta
    optimizer, state = Adam(0.1, 0.8, 0.9, 1e-2), (np.ones(2), np.zeros(2), np.zeros(2))
    theta.value[:] = 1
    for t in range(1, 6):
        gs.append(rng.normal(size=2))
        theta.grad[:] = gs[-1]
        optimizer.step(theta)
        state = returned(answer(*state, gs[-1], t, 0.1, 0.8, 0.9, 1e-2), "θ", "m", "v")
        m = sum(0.2 * 0.8 ** (t - s) * g for s, g in enumerate(gs, 1))
        v = sum(0.1 * 0.9 ** (t - s) * g**2 for s, g in enumerate(gs, 1))
        compare(state[1:], f"step {t}", m=m, v=v)
        compare(state[0], f"step {t}", θ=theta.value)


attempt(check_adam_step, adam_step)


# %%
# **2. The largest step with momentum.** Let :math:`J = \frac{1}{2} \lambda \theta^2`. In the recursion of this chapter,
# descent diverges as soon as one root has :math:`|r| > 1`. As :math:`\eta` grows, both roots become real, and one of
# them reaches −1 first. For which :math:`\eta`?
def largest_rate(lam, mu):
    """Returns the η above which momentum diverges, from the numbers lam = λ and mu = μ."""


def check_largest_rate(answer):
    for lam, mu in ((1.0, 0.0), (50.0, 0.5), (3.0, 0.9)):
        (eta,) = returned(answer(lam, mu), "η")
        H, ends = lam * np.eye(2), []
        for share in (0.99, 1.01):
            path = descend(SGD(share * eta, mu), H, np.ones(2), 3000)
            ends.append(abs(path[-1, 0]))
        assert ends[0] < 0.1 and ends[1] > 10, (
            f"λ = {lam}, μ = {mu}: expected the limit, got η = {eta:.4g}. After 3,000 steps "
            f"|θ| = {ends[0]:.2g} with 0.99 η, and |θ| = {ends[1]:.2g} with 1.01 η."
        )


attempt(check_largest_rate, largest_rate)


# %%
# Next: chapter 5 makes the network deep. There the first weights decide whether any of these methods gets going.
plt.show()
