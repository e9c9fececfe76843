r"""Chapter 15. Anomalies: residuals, codes, and the Mahalanobis distance
======================================================================

An autoencoder of normal data reconstructs what it knows. A row that it reconstructs badly is an anomaly. Is that all?
A row may be reconstructed well and still be far from all others. This chapter derives a distance for both, and proves
what the two add up to if the network is linear: the Mahalanobis distance, a detector without any network. So we
know what a network must beat. Then it looks for digits that do not belong.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.anomaly import prepared
from demos.figures.canvas import bare, open_frame
from demos.palette import COLOURS, INK
from npae import dense_autoencoder, fit, mnist
from npae.anomaly import AnomalyDetector, Mahalanobis, roc_auc
from npae.anomaly.contributions import _integrated
from npae.anomaly.distances import Joint
from npae.gradcheck import check_gradient
from npae.optim import Adam

# %%
# Two ways to be odd
# ------------------
#
# Points in the plane, mostly along a line, and the linear autoencoder 2-1-2 of chapter 2, which projects on this line.
# A row :math:`x` gets the code :math:`h = f(x)` and the *residual* :math:`r = x - g(h)`.
rng = np.random.default_rng(0)
points = rng.normal(size=(300, 2)) @ np.array([[1.6, 0.9], [0.1, -0.18]])
points -= points.mean(axis=0)
two_odd = np.array([[-0.8, 1.6], [7.2, 4.0]])
model = dense_autoencoder([2, 1], "linear", "linear", "mse", dtype="float64")
fit(model, points, epochs=200, batch_size=300, optimizer=Adam(0.05), schedule="cosine", progress="none")


def parts(model, x):
    """Code and residual of every row."""
    h = model.encode(x)
    return h, x - model.decode(h)


h, r = parts(model, points)
h_odd, r_odd = parts(model, two_odd)
sizes = np.linalg.norm(r_odd, axis=1) / np.linalg.norm(r, axis=1).max()
print(f"residuals, relative to the largest of a normal point: A {sizes[0]:.1f}, B {sizes[1]:.1f}")
print("codes, in standard deviations:", (np.abs(h_odd - h.mean(axis=0)) / h.std(axis=0)).round(1).ravel())
assert sizes[0] > 2 and sizes[1] < 0.5 and abs(h_odd[1] - h.mean()) > np.abs(h - h.mean()).max()

# %%
# A is away from the line: its residual shows it. B is on the line, and its residual is as small as that of a normal
# point. But its code is far from all others. So a distance needs both, each in units of what is usual for it.
#
# Whitening, and the Mahalanobis distance
# ---------------------------------------
#
# Let normal rows have the mean :math:`\mu` and the covariance :math:`S`, with orthonormal eigenvectors :math:`v_j`
# (columns of :math:`V`) and eigenvalues :math:`s_j > 0`. Divide each direction by its standard deviation, and turn
# back:
#
# .. math::
#     u = S^{-1/2} (x - \mu), \qquad S^{-1/2} = V \operatorname{diag}\left( \frac{1}{\sqrt{s_j}} \right) V^T
#
# The *whitened* rows :math:`u` are uncorrelated and have the variance 1:
# :math:`\operatorname{Cov} u = S^{-1/2} S\, S^{-1/2} = I`. Their squared length is the squared *Mahalanobis distance*
#
# .. math::
#     M^2(x) = \|u\|^2 = (x - \mu)^T S^{-1} (x - \mu) = \sum_j \frac{(v_j^T (x - \mu))^2}{s_j}
#
# For a normal density :math:`-2 \ln p(x) = M^2(x) + \text{a constant}`: equal distance is equal density. And on the
# rows that gave :math:`\mu` and :math:`S`, its mean is their number of features :math:`d`:
# :math:`E\, \|u\|^2 = \operatorname{tr} \operatorname{Cov} u = \operatorname{tr} I = d`.
#
# Two facts that we need below. *No units:* for an invertible matrix :math:`A` and :math:`y = Ax` the covariance is
# :math:`A S A^T`, and
#
# .. math::
#     M^2(y) = (x - \mu)^T A^T (A S A^T)^{-1} A\, (x - \mu) = (x - \mu)^T S^{-1} (x - \mu) = M^2(x)
#
# *Parts:* if :math:`y` and :math:`w` are uncorrelated, the covariance of :math:`[y, w]` has two blocks, and so has its
# inverse. Then :math:`M^2([y, w]) = M^2(y) + M^2(w)`.
#
# The engine adds a little of the mean eigenvalue to all of them, so that no :math:`s_j` is 0. ``scale`` has the
# :math:`1/\sqrt{s_j}`; ``rest`` serves directions in which the rows do not vary at all.
print(inspect.getsource(Mahalanobis.__call__))
print(inspect.getsource(Mahalanobis.root))

table = np.random.default_rng(1).normal(size=(500, 6)) @ np.random.default_rng(2).normal(size=(6, 6)) + 3
S = np.cov(table.T, bias=True)
M2, deviation = Mahalanobis(table, 1e-12), table - table.mean(axis=0)
closed_form = (deviation * np.linalg.solve(S, deviation.T).T).sum(axis=1)
u = M2.whiten(table)
checks = {
    "M² and its formula": np.abs(M2(table) / closed_form - 1).max(),
    "covariance of u and I": np.abs(np.cov(u.T, bias=True) - np.eye(6)).max(),
    "mean of M² and d": abs(M2(table).mean() - 6),
    "∂M²/∂x": check_gradient(lambda: float(M2(table).sum()), {"x": (table, M2.gradient(table))}),
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
#     M^2(x) = \sum_{j \le k} \frac{(x\, v_j)^2}{s_j} + \sum_{j > k} \frac{(x\, v_j)^2}{s_j}
#
# The numbers :math:`x\, v_j` with :math:`j \le k` are an invertible linear function of the code (no units), and the
# first sum is their :math:`M^2`: the squared length of the *whitened code*. The residual :math:`r = x(I - P)` has the
# parts :math:`x\, v_j` with :math:`j > k` and no others; the second sum is its :math:`M^2`. Both parts are
# uncorrelated, so their distances add up. That ends the proof. Compare the reconstruction error
# :math:`\|r\|^2 = \sum_{j > k} (x\, v_j)^2`: it leaves out the first sum, and weighs all directions of the second
# alike.
#
# **If the network is not trained,** or has any other weights :math:`W, V`, code and residual are correlated. Taken
# together they still give the same. :math:`[h, r] = xA` for a matrix :math:`A` with more columns than rows, and nothing
# is lost, since :math:`x = hV + r`. Write :math:`x = w S^{1/2}` and :math:`B = S^{1/2} A`, whose rows are independent.
# The covariance :math:`A^T S A = B^T B` has no inverse, so take the pseudo-inverse :math:`(B^T B)^+`, which inverts it
# in the directions that occur. Independent rows have :math:`B (B^T B)^+ B^T = I`, since :math:`BB^T` has an inverse and
# :math:`(B^T B)^+ = B^T (B B^T)^{-2} B`. So
#
# .. math::
#     M^2([h, r]) = x A\, (A^T S A)^+ A^T x^T = w\, B\, (B^T B)^+ B^T w^T = w\, w^T = x\, S^{-1} x^T = M^2(x)
#
# This is the engine's *joint* distance: the whitened code beside the residual, :math:`M^2([u, r/\rho])`. The scale
# :math:`\rho` changes nothing here (no units). It matters for the small term that is added to the eigenvalues.
print(inspect.getsource(Joint._together))
print(inspect.getsource(Joint.__call__))

k, x = 2, table - table.mean(axis=0)
exact = M2(table)
v = np.linalg.eigh(S)[1][:, ::-1]
mixing = np.random.default_rng(3).normal(size=(k, k))
networks = {
    "trained": (v[:, :k] @ mixing, np.linalg.inv(mixing) @ v[:, :k].T),
    "random": (np.random.default_rng(4).normal(size=(6, k)), np.random.default_rng(5).normal(size=(k, 6))),
}
found = {}
for name, (W, V) in networks.items():
    h, r = x @ W, x - x @ W @ V
    joint = Joint(1e-10).fit(lambda h=h, r=r: iter([(h, r)]), len(x))
    _, lengths, directions = np.linalg.svd(r, full_matrices=False)
    within = r @ directions[lengths > 1e-9 * lengths[0]].T  # the residuals, in the directions that they can have
    added = Mahalanobis(h, 1e-12)(h) + Mahalanobis(within, 1e-12)(within)
    found[name] = np.abs(joint(h, r) / exact - 1).max(), np.abs(added / exact - 1).max()
    print(f"{name} weights, difference from M²(x): joint {found[name][0]:.0e}, code + residual {found[name][1]:.0e}")
assert max(found["trained"]) < 1e-6 and found["random"][0] < 1e-6 and found["random"][1] > 0.1

# %%
# The consequence: whatever an autoencoder detects beyond :math:`M^2(x)`, which is six lines of linear algebra, is due
# to its activation functions.
figure, pair = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharex=True, sharey=True)
plane = np.stack(np.meshgrid(np.linspace(-6.3, 8.5, 201), np.linspace(-4, 5, 151)), axis=-1)
h_plane, r_plane = parts(model, plane.reshape(-1, 2))
h_points, r_points = parts(model, points)
joint = Joint(1e-9).fit(lambda: iter([(h_points, r_points)]), len(points))
levels = {"‖r‖²: the residual alone": (r_plane**2).sum(axis=1) / (r_points**2).sum(axis=1).mean(),
          "Joint distance: code and residual": joint(h_plane, r_plane)}  # fmt: skip
for axes, (title, D) in zip(pair, levels.items(), strict=True):
    axes.contourf(*plane.transpose(2, 0, 1), D.reshape(plane.shape[:2]), levels=[0, 2, 6, 14, 30, 1e9],
                  colors=[plt.get_cmap("Blues")(c) for c in (0.0, 0.12, 0.25, 0.4, 0.55)])  # fmt: skip
    axes.scatter(*points.T, s=6, color=INK)
    axes.scatter(*two_odd.T, s=45, color=COLOURS[2], edgecolor="white", zorder=3)
    for name, place in zip("AB", two_odd, strict=True):
        axes.annotate(name, place, (8, 4), textcoords="offset points", color=COLOURS[2], weight="bold", size=12)
    axes.set(title=title, aspect="equal", xlim=(-6.3, 8.5), ylim=(-4, 5))
    open_frame(axes)
D_points, D_odd = joint(h_points, r_points), joint(h_odd, r_odd)
print(f"joint distance: A {D_odd[0]:.0f}, B {D_odd[1]:.0f}, largest of a normal point {D_points.max():.0f}")
assert D_odd.min() > D_points.max()

# %%
# The darker, the larger the distance. The bands of the left picture are open at both ends, and B lies within.
#
# The threshold
# -------------
#
# From which distance on is a row an anomaly? The distances of the training rows are too small: :math:`\mu` and
# :math:`S` were fitted to them. For :math:`n` rows of :math:`d` normal features the mean of :math:`M^2` over the
# training rows is exactly :math:`d`. For a new row, :math:`S` and :math:`x - \mu` are independent. Two facts from
# textbooks of multivariate statistics are :math:`E[S^{-1}] = \frac{n}{n - d - 2} \Sigma^{-1}` for the true covariance
# :math:`\Sigma`, and :math:`\operatorname{Cov}(x - \mu) = (1 + \frac{1}{n}) \Sigma`. So
#
# .. math::
#     E\, M^2 = \operatorname{tr}\left( E[S^{-1}] \operatorname{Cov}(x - \mu) \right)
#     = \frac{n}{n - d - 2} \cdot \frac{n + 1}{n} \cdot d = \frac{d\, (n + 1)}{n - d - 2}
n, d, rng = 100, 29, np.random.default_rng(6)
of_training, of_new = [], []
for _ in range(100):
    rows = rng.normal(size=(n, d))
    M2 = Mahalanobis(rows, 1e-9)
    of_training.append(M2(rows).mean())
    of_new.append(M2(rng.normal(size=(1000, d))).mean())
expected = d * (n + 1) / (n - d - 2)
print(f"n = 100, d = 29: training rows {np.mean(of_training):.2f}; new rows {np.mean(of_new):.1f}, by the formula "
      f"{expected:.1f}")  # fmt: skip
assert abs(np.mean(of_training) - 29) < 1e-3 and abs(np.mean(of_new) / expected - 1) < 0.03
assert round(expected, 1) == 42.4

# %%
# 42.4 instead of 29. So a threshold needs rows that the fit has not seen. Let :math:`D_1, \dots, D_m` be the distances
# of :math:`m` such rows. A further normal row is one of :math:`m + 1` that are all alike, so its place in their order
# is equally likely everywhere: it exceeds the :math:`k`-th largest with probability :math:`k/(m + 1)`. This holds for
# every density of rows and every detector. ``AnomalyDetector`` chooses :math:`k` for the share that it is given, and
# gets unseen rows by *cross-fitting*: it leaves out one part of the rows after the other.
#
# Digits that do not belong
# -------------------------
#
# Normal are the eights of the training digits, anomalies all other test digits. Two things are done to every image
# before: it is blurred by about one pixel, so that a shift by one pixel counts little,
# and scaled to length 10, so that the thickness of a pen does not count. The network 784-128-32-8 and back has tanh
# units. The *ROC-AUC* is the probability that an anomaly has a larger distance than a normal row: ½ by chance, 1 if
# they are separate.
digits = mnist(which="sample")
x, x_test = (prepared(images.reshape(-1, 784)) for images in (digits.train_images, digits.test_images))
eights, odd = x[digits.train_labels == 8], digits.test_labels != 8


def detector_of(distance, model, epochs=0, folds=0):
    """An AnomalyDetector of eights."""
    return AnomalyDetector(model, distance, contamination=0.1, shrinkage=0.95, standardize=False, epochs=epochs,
                           folds=folds, batch_size=50, learning_rate=1e-3, progress="none").fit(eights)  # fmt: skip


network = dense_autoencoder([784, 128, 32, 8], "tanh", "linear", "mse")
trained = detector_of("reconstruction", network, epochs=60)
detectors = {"reconstruction": trained} | {
    distance: detector_of(distance, trained.model) for distance in ("residual", "latent", "joint")
}
pixels = Mahalanobis(eights, 0.95)
distances = {name: detector.distances(x_test) for name, detector in detectors.items()}
distances["M² of the pixels"] = pixels(x_test)
auc = {name: roc_auc(odd, D) for name, D in distances.items()}
for name, value in auc.items():
    print(f"{name:18} ROC-AUC {value:.3f}")
larger = distances["joint"][odd][:, None] > distances["joint"][~odd]
assert abs(larger.mean() - auc["joint"]) < 1e-6  # all pairs of an anomaly and a normal row
assert auc["latent"] > 0.6 and min(auc["reconstruction"], auc["joint"]) > max(0.93, auc["latent"])
assert abs(auc["joint"] - auc["M² of the pixels"]) < 0.03

# %%
# Most of it is in the residual. A code alone knows little of what it cannot express. And :math:`M^2` of the pixels, the
# baseline without a network, is only a little behind: the network must be measured against it. ``shrinkage=0.95`` makes
# the directions nearly equal in weight, since fewer than 1,000 eights do not determine a covariance of 784 pixels.
assert len(eights) < 1000

# %%
# **The threshold, checked.** Cross-fitting with five parts, for a share of 10 %:
calibrated = detector_of("joint", network, epochs=40, folds=5)
flagged = (calibrated.distances(x_test[~odd]) > calibrated.threshold).mean()
on_training = (calibrated.distances(eights) > calibrated.threshold).mean()
caught = (calibrated.distances(x_test[odd]) > calibrated.threshold).mean()
print(f"beyond the threshold: {flagged:.0%} of new eights, {on_training:.0%} of the training rows, "
      f"{caught:.0%} of other digits")  # fmt: skip
assert 0.03 < flagged < 0.2 and caught > 0.5

# %%
# Which pixels are to blame?
# --------------------------
#
# :math:`D` is a function of the row. Walk from the mean row :math:`x^0` to :math:`x` on a straight line. By the chain
# rule,
#
# .. math::
#     D(x) - D(x^0) = \int_0^1 \frac{d}{dt} D(x^0 + t(x - x^0))\, dt = \sum_j c_j, \qquad
#     c_j = (x_j - x^0_j) \int_0^1 \frac{\partial D}{\partial x_j}(x^0 + t(x - x^0))\, dt
#
# So the :math:`c_j` are *contributions* of single features that add up to the distance (Sundararajan, Taly & Yan 2017,
# "Axiomatic attribution for deep networks"). The integral is a sum over 16 points, each with one backward pass:
print(inspect.getsource(_integrated))
order = np.argsort(-distances["joint"])
chosen = [next(i for i in order[10:] if digits.test_labels[i] == digit) for digit in (0, 2, 3, 6, 7, 9)]
usual = [i for i in order[::-1] if not odd[i]][:1]
shown = x_test[usual + chosen]
c = detectors["joint"].contributions(shown)
D_mean = detectors["joint"].distances(eights.mean(axis=0, keepdims=True))[0]
off = np.abs(c.sum(axis=1) + D_mean - detectors["joint"].distances(shown)).max() / distances["joint"].mean()
print(f"sum of contributions and D(x) − D(x⁰): largest difference {off:.0e} of a mean distance")
assert off < 1e-2

figure, lines = plt.subplots(3, len(shown), figsize=(9.5, 4.5), layout="constrained")
bound = np.percentile(np.abs(c), 99.5)
for column, image, reconstruction, own in zip(lines.T, shown, trained.model.reconstruct(shown), c, strict=True):
    for axes, values, options in ((column[0], image, {"cmap": "gray_r", "vmin": 0, "vmax": shown.max()}),
                                  (column[1], reconstruction, {"cmap": "gray_r", "vmin": 0, "vmax": shown.max()}),
                                  (column[2], own, {"cmap": "PuOr_r", "vmin": -bound, "vmax": bound})):  # fmt: skip
        axes.imshow(values.reshape(28, 28), **options)
        bare(axes)
for axes, i in zip(lines[0], usual + chosen, strict=True):
    axes.set_title(f"D = {distances['joint'][i]:.0f}", size=10)
for axes, name in zip(lines[:, 0], ("x", "x̂", "contribution\nof each pixel"), strict=True):
    axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)

figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
edges = np.geomspace(distances["joint"].min(), distances["joint"].max(), 60)
for some, colour, name in ((~odd, COLOURS[0], "eights"), (odd, COLOURS[2], "other digits")):
    density, _ = np.histogram(distances["joint"][some], edges)
    density = density / density.sum()
    axes.stairs(density, edges, fill=True, color=colour, alpha=0.4)
    peak = density.argmax()
    axes.annotate(name, (edges[peak], density[peak]), (0, 5), textcoords="offset points", color=colour, ha="center")
axes.set(xscale="log", xlabel="joint distance of test digits", ylabel="share of the digits",
         title=f"A detector of eights: ROC-AUC {auc['joint']:.2f}")  # fmt: skip
axes.margins(y=0.15)
open_frame(axes)


# %%
# Orange pixels make a digit odd, violet ones make it less odd. The first digit is the most ordinary eight.
#
# Exercises
# ---------
#
# **1.** Whiten rows, without the engine.
def whitened(x):
    """Rows u with covariance I whose squared lengths are M² of the rows x, whose mean may not be 0."""


def check_whitened(answer):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 5
    u = answer(x)
    assert np.shape(u) == (200, 4), f"expected rows of shape (200, 4), got {np.shape(u)}"
    np.testing.assert_allclose(np.mean(u, axis=0), 0, atol=1e-9, err_msg="expected rows of mean 0")
    np.testing.assert_allclose(np.cov(u.T, bias=True), np.eye(4), atol=1e-9, err_msg="expected the covariance I")
    np.testing.assert_allclose((u**2).sum(axis=1), Mahalanobis(x, 1e-13)(x), rtol=1e-6, err_msg="expected ‖u‖² = M²")


# %%
# **2.** For :math:`M^2` itself the integral of the contributions can be solved. What is :math:`c_j`, for
# :math:`x^0 = \mu`?
def contributions_to_M2(x, mu, S):
    """c_j of one row x (d,), for the mean μ (d,) and the covariance S (d, d)."""


def check_contributions_to_M2(answer):
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(100, 5)) @ rng.normal(size=(5, 5)) + 2
    M2, mu, S = Mahalanobis(rows, 1e-13), rows.mean(axis=0), np.cov(rows.T, bias=True)
    t, weights = np.polynomial.legendre.leggauss(4)
    for x in rows[:3]:
        slopes = M2.gradient(mu + (1 + t[:, None]) / 2 * (x - mu))
        expected = (x - mu) * (weights[:, None] / 2 * slopes).sum(axis=0)
        np.testing.assert_allclose(answer(x, mu, S), expected, rtol=1e-6, atol=1e-9, err_msg="c")


# %%
# Next: chapter 16 looks below the formulas, at the machine that computes them.
plt.show()
