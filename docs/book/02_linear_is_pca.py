r"""Chapter 2. The linear autoencoder is principal component analysis
=================================================================

What does an autoencoder learn if it has no activation functions? This is the one case in which we know the answer in
advance, with a proof: the subspace of the leading eigenvectors of the covariance matrix, which is principal component
analysis (PCA). The proof needs only projections and eigenvectors. Then a network that knows neither finds them.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.baselines import PCA, principal_angles, squared_error_per_image
from demos.exercises import attempt, compare
from demos.figures.canvas import bare, open_frame
from demos.palette import COLOURS, GREY, INK
from npae import dense_autoencoder, fit, mnist
from npae.gradcheck import check_model
from npae.models import Autoencoder
from npae.optim import SGD, Adam
from npae.train import Callback

# %%
# The question
# ------------
#
# Each :math:`x` is a row of :math:`n` numbers. The code is a row of :math:`k < n` numbers, and both layers are linear:
#
# .. math::
#     h = x W + b, \qquad \hat x = h V + c, \qquad J = \text{mean over the rows of } \tfrac{1}{2} \|\hat x - x\|^2
#
# with :math:`W` of shape :math:`(n, k)` and :math:`V` of shape :math:`(k, n)`. Which :math:`W, b, V, c` make :math:`J`
# least?
#
# **The biases.** Whatever the rest is, :math:`\partial J/\partial c` is the mean of :math:`\hat x - x`. At the best
# :math:`c` it is zero, so :math:`\hat x = xWV + bV + c` has the mean :math:`\mu` of the data:
# :math:`\mu WV + bV + c = \mu`. The difference of both is :math:`\hat x - \mu = (x - \mu) W V`. From here on we leave
# :math:`\mu` out: :math:`x` has the mean 0, and :math:`\hat x = x W V`.
#
# Step 1: the best code is a projection
# -------------------------------------
#
# Keep :math:`V` fixed, with independent rows. (If they are dependent, fewer rows do the same.) Which row :math:`h`
# makes :math:`\frac{1}{2}\|hV - x\|^2` least? Chapter 1 gives its derivative by :math:`h`: :math:`(hV - x)V^T`. A sum
# of squares is least where it is zero. :math:`VV^T`, :math:`(k, k)`, has an inverse, since the rows are independent:
#
# .. math::
#     h V V^T = x V^T \quad\Rightarrow\quad h = x V^T (V V^T)^{-1}, \qquad
#     \hat x = x P, \quad P = V^T (V V^T)^{-1} V
#
# So for each :math:`V` the best encoder is linear: :math:`W = V^T(VV^T)^{-1}`. From the formula, :math:`P = P^T` and
# :math:`PP = P`. :math:`P` projects onto the span of the rows of :math:`V`, and the error is orthogonal to the
# reconstruction: :math:`(x - xP)(xP)^T = x(I - P)Px^T = 0`. So Pythagoras holds:
#
# .. math::
#     \|x - xP\|^2 = \|x\|^2 - \|xP\|^2
#
# :math:`\|x\|^2` does not depend on the network. To make the error least is to keep as much of :math:`\|xP\|^2` as
# possible.
#
# Step 2: the best subspace is that of the leading eigenvectors
# -------------------------------------------------------------
#
# Let :math:`C = \text{mean of } x^T x`, the covariance matrix :math:`(n, n)`, with orthonormal eigenvectors
# :math:`e_1, e_2, \dots` (columns) and eigenvalues :math:`\lambda_1 \ge \lambda_2 \ge \dots \ge 0`, so that
# :math:`C = \sum_j \lambda_j e_j e_j^T`. The trace has
# :math:`\operatorname{tr}(AB) = \operatorname{tr}(BA)`, a number is its own trace, and :math:`PP^T = PP = P`. So
#
# .. math::
#     \|xP\|^2 &= x P P^T x^T = \operatorname{tr}(x P x^T) = \operatorname{tr}(P\, x^T x) \\
#     \text{mean of } \|xP\|^2 &= \operatorname{tr}(P\, C) = \sum_j \lambda_j p_j, \qquad p_j = e_j^T P e_j
#
# :math:`p_j = \|e_j^T P\|^2` is the squared length of the part of :math:`e_j` in the subspace, so
# :math:`0 \le p_j \le 1`. Their sum is :math:`\operatorname{tr}(P \sum_j e_j e_j^T) = \operatorname{tr} P = k`, the
# dimension of the subspace (:math:`P` has the eigenvalue 1 on it and 0 at right angles to it, and a trace is the sum of
# the eigenvalues). So :math:`\sum_j \lambda_j p_j` is largest with :math:`p_j = 1` for the :math:`k` largest
# eigenvalues and 0 for the others. Since the mean of :math:`\|x\|^2` is :math:`\operatorname{tr} C = \sum_j \lambda_j`,
#
# .. math::
#     \text{mean of } \|xP\|^2 \le \lambda_1 + \dots + \lambda_k, \qquad
#     \text{mean of } \|x - \hat x\|^2 \ge \lambda_{k+1} + \dots + \lambda_n
#
# with equality if the rows of :math:`V` span :math:`e_1, \dots, e_k`: that is PCA. If :math:`\lambda_k > \lambda_{k+1}`
# there is no other way to reach it. Only the *subspace* is determined. For any invertible :math:`A` of shape
# :math:`(k, k)`, the pair :math:`WA^{-1}, AV` has the same :math:`\hat x`.
#
# Step 3: nothing else can stop the descent
# -----------------------------------------
#
# Gradient descent stops where the gradient is 0, at a *stationary* point. This could be a bad one, if :math:`J` had
# other minima. It has none. Let :math:`W` be the best for :math:`V`, so that only the subspace counts. Suppose that
# some eigenvectors span it, :math:`e_j` among them but not :math:`e_i`, with :math:`\lambda_i > \lambda_j`. Rotate
# :math:`e_j` a little towards :math:`e_i`, to :math:`\cos t\, e_j + \sin t\, e_i`. What is kept changes from
# :math:`\lambda_j` to
#
# .. math::
#     \lambda_j \cos^2 t + \lambda_i \sin^2 t = \lambda_j + (\lambda_i - \lambda_j) \sin^2 t > \lambda_j
#
# So there is a way down for :math:`J` at once: such a point is a *saddle*, down in this direction and up in others, not
# a minimum. And if the subspace is not spanned by eigenvectors, it is not even stationary: rotate a direction :math:`v`
# of it towards a :math:`w` at right angles to it. What is kept,
# :math:`(v \cos t + w \sin t)^T C\, (v \cos t + w \sin t)`, changes at the rate :math:`2 v^T C w` at :math:`t = 0`. If
# that is 0 for all such :math:`v, w`, then the symmetric :math:`C` maps the subspace into itself, so eigenvectors span
# it. The proof for all points, dependent rows of :math:`V` too, is in Baldi & Hornik 1989, "Neural networks and
# principal component analysis: learning from examples without local minima".
#
# Seen in the plane
# -----------------
#
# Two numbers per sample, a code of one: layers of 2-1-2. The subspace is a line. At an angle :math:`\alpha` to
# :math:`e_1` it has :math:`p_1 = \cos^2 \alpha` and :math:`p_2 = \sin^2 \alpha`, so its error is
# :math:`\lambda_1 \sin^2 \alpha + \lambda_2 \cos^2 \alpha`: one minimum, one maximum, nothing else. In the program,
# ``"linear"`` is the activation of hidden layers, and again of the code. Chapter 4 explains the optimizers.
rng = np.random.default_rng(0)
points = rng.normal(size=(150, 2)) @ np.array([[1.0, 0.6], [0.0, 0.35]])
points -= points.mean(axis=0)
eigenvalues, eigenvectors = np.linalg.eigh(points.T @ points / len(points))
model = dense_autoencoder([2, 1], "linear", "linear", "mse", dtype="float64")
descent = SGD(0.1, momentum=0.9)
fit(model, points, epochs=400, batch_size=150, optimizer=descent, progress="none")


def line_error(angle):
    """Mean of ‖x − xP‖² for the line at this angle."""
    v = np.array([[np.cos(angle), np.sin(angle)]])
    return ((points - points @ v.T @ v) ** 2).sum(axis=1).mean()


learned = np.arctan2(*model.decoder[0].W.value[0, ::-1]) % np.pi  # V is one row: a direction
best = np.arctan2(*eigenvectors[::-1, 1]) % np.pi
print(f"angle of the line: {np.degrees(learned):.3f}°, of the first eigenvector: {np.degrees(best):.3f}°")
assert abs(learned - best) < 1e-3 and abs(line_error(learned) - eigenvalues[0]) < 1e-6

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
x_hat = model.reconstruct(points)
left.plot(*np.stack([points, x_hat], axis=2).transpose(1, 2, 0), color=GREY, lw=0.6)
left.scatter(*points.T, s=9, color=COLOURS[0])
left.scatter(*x_hat.T, s=9, color=COLOURS[2])
far = ((points - x_hat) ** 2).sum(axis=1).argmax()
left.annotate("x", points[far], (-12, 2), textcoords="offset points", color=COLOURS[0], size=13)
left.annotate("x̂", x_hat[x_hat[:, 0].argmax()], (2, -16), textcoords="offset points", color=COLOURS[2], size=13)
left.set(aspect="equal", title="The learned line: every x̂ is the nearest point")
angles = np.linspace(0, np.pi, 181)
right.plot(np.degrees(angles), [line_error(angle) for angle in angles], color=INK)
right.plot(np.degrees(learned), line_error(learned), "o", color=COLOURS[2], ms=8)
right.annotate("learned", (np.degrees(learned), line_error(learned)), (0, 24), textcoords="offset points",
               color=COLOURS[2], ha="center")  # fmt: skip
for value, name in zip(eigenvalues, ("λ₂", "λ₁"), strict=True):
    right.axhline(value, color=GREY, lw=0.8, ls="--")
    right.annotate(name, (180, value), (0, 3), textcoords="offset points", color=GREY, ha="right")
right.set(xlabel="angle of the line (degrees)", ylabel="mean of ‖x − x̂‖²", ylim=(0, None), xticks=range(0, 181, 45),
          title="The error of every line through 0")  # fmt: skip
for axes in (left, right):
    open_frame(axes)

# %%
# On digits
# ---------
#
# 784 pixels, a code of six numbers. These lines of the engine compute the gradient: two layers forward, the loss, two
# layers back. (Penalties, further terms of :math:`J`, come in chapter 7. Here are none.)
#
# *Principal angles* compare two subspaces. The first is the smallest angle that a direction in one subspace makes with
# a direction in the other; each further one is the smallest among directions at right angles to those before. All are 0
# if the subspaces are equal.
print(inspect.getsource(Autoencoder.backpropagate))

digits = mnist(which="sample").train_images[:2000].reshape(-1, 784) / 255
k, pca = 6, PCA(digits, 6)
model = dense_autoencoder([784, k], "linear", "linear", "mse")
small = dense_autoencoder([20, k], "linear", "linear", "mse", dtype="float64")
print(f"gradient check: {check_model(small, digits[:8, 300:320].copy()):.0e}")


class Distance(Callback):
    """After every epoch: the principal angles to PCA's subspace, and the error beyond PCA's."""

    def __init__(self):
        self.angles, self.excess = [], []
        self.least = squared_error_per_image(pca.reconstruct(digits), digits)

    def on_epoch_end(self, trainer, row):
        self.angles.append(principal_angles(trainer.model.decoder[0].W.value.T, pca.V))
        x_hat = trainer.model.reconstruct(digits)
        self.excess.append(squared_error_per_image(x_hat, digits) - self.least)


distance = Distance()
fit(model, digits, epochs=60, batch_size=20, optimizer=Adam(3e-3), schedule="cosine",
    callbacks=distance, progress="none")  # fmt: skip
eigenvalues = np.linalg.eigvalsh(np.cov(digits.T, bias=True))[::-1]
print(f"mean of ‖x − x̂‖²: network {distance.least + distance.excess[-1]:.4f}, "
      f"PCA {distance.least:.4f}, λ₇ + … + λ₇₈₄ = {eigenvalues[k:].sum():.4f}")  # fmt: skip
print("principal angles in degrees:", distance.angles[-1].round(2))
assert abs(eigenvalues[k:].sum() / distance.least - 1) < 1e-6 and distance.angles[-1].max() < 1
assert 0 < distance.excess[-1] < 1e-3 * distance.least

# %%
# After the last epoch all six angles are below 1°, and the error is within 0.1 % of that of PCA.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
epochs = np.arange(1, 61)
for j, angles in enumerate(np.transpose(distance.angles)):
    left.semilogy(epochs, angles, color=COLOURS[0], alpha=0.4 + 0.1 * j, lw=1.2)
for text, column, offset in (("largest", -1, 5), ("smallest", 0, -16)):
    left.annotate(text, (8, distance.angles[7][column]), (0, offset), textcoords="offset points", color=COLOURS[0])
left.set(xlabel="epoch", ylabel="degrees", title="Angles between the network's subspace and PCA's")
right.semilogy(epochs, distance.excess, color=COLOURS[2])
right.set(xlabel="epoch", ylabel="‖x − x̂‖² beyond PCA's, per image", title="Error of the network minus error of PCA")
for axes in (left, right):
    open_frame(axes)

# %%
# The rows of :math:`V` are mixtures of the eigenvectors, as the matrix :math:`A` predicts. The covariance matrix of the
# *reconstructions* is :math:`PCP = \sum_{j \le k} \lambda_j e_j e_j^T`: its eigenvectors are those of the data.
mixed = PCA(model.reconstruct(digits).astype(np.float64), k).V
mixed *= np.sign((mixed * pca.V).sum(axis=0))  # an eigenvector has no sign: take that of PCA
rows = {"rows of V": model.decoder[0].W.value.T, "eigenvectors of\nthe reconstructions": mixed,
        "eigenvectors of\nthe data (PCA)": pca.V}  # fmt: skip
assert (np.abs((mixed * pca.V).sum(axis=0)) > 0.99).all()
figure, grid = plt.subplots(3, k, figsize=(8.4, 4.2), layout="constrained")
for line, (name, V) in zip(grid, rows.items(), strict=True):
    for axes, image in zip(line, V.T, strict=True):
        axes.imshow(image.reshape(28, 28), cmap="RdBu_r", vmin=-np.abs(image).max(), vmax=np.abs(image).max())
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_02.py``.
#
# **1. A penalty on the code.** Let the decoder :math:`V` be fixed, with independent rows, and :math:`\lambda > 0`.
# Which :math:`h` makes :math:`\frac{1}{2} \|hV - x\|^2 + \frac{\lambda}{2} \|h\|^2` least? Set the derivative to zero,
# as in step 1.
def best_code(x, V, lam):
    """Returns the codes h (B, k) of the rows x (B, n), for V (k, n) and the number lam = λ."""


def check_best_code(answer):
    rng = np.random.default_rng(3)
    x, V = rng.normal(size=(4, 5)), rng.normal(size=(2, 5))
    for lam in (0.5, 3.0):  # the same as least squares of h [V, √λ I] = [x, 0]
        wide = np.hstack([V, np.sqrt(lam) * np.eye(2)])
        goal = np.hstack([x, np.zeros((4, 2))])
        h = np.linalg.lstsq(wide.T, goal.T)[0].T
        compare(answer(x, V, lam), f"λ = {lam}", h=h)


attempt(check_best_code, best_code)


# %%
# **2. The least possible error,** from step 2, without any projection and without training. The mean of the rows may
# not be 0.
def least_error(x, k):
    """Returns the least mean of ‖x − x̂‖² over the rows x (N, n), for a code of k numbers."""


def check_least_error(answer):
    x = 3 + np.random.default_rng(4).normal(size=(50, 6)) * np.arange(1, 7)
    for k in (1, 2, 5):
        expected = squared_error_per_image(PCA(x, k).reconstruct(x), x)
        compare(answer(x, k), f"k = {k}", error=expected)


attempt(check_least_error, least_error)


# %%
# Next: chapter 3 puts a bend between the layers, and a loss that suits pixels.
plt.show()
