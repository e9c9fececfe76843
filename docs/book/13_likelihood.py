r"""Chapter 13. Likelihood: importance weights, tighter bounds, and an estimate of ln p(x)
======================================================================================

The bound of chapter 12 loses what separates the encoder's Gaussian from the posterior. Several codes per image lose
less. This chapter derives the bound of K codes, proves that it rises with K, and computes how fast. The same sum of
weights measures :math:`\ln p(x)` for codes of many numbers, where no grid can help. With a code of one number, all of
this can be compared with the exact value.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import open_frame
from demos.palette import COLOURS, GREY, INK
from npae import fit, mnist, variational_autoencoder
from npae.gradcheck import check_model
from npae.models.variational import bounds, likelihood
from npae.optim import Adam

# %%
# Importance weights
# ------------------
#
# The density of an image is a mean over the prior, :math:`p(x) = E_{p(z)}[p(x \mid z)]`. But almost all codes of the
# prior have a negligible :math:`p(x \mid z)`. So draw the codes from the encoder's :math:`q(z \mid x)` instead, and
# correct for it by a *weight*:
#
# .. math::
#     w(z) = \frac{p(x \mid z)\, p(z)}{q(z \mid x)}, \qquad
#     E_q[w] = \int q(z \mid x)\, \frac{p(x \mid z)\, p(z)}{q(z \mid x)}\, dz = \int p(x \mid z)\, p(z)\, dz = p(x)
#
# The mean of :math:`w` is :math:`p(x)` for any :math:`q` that is nowhere 0. The logarithm is concave, and so the mean
# of a logarithm is at most the logarithm of the mean (Jensen's inequality). For K independent codes
#
# .. math::
#     L_K = E\left[ \ln \frac{1}{K} \sum_{k=1}^{K} w_k \right] \le \ln E\left[ \frac{1}{K} \sum_k w_k \right] = \ln p(x)
#
# :math:`L_1 = E_q[\ln w]` is the ELBO of chapter 12: :math:`\ln w = \ln p(x \mid z) - \ln (q(z \mid x)/p(z))`. With
# :math:`L_K` as objective the model is called IWAE (Burda, Grosse & Salakhutdinov 2016).
#
# **More codes are better.** Leave out one of K + 1 weights, each in turn. The mean of all is the mean of the K + 1
# partial means, each of which has K weights:
#
# .. math::
#     \ln \frac{1}{K+1} \sum_{k} w_k = \ln \frac{1}{K+1} \sum_i \left( \frac{1}{K} \sum_{k \ne i} w_k \right)
#     \ge \frac{1}{K+1} \sum_i \ln \left( \frac{1}{K} \sum_{k \ne i} w_k \right)
#
# by concavity again. The expectation of each logarithm to the right is :math:`L_K`. Hence :math:`L_{K+1} \ge L_K`.
#
# **How fast?** Write :math:`w_k = p(x) (1 + \delta_k)`. Then :math:`E[\delta_k] = 0`. Let :math:`m = \frac{1}{K} \sum_k
# \delta_k`, with mean 0 and variance :math:`\operatorname{Var}\, \delta / K`. The gap is
#
# .. math::
#     \ln p(x) - L_K = -E[\ln (1 + m)] = E[m - \ln (1 + m)] \approx \tfrac{1}{2} E[m^2] = \frac{\chi^2}{2K},
#     \qquad \chi^2 = \operatorname{Var}\, \delta = \int \frac{p(z \mid x)^2}{q(z \mid x)}\, dz - 1
#
# The last equation holds because :math:`1 + \delta = w/p(x) = p(z \mid x)/q(z \mid x)`. So the gap falls like
# :math:`1/K`, once K is well above :math:`\chi^2`. The number :math:`\chi^2` is large, or infinite, if :math:`q` is
# narrower than the posterior: then a rare code has a huge weight.
#
# The gradient
# ------------
#
# With the *normalised weights* :math:`\tilde w_k = w_k / \sum_l w_l`, the chain rule gives
#
# .. math::
#     \frac{\partial}{\partial \theta} \ln \sum_k w_k = \frac{\sum_k \partial w_k/\partial \theta}{\sum_l w_l}
#     = \sum_k \tilde w_k\, \frac{\partial \ln w_k}{\partial \theta}
#
# Good codes count more. For one code :math:`z = \mu + \sigma \varepsilon` with fixed :math:`\varepsilon`,
#
# .. math::
#     -\ln w = \ell + \tfrac{1}{2} \sum_j \left( z_j^2 - \varepsilon_j^2 - \ln \sigma_j^2 \right)
#
# So the derivative by :math:`z` is that of :math:`\ell`, plus :math:`z`; and the one by :math:`\ln \sigma^2` is,
# besides the way through :math:`z`, :math:`-\frac{1}{2}`. The engine multiplies each by :math:`\tilde w_k/B`. Weights
# are computed from :math:`\ln w` minus its largest value, since :math:`e^{-170}` is 0 in float32. ``_relative`` is
# :math:`e^{\ln w - \text{largest}}`, the product with ``ones`` adds up the :math:`k` codes, and ``_normalised`` divides
# by this sum. In the second part ``da`` begins as :math:`\frac{1}{KB} \partial \ell/\partial a`, and ``scale`` is 1/B:
source = inspect.getsource(bounds.log_mean_and_weights)
print(source[source.index("    w = log_w") :])
source = inspect.getsource(bounds.iwae_step)
print(source[source.index("    w = w.reshape(-1, 1)") :])

rng = np.random.default_rng(0)
tiny = variational_autoencoder([6, 5, 2], "tanh", objective="iwae", samples=4, dtype="float64")
x = rng.integers(0, 2, (3, 6)).astype(float)
tiny.sampler.freeze(rng.normal(size=(4 * 3, 2)))
print(f"gradient check of L_4: {check_model(tiny, x):.0e}")
assert np.exp(np.float32(-170)) == 0

# %%
# Three numbers, one of them exact
# --------------------------------
#
# We train 784-128-32-1 twice on 3,000 digits with pixels 0 or 1: once on the ELBO, once on :math:`L_8`. As in chapter
# 12, a grid over the one number of the code gives :math:`p(x)`.
digits = mnist(which="sample")
x, x_test = ((part.reshape(-1, 784) > 127).astype(np.float32) for part in (digits.train_images[:3000],
                                                                            digits.test_images[:300]))  # fmt: skip
z = np.linspace(-7, 7, 3501)
dz = z[1] - z[0]


def exact(model, x):
    """(ln p(x), ln p(z | x) on the grid, ln q(z | x) on the grid) of every image."""
    a = model.decoder(z[:, None].astype(np.float32)).astype(np.float64)
    joint = x @ a.T - np.logaddexp(0, a).sum(axis=1) - z**2 / 2 - np.log(2 * np.pi) / 2
    log_p = np.logaddexp.reduce(joint, axis=1) + np.log(dz)
    mu, log_var = (part.astype(np.float64) for part in model.posterior(x))
    log_q = -0.5 * (np.log(2 * np.pi) + log_var + (z - mu) ** 2 * np.exp(-log_var))
    return log_p, joint - log_p[:, None], log_q


models = {
    "ELBO": variational_autoencoder([784, 128, 32, 1], "tanh"),
    "L₈": variational_autoencoder([784, 128, 32, 1], "tanh", objective="iwae", samples=8),
}
measured = {}
for name, model in models.items():
    fit(model, x, epochs=10, batch_size=50, optimizer=Adam(3e-3), progress="none")
    log_p, *_ = exact(model, x_test)
    elbo = model.elbo(x_test, samples=200)
    L_8 = np.mean([model.log_likelihood(x_test, samples=8, seed=seed) for seed in range(25)], axis=0)
    measured[name], sigma = (elbo.mean(), L_8.mean(), log_p.mean()), np.exp(model.posterior(x_test)[1] / 2).mean()
    print(f"trained on {name}: ELBO {elbo.mean():.1f}   L_8 {L_8.mean():.1f}   ln p(x) {log_p.mean():.1f}   "
          f"mean σ {sigma:.2f}")  # fmt: skip
    assert sigma < 0.2 if name == "ELBO" else sigma > 0.3

(elbo_1, _, log_p_1), (elbo_8, L_8, log_p_8) = measured.values()
assert elbo_8 < elbo_1 - 2 and log_p_8 > log_p_1 and log_p_8 - L_8 < 1 < log_p_8 - elbo_8

# %%
# By its ELBO the second model is several nats worse. By :math:`\ln p(x)` it is the better one. The ELBO punishes
# every single code that misses, so that :math:`q` becomes narrow; :math:`L_8` asks for one good code among eight, so
# that :math:`q` becomes wide enough to cover the posterior. Models should be compared by :math:`\ln p(x)`, not by the
# bound that one of them was trained on.
#
# The gap against K
# -----------------
#
# Now one digit and the second model. We draw 102,400 codes, in groups of K, and average :math:`m - \ln(1 + m)`. We do
# it for codes from :math:`q`, and for codes from the prior, whose weights are :math:`w = p(x \mid z)`. The prediction,
# :math:`\chi^2/2K`, is computed on the grid.
model = models["L₈"]
log_p, log_posterior, log_q = exact(model, x_test)
log_prior = -0.5 * (np.log(2 * np.pi) + z**2)


def chi_squared(i, log_q):
    """∫ p(z | x)²/q dz − 1 for digit i."""
    return float(np.exp(min(np.logaddexp.reduce(2 * log_posterior[i] - log_q) + np.log(dz), 700.0)) - 1)


of_encoder = np.array([chi_squared(i, log_q[i]) for i in range(len(x_test))])
i = int(np.abs(np.log(of_encoder)).argmin())  # the digit whose χ² is nearest to 1
mu, log_var = (part[i].astype(np.float64) for part in model.posterior(x_test))
N, sizes, cases = 102_400, 4 ** np.arange(5), {}
noise = rng.normal(size=(N, 1))
for name, m, v, chi2 in (
    ("codes from q(z | x)", mu, log_var, of_encoder[i]),
    ("codes from the prior", 0 * mu, 0 * log_var, chi_squared(i, log_prior)),
):
    codes = m + np.exp(v / 2) * noise
    a = model.decoder(codes.astype(np.float32))
    ell = model.loss.per_sample(a, np.broadcast_to(x_test[i], a.shape))
    ratio = bounds.log_ratio(codes, noise, np.broadcast_to(v, codes.shape))
    log_w = -ell.astype(np.float64) - ratio - log_p[i]  # ln (w/p(x))
    groups = [log_w.reshape(-1, K) for K in sizes]
    gaps = [np.exp(group).mean() - 1 - (np.logaddexp.reduce(group, axis=1) - np.log(K)).mean()
            for K, group in zip(sizes, groups, strict=True)]  # fmt: skip
    cases[name] = np.array(gaps), chi2
    print(f"{name}: mean of w/p(x) = {np.exp(log_w).mean():.3f}, χ² = {chi2:.2f}, gaps "
          + ", ".join(f"{gap:.4f} (K = {K})" for gap, K in zip(gaps, sizes, strict=True)))  # fmt: skip
    assert abs(np.exp(log_w).mean() - 1) < 5 * np.sqrt(chi2 / N) + 1e-3 and (np.diff(gaps) < 0).all()
    assert abs(gaps[-1] * 2 * sizes[-1] / chi2 - 1) < 0.25

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), layout="constrained", width_ratios=(5, 4))
for line, values in enumerate(measured.values()):
    left.plot(values, [-line] * 3, color=GREY, lw=1, zorder=1)
    for value, text, colour, side in zip(values, ("ELBO", "L₈", "ln p(x)"), (COLOURS[2], COLOURS[0], INK), (1, -1, 1),
                                         strict=True):  # fmt: skip
        left.plot(value, -line, "o", color=colour, ms=7)
        left.annotate(text, (value, -line), (0, 11 * side), textcoords="offset points", color=colour,
                      ha={"ELBO": "right"}.get(text, "left"), va="bottom" if side > 0 else "top")  # fmt: skip
left.set(yticks=(0, -1), yticklabels=[f"trained\non {name}" for name in measured], ylim=(-1.6, 0.6), xmargin=0.16,
         xlabel="nats per test digit", title="Two models, by three measures")  # fmt: skip
for (name, (gaps, chi2)), colour, below in zip(cases.items(), (COLOURS[0], COLOURS[2]), (True, False), strict=True):
    right.loglog(sizes, chi2 / (2 * sizes), "--", color=GREY, lw=1)
    right.loglog(sizes, gaps, "o-", color=colour, lw=1.6, ms=4)
    right.annotate(name, (sizes[2], gaps[2]), (-6 if below else 6, -8 if below else 4), textcoords="offset points",
                   color=colour, ha="right" if below else "left", va="top" if below else "bottom")  # fmt: skip
right.annotate("χ²/2K", (1, of_encoder[i] / 2), (0, -16), textcoords="offset points", color=GREY, va="top")
right.set(xlabel="K", ylabel="ln p(x) − L_K, nats", title="The gap for one digit")
for axes in (left, right):
    open_frame(axes)

# %%
# Likelihood without a grid
# -------------------------
#
# A code of ten numbers has no grid: 100 places per number would be :math:`10^{20}` codes. But :math:`\ln \frac{1}{K}
# \sum_k w_k` can be computed for large K. On average it is :math:`L_K`, at most :math:`\ln p(x)`. Published results use
# K = 5000, and so many codes do not fit into memory at once. It is enough to keep the largest logarithm :math:`m` so
# far, and :math:`s`, the sum of all weights divided by :math:`e^m`. A chunk with the largest logarithm :math:`m'`
# changes them to
#
# .. math::
#     M = \max(m, m'), \qquad s \leftarrow s\, e^{m - M} + \sum_k e^{\ln w_k - M}, \qquad m \leftarrow M
#
# so that :math:`\sum_k w_k = s\, e^m` always holds. ``_sampled`` returns :math:`\ell` and :math:`\ln (q/p)` of a chunk:
source = inspect.getsource(likelihood.log_mean_weight)
print(source[source.index("    m, s = ") :])

# %%
# First the check, with the code of one number: the estimate against the grid, for the digits of both models.
for name, model in models.items():
    estimate, log_p = model.log_likelihood(x_test, samples=1000), exact(model, x_test)[0]
    off = estimate - log_p
    print(f"trained on {name}: estimate − exact = {off.mean():.3f} on average, median {np.median(off):.4f}")
    assert -0.3 < off.mean() < 0.05 and abs(np.median(off)) < 0.02

# %%
# Now 784-128-10, with codes from the encoder and with codes from the prior. For the second, we set the last layer of a
# copy of the encoder to 0: then :math:`\mu = 0, \ln \sigma^2 = 0`, and :math:`q` is the prior.
SIZES = [784, 128, 10]
model, from_prior = variational_autoencoder(SIZES), variational_autoencoder(SIZES)
fit(model, x, epochs=10, batch_size=50, optimizer=Adam(3e-3), progress="none")
from_prior.theta.value[...] = model.theta.value
for part in (from_prior.encoder[-1].W, from_prior.encoder[-1].b):
    part.value[...] = 0
counts, some = (1, 3, 10, 30, 100, 300, 1000), x_test[:60]
curves = {
    "codes from q(z | x)": [model.log_likelihood(some, samples=K, seed=1).mean() for K in counts],
    "codes from the prior": [from_prior.log_likelihood(some, samples=K, seed=1).mean() for K in counts],
}
figure, axes = plt.subplots(figsize=(6.6, 3.8), layout="constrained")
for (name, curve), colour in zip(curves.items(), (COLOURS[0], COLOURS[2]), strict=True):
    axes.semilogx(counts, curve, "o-", color=colour, ms=4)
    axes.annotate(name, (counts[3], curve[3]), (0, -9), textcoords="offset points", color=colour, va="top")
    print(f"{name}: {curve[0]:.1f} with one code, {curve[-2]:.1f} with 300, {curve[-1]:.1f} with 1000")
axes.set(xlabel="codes per digit, K", ylabel="nats per test digit", title="Estimates of ln p(x), a code of 10 numbers")
open_frame(axes)
good, poor = curves.values()
assert good[-1] - good[-2] < 1 and good[-1] > poor[-1] + 20 and good[-1] > good[0] + 1


# %%
# With the encoder's codes the estimate has nearly settled. With codes from the prior it is far below, and still rises.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_13.py``.
#
# **1. Merge two sums of weights.** Two processes have each summed some weights, and kept :math:`(m_1, s_1)` and
# :math:`(m_2, s_2)`. What do they have together? Neither may overflow, and neither may be lost.
def merge(m_1, s_1, m_2, s_2):
    """Returns (m, s) with s eᵐ = s₁ e^m₁ + s₂ e^m₂ and m = max(m₁, m₂), from four numbers."""


def check_merge(answer):
    for given in ((-900, 1.5, -901, 3), (900, 2, 903, 1.2), (5, 1, -2000, 1)):
        m_1, s_1, m_2, s_2 = np.array(given, float)
        case = f"m₁, s₁, m₂, s₂ = {m_1:g}, {s_1:g}, {m_2:g}, {s_2:g}"
        total = np.logaddexp(m_1 + np.log(s_1), m_2 + np.log(s_2))
        m = max(m_1, m_2)
        with np.errstate(over="raise", invalid="raise"):
            found = answer(m_1, s_1, m_2, s_2)
        compare(found, case, m=m, s=np.exp(total - m))


attempt(check_merge, merge)


# %%
# **2. The importance-weighted objective.** Let :math:`J = -\frac{1}{B} \sum_i \ln \frac{1}{K} \sum_k w_{ki}`. Find its
# gradient by the *logarithms* of the weights. The weights themselves may be too small for a floating-point number.
def importance_weighted_objective(log_w):
    """Returns (J, d log_w), from log_w (K, B), the logarithms of the weights of B images."""


def check_importance_weighted_objective(answer):
    log_w = np.random.default_rng(12).normal(-170, 2, (5, 4))

    def J():
        return np.log(5) - np.logaddexp.reduce(log_w, axis=0).mean()

    compare(answer(log_w), J=J(), d_log_w=slopes(J, log_w))
    log_w -= 2000  # now every w is 0 in floating point
    with np.errstate(divide="ignore", invalid="ignore"):
        found = answer(log_w)
    compare(found, "tiny weights", J=J(), d_log_w=slopes(J, log_w))


attempt(check_importance_weighted_objective, importance_weighted_objective)


# %%
# Next: chapter 14 leaves likelihood, and lets a second network judge.
plt.show()
