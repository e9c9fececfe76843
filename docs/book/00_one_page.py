r"""Chapter 0. One page: an autoencoder in NumPy
============================================

An autoencoder is a function that makes a short code from its input, and the input again from the code. How does a
program find such a function? This chapter reads ``demos/from_scratch/autoencoder.py``, one page of NumPy, line by
line: the model, the objective, the derivatives, a check of them, and the training. You need matrices and derivatives
of functions of one variable. Every later chapter takes one part of this page, and reads the lines that do the same in
the package npae, the *engine*. The page trains in a few seconds: ``python -m demos.from_scratch.autoencoder``.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare
from demos.from_scratch import autoencoder as page
from npae.gradcheck import check_gradient

# %%
# The data
# --------
#
# An image of a handwritten digit has 28 · 28 = 784 pixels, each a number from 0 (paper) to 1 (ink). We write an image
# as a *row* of 784 numbers. B images below each other are a matrix with B rows, a *batch*: :math:`x_{ij}` is pixel
# :math:`j` of image :math:`i`.
x, x_test = page.digits("train", 10_000), page.digits("t10k", 2_000)
print("training images", x.shape, "  test images", x_test.shape)

# %%
# The model
# ---------
#
# The code :math:`h` has 32 numbers per image, computed by 32 *units*, one each. They are the first layer, the
# *encoder*. The second layer, the *decoder*, computes 784 numbers from it, the *logits* :math:`t`, and a last function
# makes a *reconstruction* :math:`\hat x` from them:
#
# .. math::
#     h &= \varphi(x W_1 + b_1), \qquad \varphi(a) = \max(a, 0) \\
#     t &= h W_2 + b_2 \\
#     \hat x &= \sigma(t), \qquad \sigma(t) = 1/(1 + e^{-t})
#
# :math:`\varphi` and :math:`\sigma` act on each number by itself. Such a function is called an *activation*;
# :math:`\max(a, 0)` is the ReLU. Without its bend, two matrices after each other would be one matrix, :math:`W_1 W_2`.
# :math:`\sigma`, the *sigmoid*, maps every real number to one between 0 and 1, as a pixel is. The row :math:`b` is
# added to every row of the product.
#
# =================== =============================================== ==================
# symbol              meaning                                         shape
# =================== =============================================== ==================
# :math:`x`           input, one image per row                        (B, 784)
# :math:`W_1, b_1`    weights and biases of the encoder               (784, 32), (32,)
# :math:`h`           codes                                           (B, 32)
# :math:`W_2, b_2`    weights and biases of the decoder               (32, 784), (784,)
# :math:`t, \hat x`   logits, reconstructions                         (B, 784)
# =================== =============================================== ==================
#
# A layer begins with small random weights. (Chapter 5 derives their size.) If all weights were equal, all units would
# compute the same, receive the same changes, and stay equal. In the program an activation is a pair: :math:`\varphi`,
# and its derivative, computed from :math:`h`; ``h > 0`` counts as 1 or 0. ``xp`` is NumPy. The decoder has
# :math:`\varphi(a) = a`, ``IDENTITY``. A ``Network`` is a list of layers, and its ``theta`` the list
# :math:`W_1, b_1, W_2, b_2`.
print(inspect.getsource(page.RELU[0]), inspect.getsource(page.sigmoid), sep="\n")
print(inspect.getsource(page.Dense.__init__))
print(inspect.getsource(page.Dense.forward))

rng = np.random.default_rng(0)
encoder, decoder = page.Dense(784, 32, page.RELU, rng), page.Dense(32, 784, page.IDENTITY, rng)
model = page.Network([encoder, decoder])
n_parameters = sum(p.size for p in model.theta)
print("numbers to find:", n_parameters)
assert n_parameters == 784 * 32 + 32 + 32 * 784 + 784 == 50_992

# %%
# The objective
# -------------
#
# One number :math:`J` measures how far :math:`\hat x` is from :math:`x`. Read :math:`\hat x_{ij}` as the probability
# that pixel :math:`j` of image :math:`i` is ink. If the pixel is ink (:math:`x_{ij} = 1`), the model has given the
# probability :math:`\hat x_{ij}` to what happened; if it is paper, :math:`1 - \hat x_{ij}`. The cross-entropy is minus
# the logarithm of that probability: 0 if the model was sure and right, large if it was sure and wrong. We treat pixels
# as independent: probabilities multiply, so logarithms add. We take the sum over the pixels and the mean over the B
# images. (A grey pixel gets both logarithms, each with its share. Chapter 3 shows that :math:`\hat x = x` is best.)
#
# .. math::
#     J = \frac{1}{B} \sum_i \sum_j \left[ -x_{ij} \ln \hat x_{ij} - (1 - x_{ij}) \ln(1 - \hat x_{ij}) \right]
#
# Its unit is the *nat*, the unit of the natural logarithm. A model that always returns ½ has
# :math:`-\ln\frac{1}{2} = \ln 2` for each pixel, so :math:`J = 784 \ln 2 = 543` nats per image. That is where an
# untrained network is, about. All 50,992 weights and biases together are called :math:`\theta`. To train is to find a
# :math:`\theta` for which :math:`J` is small.
J_start, _ = page.cross_entropy(model.forward(x_test), x_test)
print(f"always ½: {784 * np.log(2):.1f} nats per image;  untrained network: {J_start:.1f}")
assert round(784 * np.log(2)) == 543 and 540 < J_start < 565

# %%
# In which direction to go
# ------------------------
#
# The *gradient* :math:`g = \partial J/\partial\theta` has one number per parameter: how fast :math:`J` grows as this
# one parameter grows and the others stay. For a small change :math:`u` of all of them,
#
# .. math::
#     J(\theta + u) \approx J(\theta) + \sum_k g_k u_k
#
# so a small step :math:`u = -\eta g`, with a number :math:`\eta > 0`, changes :math:`J` by about
# :math:`-\eta \sum_k g_k^2 \le 0`: downhill. One could measure each :math:`g_k`: change :math:`\theta_k` a little and
# compute :math:`J` again. That takes 50,992 evaluations of :math:`J` for one step. The chain rule gives all of them for
# the price of about three: where the way forward has one product of matrices, the way back has two. Used from the
# output back to the input, it is called *backpropagation*.
#
# **The chain rule.** Let :math:`J` depend on a number :math:`w` only through some numbers :math:`a_j`. If
# :math:`w` grows by a small :math:`\delta`, each :math:`a_j` grows by :math:`\delta\, \partial a_j/\partial w`, and by
# the formula above :math:`J` grows by the sum of :math:`\partial J/\partial a_j` times that. Divide by :math:`\delta`:
#
# .. math::
#     \frac{\partial J}{\partial w} = \sum_j \frac{\partial J}{\partial a_j} \, \frac{\partial a_j}{\partial w}
#
# From here on we write :math:`dw` for :math:`\partial J/\partial w`. So :math:`dW` has the shape of :math:`W`, and its
# number in row :math:`p` and column :math:`j` is :math:`\partial J/\partial W_{pj}`. The program uses the same names.
#
# From J to the logits
# ~~~~~~~~~~~~~~~~~~~~
#
# Let :math:`s(t) = \ln(1 + e^t)`. Since :math:`\sigma(t) = 1/(1 + e^{-t}) = e^t/(1 + e^t)`, we have
# :math:`\ln\sigma(t) = t - s(t)` and :math:`\ln(1 - \sigma(t)) = \ln\frac{1}{1 + e^t} = -s(t)`. Insert both:
#
# .. math::
#     J &= \frac{1}{B} \sum_i \sum_j \left[ -x_{ij}(t_{ij} - s(t_{ij})) + (1 - x_{ij}) s(t_{ij}) \right]
#        = \frac{1}{B} \sum_i \sum_j \left[ s(t_{ij}) - x_{ij} t_{ij} \right] \\
#     dt_{ij} &= \frac{1}{B} \left( s'(t_{ij}) - x_{ij} \right) = \frac{1}{B} \left( \hat x_{ij} - x_{ij} \right),
#        \qquad \text{since } s'(t) = \frac{e^t}{1 + e^t} = \sigma(t)
#
# The derivative is the error itself. In the program, ``logaddexp(0, t)`` is :math:`\ln(e^0 + e^t) = s(t)`.
print(inspect.getsource(page.cross_entropy))

# %%
# Back through a layer
# ~~~~~~~~~~~~~~~~~~~~
#
# A layer computes :math:`a_{ij} = \sum_p x_{ip} W_{pj} + b_j` and :math:`h_{ij} = \varphi(a_{ij})` from its input
# :math:`x`; :math:`p` counts its inputs, :math:`j` its units. It receives :math:`dh` from the next layer. (The last one
# has :math:`h = a = t` and receives :math:`dt`.) Four derivatives, one question: on which numbers does this one act?
#
# - :math:`a_{ij}` acts on :math:`h_{ij}` only: :math:`\; da_{ij} = dh_{ij}\, \varphi'(a_{ij})`
# - :math:`W_{pj}` acts on :math:`a_{ij}` of every image :math:`i`, with
#   :math:`\partial a_{ij}/\partial W_{pj} = x_{ip}`: :math:`\; dW_{pj} = \sum_i x_{ip}\, da_{ij}`, as matrices
#   :math:`dW = x^T da`
# - :math:`b_j` acts on :math:`a_{ij}` of every image :math:`i`, with derivative 1: :math:`\; db_j = \sum_i da_{ij}`
# - :math:`x_{ip}` acts on :math:`a_{ij}` of every unit :math:`j`, with
#   :math:`\partial a_{ij}/\partial x_{ip} = W_{pj}`: :math:`\; dx_{ip} = \sum_j da_{ij} W_{pj}`, as matrices
#   :math:`dx = da\, W^T`
#
# The input of the decoder is the code. So its :math:`dx` is the :math:`dh` of the encoder, and the same lines give the
# gradient of the encoder. ReLU has :math:`\varphi'(a) = 1` for :math:`a > 0` and 0 for :math:`a < 0`; at exactly 0 it
# has no derivative, and the page takes 0.
print(inspect.getsource(page.Dense.backward))
print(inspect.getsource(page.Network))

# %%
# The check
# ---------
#
# Take a random direction :math:`u` and a small :math:`\varepsilon`. The gradient claims that :math:`J` grows along
# :math:`u` at the rate :math:`\sum_k g_k u_k`. Two evaluations of :math:`J` measure it:
# :math:`(J(\theta + \varepsilon u) - J(\theta - \varepsilon u))/2\varepsilon`. The page compares the two for each array
# of parameters. The engine's own check, ``npae.gradcheck``, does it for all parameters at once.
page.check(lambda: model.backpropagate(x[:16], x[:16]), model, rng)

model.backpropagate(x[:16], x[:16])
places = {"W₁": (encoder.W, encoder.dW), "b₁": (encoder.b, encoder.db)}
places |= {"W₂": (decoder.W, decoder.dW), "b₂": (decoder.b, decoder.db)}
error = check_gradient(lambda: model.backpropagate(x[:16], x[:16]), places)
print(f"npae.gradcheck: largest relative error {error:.0e}")
assert error < 1e-6

# %%
# Training
# --------
#
# Take 100 images, a *minibatch*; compute the gradient of their :math:`J`; change :math:`\theta` a little; take the next
# 100. One pass through all images, in random order, is an *epoch*. The simplest change is
# :math:`\theta \leftarrow \theta - \eta g`. The page uses Adam, which also adapts the length of the step for each
# parameter, by running means of its gradient and of the square. Chapter 4 derives these lines.
print(inspect.getsource(page.Adam.step))
page.train({"J": (lambda rows: model.backpropagate(rows, rows), page.Adam(model))}, x, 10, rng)
J_test, _ = page.cross_entropy(model.forward(x_test), x_test)
print(f"test images, which the model has not seen: {J_test:.1f} nats per image")
assert abs(J_test - 101.1) < 0.5  # as the page states

# %%
# What it has learned
# -------------------
#
# The decoder makes the images of the last row from nothing but the 32 numbers above them (darker: larger).
some = [3, 2, 1, 18, 4, 8, 11, 0]
codes = model[0].forward(x_test[some])
x_hat = page.sigmoid(model[1].forward(codes))
figure, grid = plt.subplots(3, 8, figsize=(8, 3), height_ratios=(2, 1, 2), layout="constrained")
rows = (x_test[some], (28, 28)), (codes / codes.max(), (4, 8)), (x_hat, (28, 28))
labels = "x\n784 pixels", "h\n32 numbers", "x̂\nfrom h alone"
for line, (images, shape), label in zip(grid, rows, labels, strict=True):
    for axes, image in zip(line, images, strict=True):
        axes.imshow(image.reshape(shape), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#cccccc")
    line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)

# %%
# Row :math:`k` of :math:`W_2` is what unit :math:`k` of the code adds to the logits: red adds ink, blue takes it away.
# Every reconstruction is :math:`\sigma(b_2 + \sum_k h_k \cdot \text{picture } k)`.
figure, grid = plt.subplots(4, 8, figsize=(8, 4.3), layout="constrained")
limit = np.abs(model[1].W).max() / 2
for axes, row in zip(grid.flat, model[1].W, strict=True):
    axes.imshow(row.reshape(28, 28), cmap="RdBu_r", vmin=-limit, vmax=limit)
    bare(axes)
figure.suptitle("The 32 rows of W₂: what each number of the code draws (red: ink, blue: paper)")


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_00.py``.
#
# **1. Another activation.** Let :math:`h = \varphi(a) = \tanh a = (e^a - e^{-a})/(e^a + e^{-a})`. Find
# :math:`\varphi'(a)`, expressed by :math:`h` alone, as the page's layers need it.
def tanh_derivative(h):
    """Returns φ′(a) for h = tanh a. Both have the shape (B, units)."""


def check_tanh_derivative(answer):
    a = np.linspace(-2, 2, 6).reshape(2, 3)
    compare(answer(np.tanh(a)), derivative=slopes(lambda: np.tanh(a).sum(), a))


attempt(check_tanh_derivative, tanh_derivative)


# %%
# **2. Another objective.** Compare the pixels by their squared differences:
# :math:`J = \frac{1}{B} \sum_i \sum_j \frac{1}{2} (\hat x_{ij} - x_{ij})^2` with :math:`\hat x = \sigma(t)`. Find
# :math:`dt`. You need :math:`\sigma'(t)` first. How does the result differ from that of the cross-entropy?
def squared_error(t, x):
    """Returns (J, dt) for logits t and images x. t, x and dt have the shape (B, pixels)."""


def check_squared_error(answer):
    rng = np.random.default_rng(3)
    t, x = rng.normal(size=(4, 3)), rng.random((4, 3))

    def J():
        return ((page.sigmoid(t) - x) ** 2).sum() / (2 * len(x))

    compare(answer(t, x), J=J(), dt=slopes(J, t))


attempt(check_squared_error, squared_error)


# %%
# Next: chapter 1 takes a single layer, and finds out how far such a check can be trusted.
plt.show()
