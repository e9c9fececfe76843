r"""Chapter 8. Contractive autoencoders, tied weights, and the second derivative
============================================================================

Noise on the input makes a code insensitive to small changes, on average over many draws. One can also ask for it
directly: penalise the Jacobian of the encoder. For one dense layer the penalty has a short closed form. Its gradient
contains the second derivative of the activation, and a program that leaves it out still runs. A second mistake is in
the model: a code can be made small instead of insensitive. Tied weights prevent that, and we compute exactly what a
linear network then keeps.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import autoencoder, contractive
from demos.palette import COLOURS, GREY
from npae import Autoencoder, fit, mnist
from npae.gradcheck import GradientError, check_gradient, check_layer, check_model
from npae.layers import Dense, Sequential, TiedDense
from npae.losses import SquaredError
from npae.optim import Adam
from npae.penalties import Contractive
from npae.penalties.contractive import _square_and_gradient

digits = mnist(which="sample")
x, x_test = (images.reshape(-1, 784) / np.float32(255) for images in (digits.train_images[:6000], digits.test_images))

# %%
# The penalty
# -----------
#
# If the input moves by a small :math:`\delta`, the code moves by :math:`A\delta`, where :math:`A = \partial h/\partial
# x` is the Jacobian of the encoder, a matrix of code size times input size. Let the numbers of :math:`\delta` be
# independent with mean 0 and variance :math:`\sigma^2`. Then
#
# .. math::
#     E \| A\delta \|^2 = \sum_j \sum_{k,l} A_{jk} A_{jl}\, E[\delta_k \delta_l]
#     = \sigma^2 \sum_j \sum_k A_{jk}^2 = \sigma^2 \|A\|_F^2
#
# So the sum of squares of :math:`A` measures how far noise moves the code. The penalty is its mean over the batch,
# :math:`\Omega = \frac{1}{B} \sum_i \|A_i\|_F^2` (Rifai et al. 2011).
#
# **Closed form.** For one dense layer, :math:`h_j = \varphi(a_j)` and :math:`a_j = \sum_k x_k W_{kj} + b_j`:
#
# .. math::
#     A_{jk} = \varphi'(a_j) W_{kj}, \qquad
#     \|A\|_F^2 = \sum_j \varphi'(a_j)^2\, n_j, \qquad n_j = \sum_k W_{kj}^2
#
# No Jacobian has to be formed. We compare with one that is, by finite differences.
rng = np.random.default_rng(0)
rows = x[:20].astype(np.float64)
dense = Dense(784, 30, "sigmoid").initialize(seed=0, dtype="float64")
untied = Autoencoder(dense, Dense(30, 784), penalties=[Contractive(1.0)], dtype="float64")
h, cache = dense.forward(rows)
omega = float(untied.penalties[0].value(untied, h, cache))
pixels = np.eye(784) * 1e-5
measured = np.mean([(((dense(row + pixels) - dense(row - pixels)) / 2e-5) ** 2).sum() for row in rows])
print(f"Ω = {omega:.8f}, from finite differences {measured:.8f}")
assert abs(omega / measured - 1) < 1e-6

# %%
# The gradient has two parts
# --------------------------
#
# :math:`\Omega = \frac{1}{B} \sum_i \sum_j \varphi'(a_{ij})^2 n_j` depends on :math:`W` in two ways: directly through
# :math:`n`, and through :math:`a`.
#
# **Directly**, with :math:`a` fixed. :math:`\partial n_j/\partial W_{kj} = 2 W_{kj}`, so this part is
#
# .. math::
#     2 W_{kj}\, m_j, \qquad m_j = \frac{1}{B} \sum_i \varphi'(a_{ij})^2
#
# **Through a**, with :math:`n` fixed. The derivative of :math:`\varphi'^2` is :math:`2 \varphi' \varphi''`:
#
# .. math::
#     \frac{\partial \Omega}{\partial a_{ij}} = \frac{2}{B}\, \varphi'(a_{ij})\, \varphi''(a_{ij})\, n_j
#
# The backward pass of the layer begins with :math:`da = dh \odot \varphi'`. It supplies the factor :math:`\varphi'`. So
# the penalty returns
#
# .. math::
#     \frac{\partial \Omega}{\partial h_{ij}} = \frac{2}{B}\, \varphi''(a_{ij})\, n_j
#
# and the layer does the rest. For the sigmoid, :math:`\varphi' = h - h^2`, so :math:`\varphi'' = \varphi' - 2h\varphi'
# = h(1 - h)(1 - 2h)`. In the engine ``d`` is :math:`\varphi'`, ``dd`` is :math:`\varphi''`, and ``scale`` is
# :math:`2\lambda/B`. ``_parts`` applies the first lines below to all rows; ``sums`` is :math:`B m`.
print(inspect.getsource(_square_and_gradient.plain))
print(inspect.getsource(Contractive.value_and_gradient))

# %%
# The check: all of :math:`J`, the page from scratch, and the gradient without :math:`\varphi''`.
print(f"gradient check of J: {check_model(untied, rows):.0e}")
value, dh = untied.penalties[0].value_and_gradient(untied, h, cache)
twin = contractive.ContractiveAutoencoder(autoencoder.Dense(784, 30, autoencoder.SIGMOID, rng), None, 1.0)
twin.encoder.W = dense.W.value
omega, twin_dh, direct = twin.penalty(h)
assert abs(float(value) / omega - 1) < 1e-12 and np.abs(dh - twin_dh).max() < 1e-15


def penalty_of(W, rows=rows):
    """(Ω, the direct part of ∂Ω/∂W, all of ∂Ω/∂W) of sigmoid units without biases on the rows."""
    h = autoencoder.sigmoid(rows @ W)
    d, n = h * (1 - h), (W**2).sum(axis=0)
    direct = 2 * W * (d**2).mean(axis=0)
    return float((d**2).mean(axis=0) @ n), direct, direct + rows.T @ (2 / len(rows) * d * d * (1 - 2 * h) * n)


W = dense.W.value.copy()
_, direct, whole = penalty_of(W)
print(f"with φ″: {check_gradient(lambda: penalty_of(W)[0], {'W': (W, whole)}):.0e}")
try:
    check_gradient(lambda: penalty_of(W)[0], {"W": (W, direct)}, name="without φ″")
except GradientError as refusal:
    print(refusal)
else:
    raise AssertionError("the check must refuse the gradient without φ″")

# %%
# How wrong is the direct part? We multiply Glorot's initial weights of 200 units by a factor and compute the cosine
# between the direct part and the gradient, over all weights, on 2,000 digits. It falls as the units saturate: there the
# way to contract is to saturate further, and only the other part knows that.
start = Dense(784, 200, "sigmoid").initialize(seed=0, dtype="float64").W.value
cosines = {}
for factor in (0.25, 0.5, 1, 2, 4, 8, 16):
    _, direct, whole = penalty_of(factor * start, x[:2000].astype(np.float64))
    cosines[factor] = round(float((direct * whole).sum() / np.sqrt((direct**2).sum() * (whole**2).sum())), 2)
print("cosines:", cosines)
assert cosines[1] == 0.74 and cosines[8] == 0.1 and (np.diff(list(cosines.values())) < 0).all()

# %%
# It is 0.74 for Glorot's weights, and 0.1 for eight times these weights.
#
# A dodge, and tied weights
# -------------------------
#
# Take a linear encoder, or a sigmoid near :math:`a = 0`, where it is almost linear. Divide :math:`W` by :math:`c` and
# multiply the decoder by :math:`c`. The reconstruction stays, and :math:`A` and :math:`\Omega` become smaller by
# :math:`c` and :math:`c^2`. Noise moves the code less, but relative to its own size as before. This is the dodge of
# chapter 7 again.
#
# *Tied weights* prevent it. The decoder uses the encoder's matrix, transposed. Now a small encoder has a small decoder.
# The matrix is used twice, and by the chain rule both uses add their part. With :math:`\hat a = h W^T + b'`, that is
# :math:`\hat a_{ik} = \sum_j h_{ij} W_{kj} + b'_k`,
#
# .. math::
#     \frac{\partial J}{\partial W_{kj}} = \sum_i x_{ik}\, da_{ij} + \sum_i d\hat a_{ik}\, h_{ij}, \qquad
#     dW = x^T da + d\hat a^T h, \qquad dh = d\hat a\, W
#
# In the engine's decoder, ``self.W`` is the encoder's matrix, ``da`` is :math:`d\hat a`, and ``left_sum=self.b`` adds
# the sum of its rows to :math:`db'`.
print(inspect.getsource(TiedDense.backward))
layer = Dense(5, 3, "tanh").initialize(seed=0, dtype="float64")
both = Sequential(layer, TiedDense(layer)).initialize(seed=0, dtype="float64")
print(f"gradient check of both layers: {check_layer(both, rng.normal(size=(4, 5))):.0e}")


# %%
# We train both with :math:`\lambda = 3`, and tied networks with less contraction, and print the penalty also relative
# to the variance of the code, :math:`\Omega/\sum_j \operatorname{Var}\, h_j`.
def trained(lam, tied=True):
    """784-100-784 with a sigmoid code and contraction of strength λ, trained."""
    dense = Dense(784, 100, "sigmoid")
    decoder, penalties = TiedDense(dense) if tied else Dense(100, 784), [Contractive(lam)] if lam else []
    model = Autoencoder(dense, decoder, penalties=penalties)
    fit(model, x, epochs=12, batch_size=50, optimizer=Adam(5e-3), schedule="cosine", progress="none", data_init=False)
    return model


def jacobians(model):
    """A for the first 60 test digits: (60, 100, 784)."""
    h = model.encode(x_test[:60]).astype(np.float64)
    return (h * (1 - h))[:, :, None] * model.encoder.W.value.T


networks = {"λ = 0": trained(0), "λ = 1": trained(1.0), "λ = 3": trained(3.0), "λ = 3, not tied": trained(3.0, False)}
omegas, relative = {}, {}
for name, model in networks.items():
    h, penalty = model.encode(x_test), Contractive(1.0)
    omegas[name] = float(penalty.value(model, *model.encoder.forward(x_test)))
    relative[name] = omegas[name] / float(h.var(axis=0).sum())
    print(f"{name}: {model.evaluate(x_test)['reconstruction']:.1f} nats per test image, Ω = {omegas[name]:.1f}, "
          f"relative to the code's variance {relative[name]:.2f}")  # fmt: skip
assert 5 < omegas["λ = 3"] / omegas["λ = 3, not tied"] < 7 and 1 < relative["λ = 3"] / relative["λ = 3, not tied"] < 1.5
assert relative["λ = 3"] < relative["λ = 1"] < relative["λ = 0"]

# %%
# Without ties the penalty is more than five times smaller. Nearly all of that is scale: relative to the variance of the
# code, the difference is less than a factor of 1.5.
#
# What a linear network keeps
# ---------------------------
#
# For linear units :math:`\varphi' = 1` and :math:`\Omega = \|W\|_F^2`: contraction is weight decay. Let the data be
# centred, with covariance :math:`C`. With tied weights and squared error,
#
# .. math::
#     J = \tfrac{1}{2} E \| x - xWW^T \|^2 + \lambda \|W\|_F^2
#     = \tfrac{1}{2} \operatorname{tr}\, C (I - WW^T)^2 + \lambda \operatorname{tr}\, WW^T
#
# Let :math:`u_j` be the eigenvalues of :math:`WW^T`. For given :math:`u_j` the first trace is least if :math:`WW^T` has
# the eigenvectors of :math:`C`, with the largest variance :math:`v_j` at the smallest :math:`(1 - u_j)^2` (von
# Neumann's trace inequality). Then everything separates:
#
# .. math::
#     J = \sum_j \Big[ \tfrac{1}{2} v_j (1 - u_j)^2 + \lambda u_j \Big], \qquad
#     \frac{\partial J}{\partial u_j} = -v_j (1 - u_j) + \lambda = 0 \quad\text{at}\quad u_j = 1 - \frac{\lambda}{v_j}
#
# Since :math:`u_j \geq 0`, directions with :math:`v_j \leq \lambda` have :math:`u_j = 0`. So the network keeps the
# directions in which the data vary more than :math:`\lambda`, shrunk a little, and drops all others exactly. "Make the
# code insensitive, unless reconstruction requires otherwise" has become a formula. Without ties the dodge applies: as
# :math:`c` grows, :math:`J` falls to its value without a penalty, and nothing is dropped.
centred = x[:1500] - x[:1500].mean(axis=0)
v = np.linalg.eigvalsh(centred.T.astype(np.float64) @ centred / 1500)[::-1][:48]
kept, largest = {}, {}
for lam in (0.25, 0.5, 1.0):
    dense = Dense(784, 48)
    linear = Autoencoder(dense, TiedDense(dense), SquaredError(), penalties=[Contractive(lam)])
    fit(linear, centred, epochs=300, batch_size=1500, optimizer=Adam(0.02), schedule="cosine", progress="none",
        data_init=False)  # fmt: skip
    kept[lam] = np.linalg.svd(dense.W.value.astype(np.float64), compute_uv=False) ** 2
    largest[lam] = np.abs(kept[lam] - np.maximum(0, 1 - lam / v)).max()
    print(f"λ = {lam}: {(kept[lam] > 0.005).sum()} directions kept, largest |u − (1 − λ/v)| {largest[lam]:.0e}")
    assert largest[lam] < 5e-3

figure, axes = plt.subplots(figsize=(6.5, 3.9), layout="constrained")
for (lam, u), colour in zip(kept.items(), (COLOURS[0], COLOURS[4], COLOURS[2]), strict=True):
    grid = np.geomspace(0.2, 6, 300)
    axes.semilogx(grid, np.maximum(0, 1 - lam / grid), color=colour, lw=1)
    axes.semilogx(v, u, "o", ms=4, color=colour, mfc="white")
    axes.text(1.54 * lam, 0.4, f"λ = {lam:g}", color=colour, ha="right")
axes.set_xticks([0.25, 0.5, 1, 2, 4], [0.25, 0.5, 1, 2, 4])
axes.minorticks_off()
axes.set(xlabel="variance v of a direction", ylabel="u, what is kept of it",
         title="Lines: 1 − λ/v. Circles: trained linear networks")  # fmt: skip
open_frame(axes)

# %%
# What a sigmoid network keeps
# ----------------------------
#
# With sigmoid units, :math:`A` differs from digit to digit. Its singular values show how many directions the code
# follows. Contraction makes all of them smaller, and the 21st more than the first: fewer directions remain.
spectra = {name: np.linalg.svd(jacobians(networks[name]), compute_uv=False).mean(axis=0) for name in list(networks)[:3]}
figure, axes = plt.subplots(figsize=(6.5, 3.7), layout="constrained")
for (name, values), colour in zip(spectra.items(), (GREY, COLOURS[0], COLOURS[2]), strict=True):
    axes.semilogy(range(1, 51), values[:50], color=colour, lw=1.8)
    axes.annotate(name, (50, values[49]), (6, 0), textcoords="offset points", color=colour, va="center")
axes.set(xlabel="number of the singular value", ylabel="size", xlim=(0, 56), xticks=range(0, 51, 10),
         title="Singular values of ∂h/∂x, mean over test digits")  # fmt: skip
open_frame(axes)


def along_shifts(model):
    """How far the code moves if a digit moves by one pixel, relative to noise of the same length."""
    images = x_test[:200].reshape(-1, 28, 28)
    shift = (np.roll(images, 1, axis=2) - images).reshape(200, 784)
    noise = np.random.default_rng(0).normal(size=shift.shape)
    noise *= np.sqrt((shift**2).sum(axis=1) / (noise**2).sum(axis=1))[:, None]
    h = model.encode(x_test[:200])
    moved = [np.sqrt((((h * (1 - h)) * (d @ model.encoder.W.value)) ** 2).sum(axis=1)).mean() for d in (shift, noise)]
    return float(moved[0] / moved[1])


ratios = {name: along_shifts(networks[name]) for name in spectra}
print("a shift moves the code more than noise of the same length, by", {k: round(r, 1) for k, r in ratios.items()})
assert abs(ratios["λ = 0"] - 2.3) < 0.15 and abs(ratios["λ = 3"] - 3.3) < 0.15
assert spectra["λ = 3"][20] / spectra["λ = 3"][0] < 0.7 * spectra["λ = 0"][20] / spectra["λ = 0"][0]

# %%
# A digit shifted by one pixel is still a digit, one with noise is not. The code follows the shift more than noise of
# the same length, by a factor of 2.3 for :math:`\lambda = 0` and 3.3 for :math:`\lambda = 3`. The pictures show four
# digits and the five directions in the space of images that their codes follow most: the leading right singular vectors
# of :math:`A` for :math:`\lambda = 3`. Where red lies beside blue along a stroke, the direction shifts the stroke.
some = [3, 2, 1, 18]
_, _, directions = np.linalg.svd(jacobians(networks["λ = 3"])[some], full_matrices=False)
figure, grid = plt.subplots(len(some), 6, figsize=(6.6, 4.4), layout="constrained")
for line, digit, tangents in zip(grid, x_test[some], directions, strict=True):
    line[0].imshow(digit.reshape(28, 28), cmap="gray_r")
    for axes, tangent in zip(line[1:], tangents, strict=False):
        most = np.abs(tangent).max()
        axes.imshow(tangent.reshape(28, 28), cmap="RdBu", vmin=-most, vmax=most)
for axes in grid.flat:
    bare(axes)
for axes, title in zip(grid[0], ("x", "1st", "2nd", "3rd", "4th", "5th"), strict=True):
    axes.set_title(title)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_08.py``.
#
# **1. Tied weights.** A linear autoencoder without biases has one matrix for both layers, :math:`\hat x = xWW^T`. Find
# the gradient of :math:`J = \frac{1}{B} \sum_i \frac{1}{2} \|\hat x_i - x_i\|^2`. Both layers add to it.
def tied_gradient(x, W):
    """Returns dW, of the shape of W (n, units), for the rows x (B, n)."""


def check_tied_gradient(answer):
    rng = np.random.default_rng(8)
    x, W = rng.normal(size=(6, 5)), rng.normal(size=(5, 3))

    def J():
        return ((x @ W @ W.T - x) ** 2).sum() / (2 * len(x))

    compare(answer(x, W), dW=slopes(J, W))


attempt(check_tied_gradient, tied_gradient)


# %%
# **2. Contraction of a tanh layer.** For :math:`h = \tanh(xW + b)` is :math:`\varphi' = 1 - h^2`. Find :math:`\Omega =
# \frac{1}{B} \sum_i \|A_i\|_F^2`, with :math:`A_i = \partial h_i/\partial x_i`, and its gradient. It has two parts
# again.
def contraction_of_tanh(x, W, b):
    """Returns (Ω, dW, db), from x (B, n), W (n, units) and b (units,)."""


def check_contraction_of_tanh(answer):
    rng = np.random.default_rng(7)
    x, W, b = rng.normal(size=(6, 5)), rng.normal(size=(5, 3)), rng.normal(size=3)

    def omega():
        A = (1 - np.tanh(x @ W + b) ** 2)[:, :, None] * W.T  # (B, units, n)
        return (A**2).sum() / len(x)

    compare(answer(x, W, b), Ω=omega(), dW=slopes(omega, W), db=slopes(omega, b))


attempt(check_contraction_of_tanh, contraction_of_tanh)


# %%
# Next: chapter 9 builds deep networks from such single layers.
plt.show()
