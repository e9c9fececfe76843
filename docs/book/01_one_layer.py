r"""Chapter 1. One dense layer, and how to know that its gradient is right
======================================================================

A formula for a gradient can be wrong in ways that no error message shows: a missing factor, a forgotten term. The
program runs, and learns badly. This chapter derives the gradient of one layer and of the squared error, checks it by
finite differences, and breaks it on purpose. How exact can such a check be? We derive that, too: its error falls with
the square of the step, until rounding takes over.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import open_frame
from demos.from_scratch import autoencoder as page
from demos.palette import COLOURS, GREY, INK
from npae.gradcheck import GradientError, check_gradient, check_layer, check_loss
from npae.layers import Dense
from npae.losses import SquaredError
from npae.losses.squared_error import _gradient

# %%
# The layer
# ---------
#
# A batch :math:`x` has B rows of :math:`n` numbers. A *dense* layer, in which every unit uses every input, has weights
# :math:`W` of shape :math:`(n, m)` and biases :math:`b` of shape :math:`(m,)` for :math:`m` units, and returns
#
# .. math::
#     a_{ij} = \sum_k x_{ik} W_{kj} + b_j, \qquad h_{ij} = \varphi(a_{ij})
#
# Suppose that a number :math:`J` depends on :math:`h`, and that :math:`\partial J/\partial h_{ij}`, written
# :math:`dh_{ij}`, is known. The chain rule adds up all ways in which a number acts on :math:`J`.
#
# **Weights.** :math:`W_{kj}` acts on :math:`a_{ij}` for every row :math:`i`, but only on column :math:`j`. So
#
# .. math::
#     da_{ij} &= dh_{ij}\, \varphi'(a_{ij}) & da &= dh \odot \varphi'(a) \\
#     dW_{kj} &= \sum_i da_{ij} \frac{\partial a_{ij}}{\partial W_{kj}} = \sum_i x_{ik}\, da_{ij} & dW &= x^T da
#
# :math:`\odot` is the product number by number. The sum :math:`\sum_i x_{ik}\, da_{ij}` runs over the *first* index of
# both. A matrix product runs over the second index of its first factor. Hence the transpose.
#
# **Biases and input.** :math:`b_j` acts on :math:`a_{ij}` for every row; :math:`x_{ik}` on :math:`a_{ij}` for every
# unit :math:`j`:
#
# .. math::
#     db_j = \sum_i da_{ij}, \qquad\qquad dx_{ik} = \sum_j da_{ij} W_{kj}, \quad dx = da\, W^T
#
# The shapes leave no choice: :math:`dW` is :math:`(n, m)` like :math:`W`, and from :math:`x` with :math:`(B, n)` and
# :math:`da` with :math:`(B, m)` only :math:`x^T da` has this shape. This is how the engine computes it. ``cache`` is
# what the forward pass has kept. ``add_product`` adds a product to the gradient of ``W`` and, by ``right_sum``, the sum
# of the rows of ``da`` to that of ``b``. ``matmul`` writes a product into a new array. A first layer needs no ``dx``.
print(inspect.getsource(Dense.backward))

# %%
# The loss
# --------
#
# The squared error of one row is half its squared distance from a target row, and :math:`J` is the mean over the batch:
#
# .. math::
#     J = \frac{1}{B} \sum_i \tfrac{1}{2} \sum_j (h_{ij} - y_{ij})^2, \qquad
#     dh_{ij} = \frac{1}{B}\, \tfrac{1}{2} \cdot 2\, (h_{ij} - y_{ij}) = \frac{1}{B} (h_{ij} - y_{ij})
#
# The engine computes the gradient first, and :math:`J` from it: the gradient is the error divided by B, so the sum of
# all squared errors is B² times the sum of its squares. Its names are :math:`\hat x` for the prediction and :math:`x`
# for the target, since an autoencoder predicts its input. ``@elementwise`` only makes a formula faster, ``check_pair``
# compares the shapes, and ``dot`` is the inner product of the array as one ``flat`` row.
print(inspect.getsource(_gradient.plain))
print(inspect.getsource(SquaredError.value_and_gradient))

# %%
# The whole gradient, once by the engine and once by the page of chapter 0. They agree up to rounding.
rng = np.random.default_rng(0)
x, y = rng.normal(size=(20, 5)), rng.uniform(-0.9, 0.9, (20, 3))
layer, loss = Dense(5, 3, "tanh").initialize(seed=1, dtype="float64"), SquaredError()
W, b = layer.W.value, layer.b.value
b[:] = rng.normal(size=3) / 2


def objective():
    """J of the layer with its present W and b."""
    h, _ = layer.forward(x)
    return float(loss.value_and_gradient(h, y)[0])


def gradients():
    """(∂J/∂W, ∂J/∂b) by the engine."""
    h, cache = layer.forward(x, training=True)
    _, dh = loss.value_and_gradient(h, y)
    with layer.theta.fresh_grad():  # begin with gradients of 0
        layer.backward(dh, cache)
    return layer.W.grad.copy(), layer.b.grad.copy()


dW, db = gradients()
twin = page.Dense(5, 3, (np.tanh, lambda h: 1 - h**2), rng)
twin.W, twin.b = W, b
twin.backward((twin.forward(x) - y) / len(x))
largest = max(np.abs(dW - twin.dW).max(), np.abs(db - twin.db).max())
print(f"largest difference of engine and page: {largest:.0e}")
assert largest < 1e-15

# %%
# Finite differences
# ------------------
#
# Take a direction :math:`u` of length 1 in the space of all parameters, and move along it: :math:`J(s)` is the
# objective at :math:`\theta + s u`. Its derivative at :math:`s = 0` is what the gradient claims,
# :math:`J' = \sum_k g_k u_k`. By Taylor's formula,
#
# .. math::
#     J(\pm\varepsilon) = J \pm \varepsilon J' + \tfrac{\varepsilon^2}{2} J'' \pm \tfrac{\varepsilon^3}{6} J''' + \dots
#
# The difference of the two signs has no even terms left. So the *central* difference is off by a term of second order,
# while the *one-sided* difference is off by one of first order:
#
# .. math::
#     \frac{J(\varepsilon) - J(-\varepsilon)}{2\varepsilon} = J' + \tfrac{\varepsilon^2}{6} J''' + \dots, \qquad
#     \frac{J(\varepsilon) - J(0)}{\varepsilon} = J' + \tfrac{\varepsilon}{2} J'' + \dots
#
# So a small :math:`\varepsilon` is good. But a computer rounds. A number in float64 has 53 binary digits, so that
# :math:`J` is known up to about :math:`2^{-53} J = 1.1 \cdot 10^{-16} J`. The error of the difference
# :math:`J(\varepsilon) - J(-\varepsilon)` is up to twice that, and is divided by :math:`2\varepsilon`. So the central
# difference has an error :math:`E`, which is least where its derivative is 0:
#
# .. math::
#     E(\varepsilon) \approx \tfrac{\varepsilon^2}{6} |J'''| + \frac{2^{-53} J}{\varepsilon}, \qquad
#     E'(\varepsilon) = \tfrac{\varepsilon}{3} |J'''| - \frac{2^{-53} J}{\varepsilon^2} = 0 \quad\text{at}\quad
#     \varepsilon_* = \left( \frac{3 \cdot 2^{-53} J}{|J'''|} \right)^{1/3}
#
# To predict this curve, we need :math:`J'''` along :math:`u`. Let :math:`U, v` be the parts of :math:`u` that belong to
# :math:`W, b`. Then :math:`x(W + sU) + b + sv = a + s a'` with :math:`a' = x U + v`, so that :math:`a'' = 0`. For
# :math:`\varphi = \tanh` we have :math:`\varphi' = 1 - h^2`, :math:`\varphi'' = -2h\varphi'`, and
# :math:`\varphi''' = -2\varphi'^2 - 2h\varphi'' = \varphi'(6h^2 - 2)`. The first three derivatives along the line, of
# :math:`h` and then of :math:`\frac{1}{2} (h - y)^2`, are
#
# .. math::
#     h' = \varphi' a', \quad h'' = \varphi'' a'^2, \quad h''' = \varphi''' a'^3; \qquad
#     (h - y) h', \quad h'^2 + (h - y) h'', \quad 3 h' h'' + (h - y) h'''
#
# Their sums over the units, and means over the batch, are :math:`J', J'', J'''`.
U, v = rng.normal(size=(5, 3)), rng.normal(size=3)
length = np.sqrt((U**2).sum() + (v**2).sum())
U, v = U / length, v / length
h, a_1 = np.tanh(x @ W + b), x @ U + v
phi_1 = 1 - h**2  # φ′; and below, h_1, h_2, h_3 are h′, h″, h‴ along the line
h_1, h_2, h_3 = phi_1 * a_1, -2 * h * phi_1 * a_1**2, phi_1 * (6 * h**2 - 2) * a_1**3
terms = (h - y) * h_1, h_1**2 + (h - y) * h_2, 3 * h_1 * h_2 + (h - y) * h_3
J_1, J_2, J_3 = [float(term.sum() / len(x)) for term in terms]
claimed = float((dW * U).sum() + (db * v).sum())
print(f"J = {objective():.6f}   J′ = {J_1:.6f}, claimed {claimed:.6f}")
print(f"J″ = {J_2:.6f}   J‴ = {J_3:.6f}")
assert abs(claimed - J_1) < 1e-14 and f"{2.0**-53:.1e}" == "1.1e-16"


def J_at(s):
    """J(θ + s u)."""
    W_before, b_before = W.copy(), b.copy()
    W[...], b[...] = W_before + s * U, b_before + s * v
    J = objective()
    W[...], b[...] = W_before, b_before
    return J


steps = np.logspace(-12, 0, 145)
central = np.array([abs((J_at(e) - J_at(-e)) / (2 * e) - claimed) for e in steps])
one_sided = np.array([abs((J_at(e) - objective()) / e - claimed) for e in steps])
truncation, rounding = steps**2 / 6 * abs(J_3), 2.0**-53 * objective() / steps
best = (3 * 2.0**-53 * objective() / abs(J_3)) ** (1 / 3)
least = best**2 / 6 * abs(J_3) + 2.0**-53 * objective() / best
print(f"best step {best:.1e}, predicted error there {least:.0e}")
middle = (steps > 1e-4) & (steps < 1e-2)  # where truncation alone counts
assert np.abs(central[middle] / truncation[middle] - 1).max() < 1e-2
assert (central[steps < 1e-7] < 8 * rounding[steps < 1e-7]).all() and 1e-6 < best < 1e-4

# %%
# The picture shows both halves of the formula. Nothing was fitted: the dashed lines are
# :math:`\frac{\varepsilon^2}{6}|J'''|` and :math:`2^{-53} J/\varepsilon`, computed above. ``npae.gradcheck`` steps by
# :math:`10^{-5}`, near the lowest point. A gradient that is 1 % too large has an error that no :math:`\varepsilon`
# makes smaller, more than six powers of ten above that of the right one. This distance makes the check reliable.
assert 0.01 * abs(claimed) > 1e6 * abs((J_at(1e-5) - J_at(-1e-5)) / 2e-5 - claimed)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(2, 3), layout="constrained")
s = np.linspace(-2.2, 2.2, 100)
left.plot(s, [J_at(value) for value in s], color=INK)
left.plot(s, objective() + claimed * s, color=COLOURS[0])
left.plot([-1, 1], [J_at(-1), J_at(1)], "o-", color=COLOURS[2])
left.set(xlabel="s, the way along u", ylabel="J(θ + s u)", ylim=(0.75, None), title="Slopes: claimed and measured")
left.annotate("claimed by\nthe gradient", (1.6, objective() + claimed * 1.6), (8, -16), textcoords="offset points",
              color=COLOURS[0], ha="center", va="top")  # fmt: skip
left.text(-0.4, 1, "measured,\nε = 1", color=COLOURS[2], ha="center")
lines = ((truncation, GREY, "--"), (rounding, GREY, "--"), (one_sided, COLOURS[6], "-"), (central, COLOURS[2], "-"),
         (np.full_like(steps, 0.01 * abs(claimed)), COLOURS[4], "-"))  # fmt: skip
for error, colour, style in lines:
    right.loglog(steps, np.maximum(error, 1e-18), style, color=colour, lw=1.3)
for text, place, colour in (
    ("central difference", (3e-4, 2e-11), COLOURS[2]), ("one-sided difference", (3e-9, 1e-5), COLOURS[6]),
    ("a gradient that is 1 % too large", (1e-12, 0.015 * abs(claimed)), COLOURS[4]),
    ("ε² |J‴| / 6", (1.5e-9, 1e-14), GREY), ("2⁻⁵³ J / ε", (1e-2, 3e-14), GREY),
):  # fmt: skip
    right.annotate(text, place, color=colour)
right.axvline(best, color=GREY, lw=0.8, ls=":")
right.annotate("best ε", (best, 1e-15), (4, 5), textcoords="offset points", color=INK)
right.set(xlabel="ε", ylabel="|measured − claimed slope|", ylim=(1e-15, 1), title="The error of a finite difference")
for axes in (left, right):
    open_frame(axes)

# %%
# The check, and four broken gradients
# ------------------------------------
#
# ``check_layer`` and ``check_loss`` do this in five random directions, over input and parameters together. A layer has
# no :math:`J` of its own; the check takes :math:`J = \sum_{ij} R_{ij} h_{ij}` with random numbers :math:`R`, so that
# :math:`dh = R`. ``check_gradient`` does it for any function and any arrays.
print(f"layer: {check_layer(layer, x):.0e}   loss: {check_loss(loss, h, y):.0e}")

dh = (h - y) / len(x)
da, wrong = dh * (1 - h**2), dh * (1 - np.arctanh(h) ** 2)
broken = {
    "φ′ forgotten": (x.T @ dh, dh.sum(axis=0)),
    "1/B forgotten": (len(x) * x.T @ da, len(x) * da.sum(axis=0)),
    "bias as a mean": (x.T @ da, da.mean(axis=0)),
    "1 − a² in place of 1 − h²": (x.T @ wrong, wrong.sum(axis=0)),
}
for name, (dW, db) in broken.items():
    try:
        check_gradient(objective, {"W": (W, dW), "b": (b, db)})
    except GradientError as refusal:
        print(f"{name}: {refusal}\n")
    else:
        raise AssertionError(f"{name}: the check must refuse this gradient")


# %%
# Each message names the worst number. Without the check, all four programs run without an error.
#
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_01.py``.
#
# **1. The backward pass of a sigmoid layer.** Let :math:`h = \sigma(xW + b)`, where :math:`\varphi' = h(1 - h)`. Given
# :math:`dh`, find the derivatives of :math:`J` by the input and by the parameters.
def sigmoid_layer_backward(dh, x, W, h):
    """Returns (dx, dW, db), from dh and h (B, m), x (B, n) and W (n, m)."""


def check_sigmoid_layer_backward(answer):
    rng = np.random.default_rng(5)
    x, W, b, R = (rng.normal(size=shape) for shape in ((4, 5), (5, 3), (3,), (4, 3)))

    def J():
        return (R * page.sigmoid(x @ W + b)).sum()  # so dh = R

    found = answer(R, x, W, page.sigmoid(x @ W + b))
    compare(found, dx=slopes(J, x), dW=slopes(J, W), db=slopes(J, b))


attempt(check_sigmoid_layer_backward, sigmoid_layer_backward)


# %%
# **2. The best step of the one-sided difference.** Given :math:`J` and :math:`J''` along the direction, write the error
# of :math:`(J(\varepsilon) - J(0))/\varepsilon` as a sum of two terms, of truncation and of rounding. For which
# :math:`\varepsilon` is it smallest?
def best_one_sided_step(J, J_2):
    """Returns ε, a number, from the numbers J > 0 and J_2 = |J″|, in float64."""


def check_best_one_sided_step(answer):
    tried = np.geomspace(1e-12, 1, 100_001)
    for J, J_2 in ((1.0, 1.0), (0.3, 25.0), (200.0, 0.7)):
        error = tried / 2 * J_2 + 2 * 2.0**-53 * J / tried
        best = tried[error.argmin()]
        compare(answer(J, J_2), f"J = {J} and J″ = {J_2}", rtol=1e-3, ε=best)


attempt(check_best_one_sided_step, best_one_sided_step)


# %%
# Next: chapter 2 makes an autoencoder of two such layers, without any bend, and proves what it must learn.
plt.show()
