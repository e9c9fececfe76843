r"""Chapter 7. Sparse autoencoders: KL divergence, L1 and top-k
===========================================================

Let the code be large, but allow each digit only a few active units. Then every unit has to stand for a part that some
digits have. There are three ways to ask for that: a divergence between mean activities and a target, the L1 norm of
the code, and the choice of the k largest units. This chapter derives their gradients. One has a factor 1/B that is
easily forgotten, one can be dodged without any sparsity, and one is exact.
"""

import inspect
import warnings

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import sparse as page
from demos.palette import COLOURS, GREY, INK
from npae import Autoencoder, dense_autoencoder, fit, mnist
from npae.gradcheck import GradientError, check_gradient, check_layer, check_model
from npae.layers import Dense, Sequential, TopK
from npae.layers.top_k import _keep, masked
from npae.optim import Adam
from npae.penalties import L1, KLSparsity, WeightDecay
from npae.penalties.sparsity import _divergence_and_derivative, _scaled_sign
from npae.train import DeadUnitWarning

digits = mnist(which="sample")
x, x_test = (images.reshape(-1, 784) / np.float32(255) for images in (digits.train_images[:6000], digits.test_images))

# %%
# A divergence of mean activities
# -------------------------------
#
# A sigmoid unit has values between 0 and 1. Its mean over the batch, :math:`\hat\rho_j`, counts as the probability that
# unit :math:`j` is on. It should be a small number :math:`\rho`. How far are two such probabilities apart? An outcome,
# on or off, has one probability under :math:`\rho` and another under :math:`\hat\rho_j`. The Kullback-Leibler
# divergence is the logarithm of their ratio, averaged under :math:`\rho`:
#
# .. math::
#     \hat\rho_j = \frac{1}{B} \sum_i h_{ij}, \qquad
#     \Omega = \sum_j \Big[ \rho \ln \frac{\rho}{\hat\rho_j} + (1 - \rho) \ln \frac{1 - \rho}{1 - \hat\rho_j} \Big],
#     \qquad J = \frac{1}{B} \sum_i \ell_i + \lambda \Omega
#
# Every loss so far was a sum over samples. :math:`\Omega` is not: :math:`\hat\rho_j` contains all of them. The chain
# rule goes through the mean, :math:`\partial \hat\rho_j/\partial h_{ij} = 1/B`:
#
# .. math::
#     \frac{\partial \Omega}{\partial \hat\rho_j} = -\frac{\rho}{\hat\rho_j} + \frac{1 - \rho}{1 - \hat\rho_j}, \qquad
#     \frac{\partial \Omega}{\partial h_{ij}} = \frac{1}{B}
#     \Big[ -\frac{\rho}{\hat\rho_j} + \frac{1 - \rho}{1 - \hat\rho_j} \Big]
#
# The derivative is the same for all samples. It is 0 at :math:`\hat\rho_j = \rho`, and only there, since both of its
# terms grow with :math:`\hat\rho_j`.
#
# No unit stays off for good, although :math:`\varphi' = h(1 - h) \approx h` is tiny there: the derivative by its bias
# is :math:`\sum_i \frac{\partial \Omega}{\partial h_{ij}} h_{ij} = \hat\rho_j \frac{\partial \Omega}{\partial
# \hat\rho_j} \to -\rho` as :math:`\hat\rho_j \to 0`. In the engine's lines, ``total * share`` is :math:`\hat\rho`, kept
# away from 0 and 1, and ``scale`` is :math:`\lambda/B`.
print(inspect.getsource(_divergence_and_derivative.plain))

# %%
# The check accepts these lines and refuses a gradient without the 1/B. The page from scratch has the same numbers.
rng = np.random.default_rng(0)
RHO, B = 0.1, 20
penalty = KLSparsity(2.0, rho=RHO)
small = dense_autoencoder([6, 5], code_activation="sigmoid", dtype="float64", penalties=[penalty])
rows, h = rng.random((B, 6)), rng.uniform(0.05, 0.95, (B, 5))
print(f"gradient check of J: {check_model(small, rows):.0e}")
value, dh = penalty.value_and_gradient(small, h, None)
omega, domega = page.SparseAutoencoder(None, None, rho=RHO).penalty(h)
assert abs(float(value) - 2 * omega) < 1e-12 and np.abs(dh - 2 * domega).max() < 1e-12
try:
    check_gradient(lambda: float(penalty.value(small, h, None)), {"h": (h, B * dh)}, name="without 1/B")
except GradientError as refusal:
    print(refusal)
else:
    raise AssertionError("the check must refuse the gradient without 1/B")

# %%
# **What a batch adds.** Let :math:`\bar\rho_j` be the mean over all data. The mean over a batch varies around it with
# the variance :math:`\operatorname{Var}\, h_j/B`. Expand :math:`\Omega` to second order. The first order has the mean
# 0; the bracket is the second derivative:
#
# .. math::
#     E[\Omega] \approx \Omega(\bar\rho) + \frac{1}{2B} \sum_j \operatorname{Var}\, h_j
#     \Big[ \frac{\rho}{\bar\rho_j^2} + \frac{1 - \rho}{(1 - \bar\rho_j)^2} \Big]
#
# So in small batches the penalty also punishes the variance of each unit, that is, the very thing a code needs. The
# excess falls like 1/B. We train 784-200-784, and measure it.
sparse = dense_autoencoder([784, 200], code_activation="sigmoid", penalties=[KLSparsity(10.0, rho=RHO)])
fit(sparse, x, epochs=10, batch_size=100, optimizer=Adam(3e-3), schedule="cosine", progress="none")
codes = sparse.encode(x).astype(np.float64)


def omega_of(rho_hat):
    """Ω for each row of mean activities."""
    return (RHO * np.log(RHO / rho_hat) + (1 - RHO) * np.log((1 - RHO) / (1 - rho_hat))).sum(axis=-1)


rho_bar, sizes = codes.mean(axis=0), np.array([10, 20, 50, 100, 200, 500])
predicted = (codes.var(axis=0) * (RHO / rho_bar**2 + (1 - RHO) / (1 - rho_bar) ** 2)).sum() / (2 * sizes)
excess = np.array([
    np.mean([omega_of(codes[rng.integers(6000, size=size)].mean(axis=0)) for _ in range(600)]) - omega_of(rho_bar)
    for size in sizes
])  # fmt: skip
print("B:", sizes, " measured excess / predicted:", (excess / predicted).round(2))
print(f"mean activity {rho_bar.mean():.3f}, smallest {rho_bar.min():.3f}, largest {rho_bar.max():.3f}")
assert np.abs(excess / predicted - 1)[sizes >= 50].max() < 0.15 and 0.08 < rho_bar.mean() < 0.16

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7), layout="constrained")
rho_hat = np.linspace(1e-4, 0.6, 400)
other = rho_hat * np.log(rho_hat / RHO) + (1 - rho_hat) * np.log((1 - rho_hat) / (1 - RHO))
left.plot(rho_hat, [omega_of(np.array([value])) for value in rho_hat], color=COLOURS[0], lw=2)
left.plot(rho_hat, other, color=GREY, lw=1.2)
left.text(0.56, 0.4, "KL(ρ ‖ ρ̂)", color=COLOURS[0])
left.text(0.49, 0.66, "KL(ρ̂ ‖ ρ)", color=GREY, ha="right")
left.axvline(RHO, color=GREY, lw=0.8, ls=":")
left.text(RHO + 0.008, 0.7, "ρ", color=INK)
left.set(xlabel="mean activity ρ̂ of a unit", ylabel="Ω, nats", ylim=(0, 0.75), title="Both orders of the divergence")
right.loglog(sizes, predicted, color=GREY, ls="--")
right.loglog(sizes, excess, "o", color=COLOURS[0])
right.text(24, 1.25 * predicted[1], "second order, ∝ 1/B", color=GREY)
right.set(xlabel="B", ylabel="nats", title="Mean Ω over batches, above that of all data")
right.set_xticks(sizes, sizes)
right.minorticks_off()
for axes in (left, right):
    open_frame(axes)

# %%
# The other order, :math:`KL(\hat\rho \| \rho)`, hardly brings inactive units back: it stays below
# :math:`-\ln(1 - \rho) = 0.11`, and its derivative by the bias, about :math:`\hat\rho \ln(\hat\rho/\rho)`, vanishes.
assert round(-np.log(1 - RHO), 2) == 0.11 and other[rho_hat < RHO].max() < 0.11
off = np.full((B, 5), 1e-5)  # Σ_i h ∂Ω/∂h of units that are nearly off
assert np.abs((off * penalty.value_and_gradient(small, off, None)[1]).sum(axis=0) / 2 + RHO).max() < 1e-4

# %%
# The L1 norm, and how it is dodged
# ---------------------------------
#
# For units with any values, the L1 norm is
#
# .. math::
#     \Omega = \frac{1}{B} \sum_i \sum_j |h_{ij}|, \qquad
#     \frac{\partial \Omega}{\partial h_{ij}} = \frac{1}{B} \operatorname{sign}\, h_{ij}
#
# The derivative does not fall as :math:`h` becomes small, unlike that of :math:`\frac{1}{2} h^2`. So small activities
# are pushed all the way to 0, if the reconstruction does not need them more.
print(inspect.getsource(_scaled_sign.plain))
print(inspect.getsource(L1.value_and_gradient))

# %%
# **But** take a ReLU unit with weights :math:`w_j` (a column of the encoder), bias :math:`b_j`, and a row :math:`v_j`
# of the decoder. For every :math:`c > 0`, :math:`\max(a/c, 0) = \max(a, 0)/c`. So
#
# .. math::
#     w_j \to w_j/c, \quad b_j \to b_j/c, \quad v_j \to c\, v_j \qquad\Rightarrow\qquad
#     h_j \to h_j/c, \quad \hat x \to \hat x, \quad \Omega \to \Omega/c
#
# The reconstruction is the same, the penalty as small as one likes, and as many units are active as before.
LAM = 1.0


def rectified(epochs, *penalties):
    """784-200-784 with a ReLU code, trained."""
    model = dense_autoencoder([784, 200], code_activation="relu", penalties=penalties)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)  # L1 can set a unit to 0 on all data
        fit(model, x, epochs=epochs, batch_size=100, optimizer=Adam(3e-3), schedule="cosine", progress="none")
    return model


dodger = rectified(4, L1(LAM))
before, x_hat, active = dodger.evaluate(x_test)["l1"], dodger.reconstruct(x_test), (dodger.encode(x_test) > 0).mean()
c = np.float32(1024)
for array, factor in ((dodger.encoder[0].W, 1 / c), (dodger.encoder[0].b, 1 / c), (dodger.decoder[0].W, c)):
    array.value[...] *= factor
after = dodger.evaluate(x_test)["l1"]
change = np.abs(dodger.reconstruct(x_test) - x_hat).max()
print(f"Ω before {before:.3f}, after {after:.6f}; largest change of x̂ {change:.0e}")
assert abs(before / after / 1024 - 1) < 1e-4 and change < 1e-6
assert (dodger.encode(x_test) > 0).mean() == active

# %%
# **The cure** is to make weights costly too. Add :math:`\frac{\mu}{2} (\sum_j \|w_j\|^2 + \|v_j\|^2)`, weight decay of
# strength :math:`\mu`. Of all terms of :math:`J`, only penalties depend on :math:`c`. For one unit, with
# :math:`A_j = \frac{1}{B} \sum_i |h_{ij}|`,
#
# .. math::
#     \frac{\lambda A_j}{c} + \frac{\mu}{2} \Big( \frac{\|w_j\|^2}{c^2} + c^2 \|v_j\|^2 \Big), \qquad
#     \frac{d}{dc} \Big|_{c = 1} = -\lambda A_j - \mu \|w_j\|^2 + \mu \|v_j\|^2
#
# At a minimum of :math:`J` the derivative is 0. So in a trained network every unit is in balance:
#
# .. math::
#     \mu \big( \|v_j\|^2 - \|w_j\|^2 \big) = \lambda A_j
#
# We train with L1 alone, and with L1 and weight decay, and look at all 200 units.
MU = 0.05
networks = {"L1 alone": rectified(30, L1(LAM)), "L1 and weight decay": rectified(30, L1(LAM), WeightDecay(MU))}
for name, model in networks.items():
    h = model.encode(x)
    print(f"{name}: {model.evaluate(x_test)['reconstruction']:.1f} nats per test image, "
          f"Ω = {h.sum(axis=1).mean():.2f}, active {(h > 0).mean():.1%}")  # fmt: skip
omegas, active = ([measure(model.encode(x)) for model in networks.values()]
                  for measure in (lambda h: h.sum(axis=1).mean(), lambda h: (h > 0).mean()))  # fmt: skip
assert omegas[0] < 0.8 * omegas[1] and active[0] > active[1]

# %%
# With L1 alone, :math:`\Omega` is smaller and yet more units are active. The balance, unit by unit:
model = networks["L1 and weight decay"]
A = np.abs(model.encode(x)).mean(axis=0)
w, v = (model.encoder[0].W.value ** 2).sum(axis=0), (model.decoder[0].W.value ** 2).sum(axis=1)
used = A > 0.05
balance = MU * (v - w)
ratio = float(np.median(balance[used] / (LAM * A[used])))
print(f"{used.sum()} units in use; μ(‖v‖² − ‖w‖²)/λA: median {ratio:.2f}")
assert abs(ratio - 1) < 0.05 and np.corrcoef(balance, A)[0, 1] > 0.98 and 30 < used.sum() < 70

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), layout="constrained")
top = 1.08 * float(LAM * A.max())
left.plot([0, top], [0, top], color=GREY, lw=0.9, ls="--")
left.plot(LAM * A, balance, "o", ms=4.5, color=COLOURS[0], mfc="white")
left.text(0.62 * top, 0.52 * top, "both sides equal", color=GREY)
left.set(xlabel="λ A", ylabel="μ (‖v‖² − ‖w‖²)", title="Each circle is one ReLU unit after training")
scales = np.logspace(-0.8, 1.6, 200)
unit = int(np.argmax(A))
cost, decay = LAM * A[unit] / scales, 0.5 * MU * (w[unit] / scales**2 + scales**2 * v[unit])
right.loglog(scales, cost, color=COLOURS[0])
right.loglog(scales, cost + decay, color=COLOURS[2])
right.plot(1, cost[np.abs(scales - 1).argmin()] + decay[np.abs(scales - 1).argmin()], "o", color=COLOURS[2])
right.text(20, 1.4 * LAM * A[unit] / 20, "L1 alone", color=COLOURS[0])
right.text(7, 200, "L1 and weight decay", color=COLOURS[2], ha="right")
right.set(xlabel="c", ylabel="penalties of the unit", title="One unit: code divided by c, decoder times c")
for axes in (left, right):
    open_frame(axes)

# %%
# The dot is the trained unit, at :math:`c = 1`. Weight decay is not the only cure: rows :math:`v_j` of fixed length do
# the same, as in dictionary learning.
#
# Top-k
# -----
#
# The third way needs no penalty. After a linear layer, keep the :math:`k` largest activations of each sample, and set
# the others to 0:
#
# .. math::
#     h_{ij} = a_{ij} m_{ij}, \qquad m_{ij} = 1 \text{ if } a_{ij} \text{ is among the } k \text{ largest of row } i,
#     \text{ else } 0
#
# A small change of :math:`a` does not change the choice, unless two activations are equal. So :math:`m` counts as a
# constant, and :math:`da_{ij} = dh_{ij} m_{ij}`. In the engine ``t`` is the k-th largest activation of the row.
print(inspect.getsource(_keep.plain))
print(inspect.getsource(masked.plain))
print(f"gradient check: {check_layer(TopK(3), rng.normal(size=(4, 8))):.0e}")

# %%
# **Why the largest?** Let the decoder have orthonormal rows :math:`v_j`, and :math:`a_j = x \cdot v_j`. Choose a set
# :math:`S` of :math:`k` units. In
#
# .. math::
#     \Big\| x - \sum_{j \in S} a_j v_j \Big\|^2
#     = \|x\|^2 - 2 \sum_{j \in S} a_j\, x \cdot v_j + \sum_{j \in S} a_j^2 = \|x\|^2 - \sum_{j \in S} a_j^2
#
# each chosen unit lowers the error by :math:`a_j^2`. So the best are those with the largest :math:`|a_j|`, and among
# positive activations the largest :math:`a_j`. For other decoders it is an approximation. The size of the code costs
# nothing, so that a smaller code gains nothing, and exactly :math:`k` units are active.
top_k = Autoencoder(Sequential(Dense(784, 200), TopK(20)), Sequential(Dense(200, 784)))
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeadUnitWarning)
    fit(top_k, x, epochs=10, batch_size=100, optimizer=Adam(3e-3), schedule="cosine", progress="none")
assert ((top_k.encode(x_test) != 0).sum(axis=1) == 20).all()

# %%
# Three kinds of parts
# --------------------
#
# For sigmoid units we print the mean activity, for the others the share of units that are not 0.
everything = {"KL divergence": sparse, "L1 and\nweight decay": networks["L1 and weight decay"], "top-k": top_k}
nats = {}
for name, model in everything.items():
    h = model.encode(x_test)
    share = h.mean() if model is sparse else (h != 0).mean()
    nats[name] = model.evaluate(x_test)["reconstruction"]
    print(f"{' '.join(name.split())}: {nats[name]:.1f} nats per test image, activity {share:.1%}")
    assert 0.09 < share < 0.15
assert nats["top-k"] + 4 < nats["L1 and\nweight decay"] < nats["KL divergence"] - 20

# %%
# A mean activity of 0.1 allows a sigmoid unit little: it must be near 0 for most digits, and the decoder has to work
# with what remains. Top-k restricts the number of units, and not their size. That costs the least. The pictures are the
# rows of the decoder that are used most: what one unit adds to the logits. Blue is ink, red is paper.
figure, grid = plt.subplots(3, 12, figsize=(10.5, 2.9), layout="constrained")
for line, (name, model) in zip(grid, everything.items(), strict=True):
    h = model.encode(x)
    features = model.decoder[0].W.value[np.argsort(-(h**2).mean(axis=0))[:12]]
    for axes, feature in zip(line, features, strict=True):
        most = np.abs(feature).max()
        axes.imshow(feature.reshape(28, 28), cmap="RdBu", vmin=-most, vmax=most)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_07.py``.
#
# **1. The divergence in the other order:** :math:`\Omega = \sum_j \operatorname{KL}(\hat\rho_j \,\|\, \rho)`, with
# :math:`\hat\rho_j = \frac{1}{B} \sum_i h_{ij}`. Find its gradient by :math:`h`.
def other_divergence(h, rho):
    """Returns (Ω, dh), from h (B, units) and the number rho = ρ.

    Ω = Σ_j [ρ̂_j ln(ρ̂_j/ρ) + (1 − ρ̂_j) ln((1 − ρ̂_j)/(1 − ρ))]
    """


def check_other_divergence(answer):
    h = np.random.default_rng(6).uniform(0.05, 0.95, (7, 4))
    for rho in (0.05, 0.4):

        def omega(rho=rho):
            q = h.mean(axis=0)
            return (q * np.log(q / rho) + (1 - q) * np.log((1 - q) / (1 - rho))).sum()

        compare(answer(h, rho), f"ρ = {rho}", Ω=omega(), dh=slopes(omega, h))


attempt(check_other_divergence, other_divergence)


# %%
# **2. The best scale.** The code is divided by :math:`c > 0` and the decoder multiplied by it, so that :math:`\hat x`
# stays the same. Only the decoder :math:`v` has weight decay. Find the :math:`c` for which
# :math:`\lambda A/c + \frac{\mu}{2} c^2 V` is smallest, where :math:`A` is the penalty of the code and
# :math:`V = \|v\|^2`, both at :math:`c = 1`.
def best_scale(lam, A, mu, V):
    """Returns c, a number, from four positive numbers, with lam = λ and mu = μ."""


def check_best_scale(answer):
    c = np.logspace(-3, 3, 60_001)
    for lam, A, mu, V in ((1.0, 1.0, 1.0, 1.0), (0.2, 3.0, 0.01, 2.0), (1.0, 0.4, 0.5, 9.0)):
        best = c[(lam * A / c + mu / 2 * c**2 * V).argmin()]
        case = f"λ, A, μ, V = {lam}, {A}, {mu}, {V}"
        compare(answer(lam, A, mu, V), case, rtol=1e-3, c=best)


attempt(check_best_scale, best_scale)


# %%
# Next: chapter 8 penalises how strongly the code changes with the input.
plt.show()
