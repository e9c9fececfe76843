r"""Chapter 15. Anomalies: residuals, codes, and the Mahalanobis distance
======================================================================

An autoencoder of normal data reconstructs what it knows. A row that it reconstructs badly is an anomaly. Is that all?
A row may be reconstructed well and still be far from all others. This chapter derives a distance for both, and proves
what it is if the network is linear: the Mahalanobis distance, a detector without any network. So we know what a network
must beat. Then it looks for digits that do not belong.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.anomaly import prepared
from demos.exercises import attempt, compare, returned
from demos.figures.canvas import bare, open_frame
from demos.palette import COLOURS, INK
from npae import dense_autoencoder, fit, mnist
from npae.anomaly import AnomalyDetector, Mahalanobis, roc_auc
from npae.anomaly.contributions import _integrated
from npae.anomaly.distances import Joint
from npae.gradcheck import check_gradient
from npae.optim import SGD

# %%
# Two kinds of anomaly
# --------------------
#
# Points in the plane, mostly along a line, and the linear autoencoder 2-1-2 of chapter 2, which projects on this line.
# A row :math:`x` gets the code :math:`h = f(x)` and the *residual* :math:`r = x - g(h)`.
rng = np.random.default_rng(0)
points = rng.normal(size=(300, 2)) @ np.array([[1.6, 0.9], [0.1, -0.18]])
points -= points.mean(axis=0)
two_odd = np.array([[-0.8, 1.6], [7.2, 4.0]])
model = dense_autoencoder([2, 1], "linear", "linear", "mse", dtype="float64")
fit(model, points, epochs=1500, batch_size=300, optimizer=SGD(0.02, 0.98), progress="none")


def parts(model, x):
    """Code and residual of every row."""
    h = model.encode(x)
    return h, x - model.decode(h)


(h, r), (h_odd, r_odd) = parts(model, points), parts(model, two_odd)
sizes = np.linalg.norm(r_odd, axis=1) / np.linalg.norm(r, axis=1).max()
codes = np.abs(h_odd - h.mean(axis=0)).ravel() / h.std()
print("residual, relative to the largest of a normal point: A {:.1f}, B {:.1f}".format(*sizes))
print("code, in standard deviations from the mean: A {:.1f}, B {:.1f}".format(*codes))
assert sizes[0] > 2 and sizes[1] < 0.1
assert codes[0] < 0.1 and codes[1] > np.abs(h - h.mean()).max() / h.std()

# %%
# A is away from the line: its residual shows it, its code does not. B is on the line: its code is farther out than all
# others, its residual is small. So a distance needs both, each in units of what is usual for it.
#
# Whitening, and the Mahalanobis distance
# ---------------------------------------
#
# Let normal rows have the mean :math:`\mu` and the covariance :math:`S`, the mean of
# :math:`(x - \mu)^T (x - \mu)`, with orthonormal eigenvectors :math:`e_j` (columns, as in chapter 2) and eigenvalues
# :math:`\lambda_j > 0`. Divide the part in each direction by its standard deviation:
#
# .. math::
#     u = (x - \mu)\, S^{-1/2}, \qquad S^{-1/2} = \sum_j \frac{1}{\sqrt{\lambda_j}}\, e_j e_j^T
#
# The *whitened* rows :math:`u` are uncorrelated and have the variance 1:
# :math:`\operatorname{Cov} u = S^{-1/2} S\, S^{-1/2} = I`. Their squared length is the squared *Mahalanobis distance*
#
# .. math::
#     M^2(x) = \|u\|^2 = (x - \mu)\, S^{-1} (x - \mu)^T = \sum_j \frac{\left( (x - \mu)\, e_j \right)^2}{\lambda_j}
#
# For a Gaussian density :math:`-2 \ln p(x) = M^2(x) + \text{a constant}`: equal distance is equal density. And on the
# rows that gave :math:`\mu` and :math:`S`, its mean is their number of features :math:`d`:
# :math:`E\, \|u\|^2 = \operatorname{tr} \operatorname{Cov} u = \operatorname{tr} I = d`.
#
# **Units do not matter.** For an invertible matrix :math:`A`, the rows :math:`y = xA` have the covariance
# :math:`A^T S A`, and
#
# .. math::
#     M^2(y) = (x - \mu)\, A\, (A^T S A)^{-1} A^T (x - \mu)^T = (x - \mu)\, S^{-1} (x - \mu)^T = M^2(x)
#
# In the engine, ``V`` has the eigenvectors as columns, ``scale`` has the :math:`1/\sqrt{\lambda_j}`, and ``rest`` is
# for directions without variance. A little of the mean eigenvalue is added to all of them, so that none is 0.
print(inspect.getsource(Mahalanobis.__call__))

table = np.random.default_rng(1).normal(size=(500, 6))
table = table @ np.random.default_rng(2).normal(size=(6, 6)) + 3
S = np.cov(table.T, bias=True)
M2, deviation = Mahalanobis(table, 1e-12), table - table.mean(axis=0)
closed_form = (deviation * np.linalg.solve(S, deviation.T).T).sum(axis=1)
u, places = M2.whiten(table), {"x": (table, M2.gradient(table))}
checks = {
    "M² and its formula": np.abs(M2(table) / closed_form - 1).max(),
    "covariance of u and I": np.abs(np.cov(u.T, bias=True) - np.eye(6)).max(),
    "mean of M² and d": abs(M2(table).mean() - 6),
    "∂M²/∂x and finite differences": check_gradient(lambda: float(M2(table).sum()), places),
}
for name, error in checks.items():
    print(f"{name}: {error:.0e}")
    assert error < 1e-6, name

# %%
# The theorem for linear networks
# -------------------------------
#
# Let :math:`h = xW` and :math:`\hat x = hV` be the linear autoencoder of chapter 2, with :math:`x` of mean 0, and let
# it be *trained*: :math:`\hat x = xP`, where :math:`P` projects on the span of the first :math:`k` eigenvectors of
# :math:`S`. Then
#
# .. math::
#     M^2(x) = M^2(h) + M^2(r)
#
# where the second distance is taken within the directions that a residual can have. **Proof.** Split the sum of
# :math:`M^2(x)` over the eigenvectors at :math:`k`:
#
# .. math::
#     M^2(x) = \sum_{j \le k} \frac{(x\, e_j)^2}{\lambda_j} + \sum_{j > k} \frac{(x\, e_j)^2}{\lambda_j}
#
# The code is an invertible linear function of the numbers :math:`x\, e_j` with :math:`j \le k`, and units do not
# matter: the first sum is :math:`M^2(h)`. The residual :math:`r = x(I - P)` has the parts :math:`x\, e_j` with
# :math:`j > k` and no others: the second sum is :math:`M^2(r)`. That ends the proof. Compare the reconstruction error
# :math:`\|r\|^2 = \sum_{j > k} (x\, e_j)^2`: it leaves out the first sum, and weighs all directions of the second
# alike.
#
# **If the network is not trained,** or has any other weights :math:`W, V`, code and residual are correlated. Taken
# together they still give the same. :math:`[h, r] = xA` with :math:`A = [W,\, I - WV]`, which has more columns than
# rows. Nothing is lost, since :math:`x = hV + r`, so the rows of :math:`A` are independent. The covariance
# :math:`A^T S A` has no inverse, so take the pseudo-inverse, which inverts it in the directions that occur. Write
# :math:`x = w S^{1/2}` and :math:`B = S^{1/2} A`. Independent rows have :math:`BB^+ = I`, and every matrix has
# :math:`(B^T B)^+ = B^+ (B^+)^T`. So
#
# .. math::
#     M^2([h, r]) = x A\, (A^T S A)^+ A^T x^T = w\, B\, B^+ (B\, B^+)^T w^T = w\, w^T = x\, S^{-1} x^T = M^2(x)
#
# This is the engine's *joint* distance, :math:`M^2([u, r/\rho])`, with the whitened code :math:`u`. The unit
# :math:`\rho` of the residual matters only for the small number that is added to the eigenvalues.
print(inspect.getsource(Joint._together))
print(inspect.getsource(Joint.__call__))

k, x = 2, table - table.mean(axis=0)
exact, e = M2(table), np.linalg.eigh(S)[1][:, ::-1]
mixing = np.random.default_rng(3).normal(size=(k, k))
rng, found = np.random.default_rng(4), {}
networks = {
    "trained": (e[:, :k] @ mixing, np.linalg.inv(mixing) @ e[:, :k].T),
    "random": (rng.normal(size=(6, k)), rng.normal(size=(k, 6))),
}
for name, (W, V) in networks.items():
    h, r = x @ W, x - x @ W @ V
    joint = Joint(1e-10).fit(lambda h=h, r=r: iter([(h, r)]), len(x))
    _, lengths, directions = np.linalg.svd(r, full_matrices=False)
    within = r @ directions[lengths > 1e-9 * lengths[0]].T  # in the directions that r can have
    added = Mahalanobis(h, 1e-12)(h) + Mahalanobis(within, 1e-12)(within)
    found[name] = np.abs(joint(h, r) / exact - 1).max(), np.abs(added / exact - 1).max()
    print("{} weights: errors {:.0e} (joint), {:.0e} (sum)".format(name, *found[name]))
assert max(found["trained"]) < 1e-6 and found["random"][0] < 1e-6 and found["random"][1] > 0.1

# %%
# The consequence: whatever an autoencoder detects beyond :math:`M^2(x)`, which is six lines of linear algebra, is due
# to its activation functions. In the plane, with A and B as above:
axis_1, axis_2 = np.linspace(-6.3, 8.5, 201), np.linspace(-4, 5, 151)
plane = np.stack(np.meshgrid(axis_1, axis_2), axis=-1).reshape(-1, 2)
(h, r), (h_plane, r_plane) = parts(model, points), parts(model, plane)
joint = Joint(1e-9).fit(lambda: iter([(h, r)]), len(points))
levels = {
    "‖r‖²: the residual alone": (r_plane**2).sum(axis=1) / (r**2).sum(axis=1).mean(),
    "Joint distance: code and residual": joint(h_plane, r_plane),
}
figure, pair = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
shades = [plt.get_cmap("Blues")(depth) for depth in (0.0, 0.12, 0.25, 0.4, 0.55)]
for axes, (title, D) in zip(pair, levels.items(), strict=True):
    axes.contourf(axis_1, axis_2, D.reshape(151, 201), [0, 2, 6, 14, 30, 1e9], colors=shades)
    axes.scatter(*points.T, s=6, color=INK)
    axes.scatter(*two_odd.T, s=45, color=COLOURS[2], edgecolor="white", zorder=3)
    for name, place in zip("AB", two_odd, strict=True):
        axes.text(*(place + 0.2), name, color=COLOURS[2], size=12, weight="bold")
    axes.set(title=title, aspect="equal")
    open_frame(axes)
A, B, normal = *joint(h_odd, r_odd), joint(h, r).max()
print(f"joint distance: A {A:.0f}, B {B:.0f}, largest of a normal point {normal:.0f}")
assert min(A, B) > normal

# %%
# The darker, the larger the distance. The bands of the left picture are open at both ends, and B lies within.
#
# The threshold
# -------------
#
# From which distance on is a row an anomaly? The distances of the training rows are too small: :math:`\mu` and
# :math:`S` were fitted to them. For :math:`n` Gaussian rows of :math:`d` features the mean of :math:`M^2` over the
# training rows is exactly :math:`d`. For a new row, :math:`S` and :math:`x - \mu` are independent. Two facts from
# textbooks of multivariate statistics are :math:`E[S^{-1}] = \frac{n}{n - d - 2} \Sigma^{-1}` for the true covariance
# :math:`\Sigma`, and :math:`\operatorname{Cov}(x - \mu) = (1 + \frac{1}{n}) \Sigma`. So
#
# .. math::
#     E\, M^2 = \operatorname{tr}\left( E[S^{-1}] \operatorname{Cov}(x - \mu) \right)
#     = \frac{n}{n - d - 2} \cdot \frac{n + 1}{n} \cdot d = \frac{d\, (n + 1)}{n - d - 2}
n, d, rng, means = 100, 29, np.random.default_rng(6), []
for _ in range(100):
    rows, new_rows = rng.normal(size=(n, d)), rng.normal(size=(1000, d))
    M2 = Mahalanobis(rows, 1e-9)
    means.append((M2(rows).mean(), M2(new_rows).mean()))
old, new = np.mean(means, axis=0)
expected = d * (n + 1) / (n - d - 2)
print(f"mean of M²: training rows {old:.2f}, new rows {new:.1f}, formula {expected:.1f}")
assert abs(old - 29) < 1e-3 and abs(new / expected - 1) < 0.03 and round(expected, 1) == 42.4

# %%
# 42.4 instead of 29. So a threshold needs rows that the fit has not seen. Let :math:`D_1, \dots, D_m` be the distances
# of :math:`m` such rows. A further normal row is one of :math:`m + 1` rows that are all alike, so it has every place in
# their order with the same probability: it exceeds the :math:`k`-th largest with probability :math:`k/(m + 1)`. This
# holds for every density of rows and every detector. ``AnomalyDetector`` chooses :math:`k` for the share that it is
# given, and gets unseen rows by *cross-fitting*: it leaves out one part of the rows after the other.
#
# Digits that do not belong
# -------------------------
#
# The eights of the training digits are normal, and all other test digits are anomalies. Every image is blurred by about
# one pixel, so that a shift by one pixel counts little, and scaled to length 10, so that the thickness of a pen does
# not count. The network 784-128-32-8 and back has tanh units. It gives four distances: :math:`\|r\|^2`
# (*reconstruction*), :math:`M^2(r)` (*residual*), :math:`M^2(h)` (*latent*) and the *joint* one. The *ROC-AUC* is the
# probability that an anomaly has a larger distance than a normal row: ½ by chance, 1 if they are separate.
#
# Fewer than 1,000 eights do not determine a covariance of 784 pixels. With ``shrinkage=0.95`` every eigenvalue becomes
# 5 % of itself plus 95 % of the mean of all.
digits = mnist(which="sample")
x_test, odd = prepared(digits.test_images), digits.test_labels != 8
eights = prepared(digits.train_images[digits.train_labels == 8])


def detector_of(distance, model, epochs=0, folds=0):
    """An AnomalyDetector of eights, for a share of 10 %."""
    how = {"contamination": 0.1, "shrinkage": 0.95, "standardize": False, "progress": "none"}
    how |= {"epochs": epochs, "folds": folds, "batch_size": 50, "learning_rate": 1e-3}
    return AnomalyDetector(model, distance, **how).fit(eights)


network = dense_autoencoder([784, 128, 32, 8], "tanh", "linear", "mse")
trained = detector_of("reconstruction", network, epochs=60)
detectors = {"reconstruction": trained}
for name in ("residual", "latent", "joint"):
    detectors[name] = detector_of(name, trained.model)
distances = {name: detector.distances(x_test) for name, detector in detectors.items()}
distances["M² of the pixels"] = Mahalanobis(eights, 0.95)(x_test)
auc = {name: roc_auc(odd, D) for name, D in distances.items()}
for name, value in auc.items():
    print(f"{name:18} ROC-AUC {value:.3f}")
larger = distances["joint"][odd][:, None] > distances["joint"][~odd]
assert abs(larger.mean() - auc["joint"]) < 1e-6  # all pairs of an anomaly and a normal row
assert 0.6 < auc["latent"] < 0.93 < min(auc["reconstruction"], auc["joint"])
assert abs(auc["joint"] - auc["M² of the pixels"]) < 0.03 and len(eights) < 1000

# %%
# The residual matters most: eight numbers of a network that knows eights only cannot express another digit. And
# :math:`M^2` of the pixels, the baseline without a network, is only a little behind. Compare every network with it.
#
# **The threshold, checked.** Cross-fitting with five parts, for a share of 10 %:
calibrated = detector_of("joint", network, epochs=40, folds=5)
beyond = {"new eights": x_test[~odd], "training rows": eights, "other digits": x_test[odd]}
for name, rows in beyond.items():
    beyond[name] = (calibrated.distances(rows) > calibrated.threshold).mean()
    print(f"beyond the threshold: {beyond[name]:.0%} of {name}")
deviation = np.sqrt(0.1 * 0.9 / (~odd).sum())
print(f"standard deviation of a share of 10 % among {(~odd).sum()} eights: {deviation:.1%}")
assert abs(beyond["new eights"] - 0.1) < 3 * deviation
assert beyond["training rows"] < 0.1 and beyond["other digits"] > 0.5

# %%
# Of the training rows fewer are beyond it, since the fit has seen them. The share of new eights is nearly two standard
# deviations above 10 %. That may be chance, and the test digits were written by other people.
#
# Which pixels are to blame?
# --------------------------
#
# Walk from the mean row :math:`x^0` to the row :math:`x` on a straight line. By the chain rule,
#
# .. math::
#     D(x) - D(x^0) = \int_0^1 \frac{d}{dt} D(x^0 + t(x - x^0))\, dt = \sum_j c_j, \qquad
#     c_j = (x_j - x^0_j) \int_0^1 \frac{\partial D}{\partial x_j}(x^0 + t(x - x^0))\, dt
#
# So the :math:`c_j` are *contributions* of single features that add up to the distance (Sundararajan, Taly & Yan 2017,
# "Axiomatic attribution for deep networks"). The integral is a sum over 16 points, each with one backward pass:
print(inspect.getsource(_integrated))
D, labels = distances["joint"], digits.test_labels
order = np.argsort(D)
chosen = [order[labels[order] == digit][-5] for digit in (0, 2, 3, 6, 7, 9)]
chosen.insert(0, order[labels[order] == 8][0])
shown = x_test[chosen]
c = detectors["joint"].contributions(shown)
D_mean = detectors["joint"].distances(eights.mean(axis=0, keepdims=True))[0]
off = np.abs(c.sum(axis=1) + D_mean - D[chosen]).max() / D.mean()
print(f"Σ c_j and D(x) − D(x⁰): largest difference {off:.0e} of a mean distance")
assert off < 1e-2

bound = np.percentile(np.abs(c), 99.5)
ink = {"cmap": "gray_r", "vmin": 0, "vmax": shown.max()}
contrast = {"cmap": "PuOr_r", "vmin": -bound, "vmax": bound}
rows = {"x": (shown, ink), "x̂": (trained.model.reconstruct(shown), ink)}
rows["contribution\nof each pixel"] = c, contrast
figure, lines = plt.subplots(3, len(shown), figsize=(9.5, 4.5), layout="constrained")
for line, (name, (images, options)) in zip(lines, rows.items(), strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(28, 28), **options)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
for axes, i in zip(lines[0], chosen, strict=True):
    axes.set_title(f"D = {D[i]:.0f}", size=10)


# %%
# Orange pixels make a digit odd, violet ones make it less odd. The first digit is the most ordinary eight.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_15.py``.
#
# **1. Whiten rows,** without the engine. Estimate :math:`\mu` and :math:`S` (a mean over :math:`N` rows, not
# :math:`N - 1`) from the rows themselves. Their mean may not be 0. Any rotation of :math:`u` is right too.
def whitened(x):
    """Returns u (N, d), with covariance I and ‖u‖² = M², of the rows x (N, d)."""


def check_whitened(answer):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 5
    (u,) = returned(answer(x), "u")
    assert np.shape(u) == (200, 4), f"u: expected the shape (200, 4), got {np.shape(u)}."
    mean = np.abs(np.mean(u, axis=0)).max()
    assert mean < 1e-9, f"u: expected the mean 0, got {mean:.3g} in one column."
    compare(np.cov(u.T, bias=True), covariance_of_u=np.eye(4))
    compare((u**2).sum(axis=1), squared_length_of_u=Mahalanobis(x, 1e-13)(x))


attempt(check_whitened, whitened)


# %%
# **2. Contributions to a Mahalanobis distance.** For :math:`D = M^2` and :math:`x^0 = \mu` the integral can be solved.
# Find :math:`\partial M^2/\partial x` on the way from :math:`\mu` to :math:`x` first.
def contributions_to_M2(x, mu, S):
    """Returns the c_j, (d,), of one row x (d,), for the mean μ and the covariance S (d, d)."""


def check_contributions_to_M2(answer):
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(100, 5)) @ rng.normal(size=(5, 5)) + 2
    M2, mu, S = Mahalanobis(rows, 1e-13), rows.mean(axis=0), np.cov(rows.T, bias=True)
    t, weights = np.polynomial.legendre.leggauss(4)
    for i, x in enumerate(rows[:3]):
        gradients = M2.gradient(mu + (1 + t[:, None]) / 2 * (x - mu))
        c = (x - mu) * (weights / 2 @ gradients)
        compare(answer(x, mu, S), f"row {i}", c=c)


attempt(check_contributions_to_M2, contributions_to_M2)


# %%
# Next: chapter 16 looks below the formulas, at the machine that computes them.
plt.show()
