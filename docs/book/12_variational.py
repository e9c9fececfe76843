r"""Chapter 12. The variational autoencoder: a bound, its gap, and a derivative through chance
==========================================================================================

The autoencoders so far have no distribution of codes, and so they cannot make new images. A variational autoencoder
is a model of the density of images, :math:`p(x)`. It has an integral over codes that cannot be computed, unless a code
is a single number: then a sum over a grid does it. This chapter derives the bound that is used in place of the
integral, and with a code of one number it computes both, the bound and what is lost.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, returned
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import variational as page
from demos.palette import COLOURS, GREY, INK
from npae import VariationalAutoencoder, fit, mnist, variational_autoencoder
from npae.gradcheck import check_layer, check_model
from npae.layers import GaussianSample, sampling
from npae.optim import Adam
from npae.penalties import gaussian_kl
from npae.train import Callback

# %%
# The model
# ---------
#
# An image arises in two steps. First a code :math:`z` of :math:`d` numbers is drawn from the *prior*
# :math:`p(z) = N(0, 1)`. Then the decoder computes logits :math:`a = g(z)`, and each pixel is drawn, black with
# probability :math:`\sigma(a_j)` and otherwise white:
#
# .. math::
#     p(x \mid z) = \prod_j \sigma(a_j)^{x_j} (1 - \sigma(a_j))^{1 - x_j}, \qquad
#     \ell = -\ln p(x \mid z), \qquad p(x) = \int p(x \mid z)\, p(z)\, dz
#
# :math:`\ell` is the cross-entropy of chapter 3. The best decoder makes the given images likely: we want to maximise
# :math:`\ln p(x)`. But for nearly all codes :math:`p(x \mid z)` is practically 0. To find the few that count, the
# encoder helps. It estimates a Gaussian for each image: its output is :math:`[\mu \mid \ln \sigma^2]`, and
#
# .. math::
#     q(z \mid x) = N(\mu, \sigma^2) \quad \text{is to be near the posterior} \quad
#     p(z \mid x) = \frac{p(x \mid z)\, p(z)}{p(x)}
#
# The bound, and what is lost
# ---------------------------
#
# Solve Bayes' theorem, the equation to the right, for :math:`p(x)`, and multiply and divide by
# :math:`q(z \mid x)`. For *every* :math:`z`,
#
# .. math::
#     \ln p(x) = \ln p(x \mid z) - \ln \frac{q(z \mid x)}{p(z)} + \ln \frac{q(z \mid x)}{p(z \mid x)}
#
# The left side does not depend on :math:`z`. So nothing changes if we take the mean over :math:`z` from
# :math:`q(z \mid x)`. The mean of :math:`\ln (q/p)` under :math:`q` is the Kullback-Leibler divergence
# :math:`\operatorname{KL}(q \,\|\, p)`:
#
# .. math::
#     \ln p(x) = E_q[\ln p(x \mid z)] - \operatorname{KL}(q(z \mid x) \,\|\, p(z))
#     + \operatorname{KL}(q(z \mid x) \,\|\, p(z \mid x))
#
# A divergence is at least 0, because :math:`\ln t \le t - 1`:
#
# .. math::
#     -\operatorname{KL}(q \,\|\, p) = E_q\left[ \ln \frac{p}{q} \right] \le E_q\left[ \frac{p}{q} - 1 \right]
#     = \int p\, dz - 1 = 0
#
# Without the last term, the right side is the *evidence lower bound*, ELBO. It has no :math:`p(z \mid x)`, and can be
# computed. The gap is the divergence of the encoder's Gaussian from the posterior: as long as :math:`p(x)` is the same,
# a larger ELBO is a smaller gap. The objective is :math:`J = -\text{ELBO}`, averaged over the batch. Both of its terms
# are *sums* over pixels or code numbers; a mean over 784 pixels would give KL 784 times its weight.
#
# The divergence from the prior
# -----------------------------
#
# For one number, :math:`z = \mu + \sigma \varepsilon` with :math:`\varepsilon` from :math:`N(0, 1)`, we have
# :math:`E[z^2] = \mu^2 + \sigma^2` and :math:`E[\varepsilon^2] = 1`. So
#
# .. math::
#     \ln q &= -\tfrac{1}{2} \ln 2\pi - \tfrac{1}{2} \ln \sigma^2 - \tfrac{1}{2} \varepsilon^2, \qquad
#     \ln p = -\tfrac{1}{2} \ln 2\pi - \tfrac{1}{2} z^2 \\
#     \operatorname{KL} &= E[\ln q - \ln p] = \tfrac{1}{2} \left( \mu^2 + \sigma^2 - 1 - \ln \sigma^2 \right) \\
#     \frac{\partial \operatorname{KL}}{\partial \mu} &= \mu, \qquad
#     \frac{\partial \operatorname{KL}}{\partial \ln \sigma^2} = \tfrac{1}{2} (\sigma^2 - 1)
#
# since :math:`\partial \sigma^2/\partial \ln \sigma^2 = \sigma^2`. The numbers of a code are independent, so their
# divergences add. :math:`\sigma^2 - 1` is ``expm1(log_var)``, exact for small ``log_var``:
print(inspect.getsource(gaussian_kl._divergence_and_gradient.plain))

# %%
# A derivative through chance
# ---------------------------
#
# In :math:`E_q[\ell]` the parameters of the encoder determine what is *drawn*. How can a drawn number be
# differentiated? Draw the noise first, which depends on nothing, and compute the code from it:
#
# .. math::
#     z = \mu + \sigma \varepsilon, \qquad E_q[\ell(z)] = E_\varepsilon[\ell(\mu + \sigma \varepsilon)]
#
# Now the mean is over a fixed distribution, and the derivative can be taken inside, by the chain rule. With
# :math:`\sigma = e^{\frac{1}{2} \ln \sigma^2}`,
#
# .. math::
#     \frac{\partial z}{\partial \mu} = 1, \quad \frac{\partial z}{\partial \ln \sigma^2} = \tfrac{1}{2} \sigma
#     \varepsilon; \qquad \frac{\partial E_q[\ell]}{\partial \mu} = E_\varepsilon[\ell'(z)], \quad
#     \frac{\partial E_q[\ell]}{\partial \ln \sigma^2} = E_\varepsilon\left[ \ell'(z)\, \tfrac{1}{2} \sigma \varepsilon
#     \right]
#
# This is *reparameterisation* (Kingma & Welling 2014). One draw per image and step is an unbiased estimate. The older
# way differentiates the density instead, :math:`\partial q/\partial \mu = q\, (z - \mu)/\sigma^2`, so
#
# .. math::
#     \frac{\partial E_q[\ell]}{\partial \mu} = \int \ell\, \frac{\partial q}{\partial \mu}\, dz
#     = E_q\left[ \ell(z)\, \frac{z - \mu}{\sigma^2} \right] \qquad \text{(the score function estimate)}
#
# It needs no derivative of the decoder, but is noisier by far, as we shall measure. In the engine, ``_sample`` also
# returns :math:`\frac{1}{2} \sigma \varepsilon`; ``tile`` copies every row, for several codes per image (chapter 13):
print(inspect.getsource(sampling._sample.plain))
print(inspect.getsource(VariationalAutoencoder.backpropagate))

# %%
# The checks. With frozen noise :math:`J` is a function of the parameters, and finite differences apply. The page of
# plain NumPy agrees.
rng = np.random.default_rng(0)
model = variational_autoencoder([6, 5, 2], dtype="float64")
twin = page.variational_autoencoder(rng, n=6, hidden=5, d=2)
for (_, p), value in zip(model.named_parameters(), twin.theta, strict=True):
    p.value[...] = value
x, noise = rng.integers(0, 2, (4, 6)).astype(float), rng.normal(size=(4, 2))
model.sampler.freeze(noise)
print(f"gradient check of the model: {check_model(model, x):.0e}")
sampler = GaussianSample().freeze(noise)
print(f"of the sampling alone: {check_layer(sampler, rng.normal(size=(4, 4)), training=True):.0e}")
with model.theta.fresh_grad():
    J = sum(map(float, model.backpropagate(x).values()))
largest = abs(J - twin.backpropagate(x, noise))
for (_, p), gradient in zip(model.named_parameters(), twin.gradient, strict=True):
    largest = max(largest, np.abs(p.grad - gradient).max())
print(f"largest difference to the page: {largest:.0e}")
assert largest < 1e-13

# %%
# One number per digit, and the exact density
# -------------------------------------------
#
# We train 784-128-32-1 on 4,000 digits with pixels 0 or 1. With :math:`d = 1` the integral is a sum over a fine grid,
# from the logits :math:`a` of all its codes:
#
# .. math::
#     \ln p(x, z) = \sum_j \left( x_j a_j - \ln(1 + e^{a_j}) \right) - \tfrac{1}{2} z^2 - \tfrac{1}{2} \ln 2\pi, \qquad
#     p(x) = \sum_z p(x, z)\, \Delta z
digits = mnist(which="sample")
x, x_test = ((part.reshape(-1, 784) > 127).astype(np.float32) for part in (digits.train_images[:4000],
                                                                            digits.test_images[:300]))  # fmt: skip
labels = digits.test_labels[:300]
z = np.linspace(-7, 7, 7001)
dz = z[1] - z[0]


def log_joint(model, x):
    """ln p(x, z) for all codes of the grid: (n, len(z))."""
    a = model.decoder(z[:, None].astype(np.float32)).astype(np.float64)
    return x @ a.T - np.logaddexp(0, a).sum(axis=1) - z**2 / 2 - np.log(2 * np.pi) / 2


def terms(model, x):
    """ln p(x), ELBO, and KL(q ‖ p(z | x)) of every image, as sums over the grid; also KL(q ‖ p), and both densities."""
    joint = log_joint(model, x)
    largest = joint.max(axis=1)
    log_p = largest + np.log(np.exp(joint - largest[:, None]).sum(axis=1) * dz)
    mu, log_var = (part.astype(np.float64) for part in model.posterior(x))
    log_q = -0.5 * (np.log(2 * np.pi) + log_var + (z - mu) ** 2 * np.exp(-log_var))
    q, log_posterior, log_prior = np.exp(log_q), joint - log_p[:, None], -0.5 * (np.log(2 * np.pi) + z**2)
    elbo = (q * (joint - log_q)).sum(axis=1) * dz
    gap, kl = ((q * (log_q - other)).sum(axis=1) * dz for other in (log_posterior, log_prior))
    return log_p, elbo, gap, kl, q, np.exp(log_posterior)


class Watch(Callback):
    """Collect the mean ln p(x) and ELBO of the test digits after every epoch."""

    def __init__(self):
        self.rows = []

    def on_epoch_end(self, *arguments):
        self.rows.append([part.mean() for part in terms(model, x_test)[:2]])


model, watch = variational_autoencoder([784, 128, 32, 1], "tanh"), Watch()
fit(model, x, epochs=12, batch_size=50, optimizer=Adam(3e-3), callbacks=[watch], progress="none")
log_p, elbo, gap, kl, q, posterior = terms(model, x_test)
print(f"mean over {len(x_test)} test digits: ln p(x) = {log_p.mean():.3f}   ELBO = {elbo.mean():.3f}   "
      f"KL(q ‖ p(z | x)) = {gap.mean():.3f}")  # fmt: skip
print(f"ELBO + gap − ln p(x), at most: {np.abs(elbo + gap - log_p).max():.0e}")
sampled = model.elbo(x_test, samples=500)
print(f"ELBO by the engine, 500 codes per digit: {sampled.mean():.3f}")
assert np.abs(elbo + gap - log_p).max() < 1e-6 and gap.min() > 0 and abs(sampled.mean() - elbo.mean()) < 0.1
mu, log_var = (part[:, 0].astype(np.float64) for part in model.posterior(x_test))
closed = (mu**2 + np.exp(log_var) - 1 - log_var) / 2
print(f"KL(q ‖ p): closed form {closed.mean():.6f}, sum over the grid {kl.mean():.6f}")
assert np.abs(closed - kl).max() < 1e-6

# %%
# The identity holds for every digit. The picture has four of them, from a small gap to the largest. A gap has two
# reasons. The posterior need not have the shape of a Gaussian. And the encoder is one function for all digits: for an
# unusual digit it points to a wrong place, as for the narrow 2 at the bottom, which the decoder takes for a 1. The
# lowest row has the images :math:`\hat x = \sigma(g(z))` along the axis.
chosen = gap.argsort()[[30, 150, 285, 299]]
assert gap[chosen[0]] < 0.1 < gap[chosen[1]] < 1 < gap[chosen[2]]
figure, grid = plt.subplots(5, 2, figsize=(9, 6.2), layout="constrained", width_ratios=(1, 9))
for (picture, axes), i in zip(grid, chosen, strict=False):
    picture.imshow(x_test[i].reshape(28, 28), cmap="gray_r")
    bare(picture)
    axes.fill_between(z, posterior[i], color=COLOURS[0], lw=0, alpha=0.75)
    axes.plot(z, q[i], color=COLOURS[2], lw=1.6)
    axes.set(xlim=(-3.25, 3.25), ylim=(0, 1.1 * max(posterior[i].max(), q[i].max())), yticks=[], xticks=[])
    axes.text(3.2, axes.get_ylim()[1] * 0.8, f"gap {gap[i]:.2f}", ha="right", color=INK)
    open_frame(axes)
    axes.spines["left"].set_visible(False)
top = grid[0, 1].get_ylim()[1]
grid[0, 1].text(-3.2, 0.75 * top, "posterior p(z | x)", color=COLOURS[0])
grid[0, 1].text(-3.2, 0.45 * top, "encoder's q(z | x)", color=COLOURS[2])
bare(grid[4, 0])
strip, axes = np.linspace(-3, 3, 13), grid[4, 1]
for place, image in zip(strip, model.decode(strip[:, None].astype(np.float32)), strict=True):
    axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1, extent=(place - 0.24, place + 0.24, 0, 1))
axes.set(xlim=(-3.25, 3.25), ylim=(0, 1), aspect="auto", yticks=[], xticks=range(-3, 4), xlabel="z")
axes.spines[:].set_visible(False)

# %%
# In training the bound and :math:`\ln p(x)` rise together. What lies between the two lines is the mean of the gap.
figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
curves = np.array(watch.rows)
axes.fill_between(range(1, 13), *curves.T, color=GREY, alpha=0.25, lw=0)
for curve, name, colour, side in zip(curves.T, ("ln p(x)", "ELBO"), (INK, COLOURS[2]), (1, -1), strict=True):
    axes.plot(range(1, 13), curve, color=colour, lw=1.8)
    axes.annotate(name, (12, curve[-1]), (8, 3 * side), textcoords="offset points", color=colour, va="center")
axes.set(xlabel="epoch", ylabel="nats per test digit", xlim=(0.8, 13.6), title="The bound, and the exact density")
open_frame(axes)
assert (curves[:, 0] > curves[:, 1]).all() and curves[-1, 1] > curves[0, 1] + 10

# %%
# Two estimates of one derivative
# -------------------------------
#
# With a grid, :math:`\partial E_q[\ell]/\partial \mu = \int \ell\, q\, (z - \mu)/\sigma^2\, dz` is exact. We compare
# both estimates of it for one digit, with 5,000 draws each.
i = chosen[0]
variance = np.exp(log_var[i])
ell_on_grid = -(log_joint(model, x_test[i : i + 1])[0] + z**2 / 2 + np.log(2 * np.pi) / 2)
exact = (ell_on_grid * q[i] * (z - mu[i]) / variance).sum() * dz
codes = (mu[i] + np.sqrt(variance) * rng.normal(size=(5000, 1))).astype(np.float32)
rows = np.repeat(x_test[i : i + 1], 5000, axis=0)
a, cache = model.decoder.forward(codes, training=True)
with model.theta.fresh_grad():
    reparameterised = 5000 * model.decoder.backward(model.loss.value_and_gradient(a, rows)[1], cache)[:, 0]
score = model.loss.per_sample(a, rows) * (codes[:, 0] - mu[i]) / variance
print(f"exact derivative by μ: {exact:.2f}")
for name, draws in (("reparameterisation", reparameterised), ("score function", score)):
    mean, error = draws.mean(dtype=np.float64), draws.std() / np.sqrt(5000)
    print(f"{name}: {mean:.2f} ± {error:.2f}; one draw has the standard deviation {draws.std():.1f}")
    assert abs(mean - exact) < 4 * error
ratio = float((score.std() / reparameterised.std()) ** 2)
print(f"For the same precision the score function needs {ratio:.0f} times as many draws.")
assert ratio > 100 and model.loss.per_sample(a, rows).min() > 100


# %%
# The score function multiplies all of :math:`\ell`, more than a hundred nats, by a random number of mean 0;
# reparameterisation sees only how :math:`\ell` changes.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_12.py``.
#
# **1. The divergence of two Gaussians,** :math:`\operatorname{KL}(N(\mu_1, \sigma_1^2) \,\|\, N(\mu_2, \sigma_2^2))`.
# For :math:`\mu_2 = 0, \sigma_2 = 1` it must be the formula of this chapter.
def kl_of_gaussians(mu_1, log_var_1, mu_2, log_var_2):
    """Returns KL in nats, a number, from the means μ and the log-variances ln σ²."""


def check_kl_of_gaussians(answer):
    rng = np.random.default_rng(10)
    t = np.linspace(-40, 40, 80_001)
    for mu_1, mu_2, log_var_1, log_var_2 in ((0.5, 0.0, -1.0, 0.0), *rng.normal(size=(5, 4))):
        log_q, log_p = (
            -0.5 * (np.log(2 * np.pi) + log_var + (t - mean) ** 2 / np.exp(log_var))
            for mean, log_var in ((mu_1, log_var_1), (mu_2, log_var_2))
        )
        integral = (np.exp(log_q) * (log_q - log_p)).sum() * (t[1] - t[0])
        case = f"μ = {mu_1:.3g}, {mu_2:.3g} and ln σ² = {log_var_1:.3g}, {log_var_2:.3g}"
        compare(answer(mu_1, log_var_1, mu_2, log_var_2), case, KL=integral)


attempt(check_kl_of_gaussians, kl_of_gaussians)


# %%
# **2. Reparameterise another distribution:** the logistic one, with :math:`P(z \le t) = \sigma((t - \mu)/s)` and
# :math:`s > 0`. Compute :math:`z` from a uniform number :math:`u` in (0, 1), so that :math:`P(z \le t)` is right and
# :math:`z` grows with :math:`u`, and the derivatives of :math:`z`.
def logistic_sample(u, mu, log_s):
    """Returns (z, ∂z/∂μ, ∂z/∂ln s), each (n,), from u (n,) and the numbers μ and ln s."""


def check_logistic_sample(answer):
    u = np.linspace(0.01, 0.99, 99)
    for mu, log_s in ((0.0, 0.0), (1.5, -0.7), (-2.0, 0.4)):
        case = f"μ = {mu}, ln s = {log_s}"
        z, by_mu, by_log_s = returned(answer(u, mu, log_s), "z", "∂z/∂μ", "∂z/∂ln s")
        P = 1 / (1 + np.exp(-(z - mu) / np.exp(log_s)))  # P(z ≤ t) at t = z
        compare(P, case, P=u)
        e = 1e-5
        dz_dmu = (answer(u, mu + e, log_s)[0] - answer(u, mu - e, log_s)[0]) / (2 * e)
        dz_dlog_s = (answer(u, mu, log_s + e)[0] - answer(u, mu, log_s - e)[0]) / (2 * e)
        compare((by_mu * np.ones(99), by_log_s), case, dz_dmu=dz_dmu, dz_dlog_s=dz_dlog_s)


attempt(check_logistic_sample, logistic_sample)


# %%
# Next: chapter 13 makes the bound tighter, with several codes at once, and measures likelihood where no grid helps.
plt.show()
