r"""Chapter 10. Convolution: image patches, adjoints, and pooling
=============================================================

A dense layer does not know which pixels are neighbours. It learns each place of an image anew. A convolution applies
one small dense layer to the patch around every pixel. How does its gradient look, if the patches overlap? This chapter
writes a convolution as a product with a matrix of patches, derives the one step that is new, the *adjoint*, and shows
what a convolutional autoencoder does with digits at places where it has never seen one.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np

from demos.exercises import attempt, compare, slopes
from demos.figures.canvas import bare, open_frame
from demos.from_scratch import convolutional as page
from demos.palette import COLOURS, GREY, INK
from npae import convolutional_autoencoder, dense_autoencoder, fit, mnist
from npae.backend import images, pixels
from npae.gradcheck import check_layer
from npae.layers import AveragePool2D, Conv2D, ConvTranspose2D, MaxPool2D, ReLU, Sequential, Upsample2D, windows
from npae.layers.convolve import convolve, convolve_adjoint
from npae.layers.patches import Axis
from npae.optim import Adam

# %%
# A dense layer on patches
# ------------------------
#
# We begin with one axis. The input has :math:`n` pixels :math:`x_q`. A kernel of :math:`k` weights :math:`W_t` slides
# over it in steps of :math:`s`, the *stride*, with :math:`\text{pad}` zeros in front. Output :math:`p` is
#
# .. math::
#     a_p = \sum_{t=0}^{k-1} x_{sp + t - \text{pad}}\, W_t + b
#
# The places :math:`t` of the window are its *taps*. In images, :math:`p, q, t` are pairs (row, column); a pixel has C
# channels and an output pixel has O, so that every tap has a matrix of C × O weights. Write the numbers that output
# pixel :math:`p` reads into row :math:`p` of a matrix :math:`X`. This map from images to matrices is called *im2col*:
#
# .. math::
#     X_{p,tc} = x_{sp + t - \text{pad},\, c}, \qquad
#     a_{po} = \sum_{t,c} X_{p,tc} W_{tc,o} + b_o, \qquad a = X W + b
#
# In a square window of :math:`k^2` taps, :math:`X` is (pixels of all outputs, :math:`k^2 C`) and :math:`W` is
# :math:`(k^2 C, O)`: a dense layer whose batch has one row per output pixel. Chapter 1 has derived its gradient:
#
# .. math::
#     dW = X^T da, \qquad db_o = \sum_p da_{po}, \qquad dX = da\, W^T
#
# The adjoint
# -----------
#
# One step is new, from :math:`dX` to :math:`dx`. im2col copies numbers, and so it is linear: read :math:`x` as one long
# column, and there is a matrix :math:`M` of zeros and ones with :math:`X = M x`. Its entry is 1 where the tap
# :math:`t` of output :math:`p` reads :math:`x_q`. By the chain rule
#
# .. math::
#     dx_q = \sum_{p,t} dX_{p,t} \frac{\partial X_{p,t}}{\partial x_q} = \sum_{p,t} dX_{p,t} M_{pt,q}, \qquad
#     dx = M^T dX
#
# :math:`M^T` is the *adjoint* of im2col, called *col2im*. In words: every number of a patch is added to the pixel that
# it was read from. It is defined by one equation, which needs no matrix and can be tested with random numbers:
#
# .. math::
#     \langle M x, Y \rangle = \sum_{p,t} (M x)_{p,t}\, Y_{p,t} = \sum_q x_q\, (M^T Y)_q = \langle x, M^T Y \rangle
#
# The whole convolution without its bias is linear in :math:`x`, too. Its adjoint is :math:`da \mapsto M^T(da\, W^T)`.
# The picture shows both matrices for :math:`n = 9, k = 3, s = 2, \text{pad} = 1`.
axis = Axis.of(9, kernel=3, stride=2, padding="same")
W_line = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)  # tap t has the weight t + 1, to be named in the picture
one = Axis(1, 1, 1, 0, 1)  # the other axis of the image: a single pixel, a single tap
matrix = np.stack(
    [convolve(row.reshape(1, 1, 9, 1), W_line, (one, axis), np.empty((1, 1, 5, 1))).ravel() for row in np.eye(9)],
    axis=1,
)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained", width_ratios=(9, 6))
for axes, table in ((left, matrix), (right, matrix.T)):
    for (row, column), value in np.ndenumerate(table):
        if value:
            colour = (COLOURS[0], COLOURS[2], COLOURS[1])[int(value) - 1]
            axes.add_patch(plt.Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, color=colour))
            axes.text(column, row, f"$W_{int(value) - 1}$", ha="center", va="center", size=13,
                      color=INK if value == 3 else "white")  # fmt: skip
    rows, columns = table.shape
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal", xticks=range(columns),
             yticks=range(rows))  # fmt: skip
    axes.tick_params(length=0)
left.set(title="Convolution, stride 2", xlabel="input q", ylabel="output p")
right.set(title="Its adjoint", xlabel="output p", ylabel="input q")
right.set_xlim(-0.6, 7.6)
for q, text in ((0, "even q: tap 1"), (1, "odd q: taps 2 and 0")):
    right.text(4.8, q, text, color=INK, va="center", size=9)
for axes in (left, right):
    axes.spines[:].set_color(GREY)
    open_frame(axes)

# %%
# Columns have become rows. Every second row of the adjoint has the tap 1 alone. The rows between have the taps 2 and 0,
# in this order.
assert all((matrix.T[q].nonzero()[0].size == 1) == (q % 2 == 0) for q in range(9))

# %%
# The adjoint is a convolution as well
# ------------------------------------
#
# Adding numbers to places one by one is slow. But the sum can be ordered by its *result*. Input :math:`q` is read
# through tap :math:`t` by output :math:`p` if :math:`q = sp + t - \text{pad}`. So
#
# .. math::
#     dx_{qc} = \sum_{p} \sum_o da_{po}\, W_{q + \text{pad} - sp,\, co}
#
# where taps outside of :math:`0, \dots, k - 1` count as zero. For :math:`s = 1` and growing :math:`p` the taps fall: it
# is a convolution of :math:`da` with the kernel *flipped*, and its input and output channels exchanged. For larger
# :math:`s` only the taps with :math:`t \equiv q + \text{pad}` modulo :math:`s` occur. All inputs :math:`q` with the
# same residue modulo :math:`s` use the same taps. There is one small convolution per residue, as in the picture. The
# engine computes just these, of ``y``, here :math:`da`, into ``part``, the pixels of one residue. ``[::-1, ::-1]``
# flips the taps of both axes, and ``swapaxes`` exchanges the channels:
source = inspect.getsource(convolve_adjoint)
print(source[source.index("    for i, row_taps") :])

# %%
# We compare it with :math:`M^T`, where :math:`M` is built by applying the convolution to one pixel at a time.
rng = np.random.default_rng(0)
size = (5, 6)
both = tuple(Axis.of(n, k, s, "same") for n, k, s in zip(size, (3, 4), (1, 3), strict=True))
W = rng.normal(size=(3, 4, 2, 3))
out_shape = (both[0].out_size, both[1].out_size, 3)
units = np.eye(2 * size[0] * size[1]).reshape(-1, *size, 2)
M = convolve(units, W, both, np.empty((len(units), *out_shape))).reshape(len(units), -1).T
da = rng.normal(size=(1, *out_shape))
dx = convolve_adjoint(da, W, both, np.empty((1, *size, 2)))
error = np.abs(dx.ravel() - M.T @ da.ravel()).max()
print(f"largest difference of the adjoint to the transposed matrix: {error:.0e}")
assert error < 1e-13

# %%
# The layer
# ---------
#
# So forward and backward of the layer are the formulas above. Images have the shape (B, C, H, W) outside and
# (B, H, W, C) inside, where a pixel's channels lie side by side: ``pixels`` and ``images`` exchange the axes, without
# copying. ``kernel_gradient`` is :math:`X^T da`. :math:`X` is not kept, since it is nine times as large as :math:`x`
# for a window of 3 × 3 and stride 1.
print(inspect.getsource(Conv2D.forward).split('"""')[2])
print(inspect.getsource(Conv2D.backward))

# %%
# It is checked by finite differences, and against the page of plain NumPy, which adds up the patches one by one.
layer = Conv2D(2, 3, kernel=3, padding="same", activation="relu").initialize(seed=0, dtype="float64")
layer.b.value[:] = 0.1
x = rng.normal(size=(4, 2, 6, 6))
print(f"gradient check: {check_layer(layer, x):.0e}, with stride "
      f"{check_layer(Conv2D(2, 3, 3, stride=2, activation='tanh').initialize(0, 'float64'), x):.0e}")  # fmt: skip

twin = page.Convolution(2, 3, page.RELU, rng)
twin.W[...], twin.b[...] = layer.W.value.reshape(18, 3), layer.b.value.ravel()
h, cache = layer.forward(x, training=True)
dh = rng.normal(size=h.shape)
layer.theta.zero_grad()
h_page, dx = twin.forward(pixels(x)), layer.backward(dh, cache)
dx_page = twin.backward(pixels(dh))
largest = max(np.abs(h - images(h_page)).max(), np.abs(dx - images(dx_page)).max(),
              np.abs(layer.W.grad - twin.dW.reshape(3, 3, 2, 3)).max())  # fmt: skip
print(f"largest difference to the page: {largest:.0e}")
assert largest < 1e-13

# %%
# The adjoint can be used as a layer. It takes small images to large ones, as a decoder must. It is then called a
# *transposed convolution*; its backward pass is the adjoint of the adjoint, the convolution. Its output size is a
# choice: with stride 2, inputs of 9 and of 10 pixels both have 5 outputs. (PyTorch has ``output_padding`` for it; here
# "same" means :math:`s` times the input.) Both layers below have the same kernel, and
# :math:`\langle Mx, y \rangle = \langle x, M^T y \rangle`:
down = Conv2D(2, 3, kernel=3, stride=2, padding="same").initialize(seed=0, dtype="float64")
up = ConvTranspose2D(3, 2, kernel=3, stride=2, padding="same").initialize(seed=1, dtype="float64")
up.W.value[...] = down.W.value
assert [Axis.of(n, 3, 2, "same").out_size for n in (9, 10)] == [5, 5] and up(np.zeros((1, 3, 5, 5))).shape[2] == 10
x, y = rng.normal(size=(4, 2, 6, 6)), rng.normal(size=(4, 3, 3, 3))
sides = float((down(x) * y).sum()), float((x * up(y)).sum())
print(f"⟨Mx, y⟩ = {sides[0]:.10f}   ⟨x, Mᵀy⟩ = {sides[1]:.10f}")
assert abs(sides[0] - sides[1]) < 1e-12

# %%
# Pooling
# -------
#
# Max pooling keeps the largest number of every window, 2 × 2 as a rule, in each channel. Where the largest is unique,
# a small change of :math:`x` does not change which one it is. So :math:`y_p` is equal to one of the inputs, and
#
# .. math::
#     y_p = \max_t x_{sp+t} = x_{sp+t^*}, \qquad \frac{\partial y_p}{\partial x_{sp+t}} = [t = t^*], \qquad
#     dx_{sp+t} = dy_p\, [t = t^*]
#
# for windows that do not overlap. Two equal maxima are frequent in images: the background is 0 everywhere. Then the
# maximum has a kink, and no derivative. Any of the maxima may receive :math:`dy_p`, but only one of them, or the
# gradient counts twice. The engine gives it to the first. It visits the taps in order, with ``rest`` :math:`= dy_p`.
# Before the first maximum the comparison is 0. At the first maximum ``g`` is :math:`dy_p`, and the rest becomes 0.
print(inspect.getsource(windows._pass_to_maximum.plain))

# %%
# *Average pooling* takes the mean of the :math:`n` numbers of a window, so that each receives :math:`dy_p/n`.
# *Upsampling* copies a pixel to four places, so that it receives the sum of their derivatives: up to a factor, it is
# the adjoint of average pooling.
#
# Twelve equal pixels under max pooling show that each window passes its gradient on once:
flat = np.zeros((1, 1, 2, 6))
pool = MaxPool2D(2)
dx = pool.backward(np.array([[[[1.0, 2.0, 3.0]]]]), pool.forward(flat)[1])
print(dx[0, 0])
assert dx.sum() == 6 and (dx > 0).sum() == 3
x, y = rng.normal(size=(1, 3, 4, 6)), rng.normal(size=(1, 3, 2, 3))
errors = [check_layer(layer, x) for layer in (MaxPool2D(2), MaxPool2D(3, stride=1, padding="same"), AveragePool2D(2),
                                              Upsample2D(2))]  # fmt: skip
print("gradient checks:", ", ".join(f"{error:.0e}" for error in errors))
assert abs((4 * AveragePool2D(2)(x) * y).sum() - (x * Upsample2D(2)(y)).sum()) < 1e-12

# %%
# What the same weights everywhere mean
# -------------------------------------
#
# Let :math:`T` shift an image by one pixel. Away from the border, :math:`(Tx)_q = x_{q-1}`, so that
# :math:`\sum_t (Tx)_{p+t} W_t = \sum_t x_{p-1+t} W_t`: the convolution of the shifted image is the shifted convolution.
# Activations act on every pixel alone, and so they commute with :math:`T` too. A pooling layer of 2 × 2 commutes with
# shifts by 2 pixels, and two of them with shifts by 4. So an encoder with two poolings must give a shifted code for a
# digit that is shifted by 4 pixels, whatever its weights are.
digits = mnist(which="sample")
margin = ((0, 0), (0, 0), (4, 4), (4, 4))  # 36 x 36 pixels, so that a shift by 4 loses no ink
x, x_test = (
    np.pad(part[:, None] / np.float32(255), margin) for part in (digits.train_images[:3000], digits.test_images[:500])
)
shifted = np.roll(x_test, (-4, 4), axis=(2, 3))
conv = convolutional_autoencoder([8, 4], image_shape=(1, 36, 36))
code, code_of_shifted = conv.encode(x_test), conv.encode(shifted)
away = np.abs(code_of_shifted[:, :, 1:7, 2:8] - code[:, :, 2:8, 1:7]).max()
print(f"code of the shifted digit − shifted code, at most: {away:.0e}")
assert away < 1e-5 and code.std() > 0.1

# %%
# Now two autoencoders, both with a code of :math:`4 \cdot 9 \cdot 9 = 324` numbers, learn from 3,000 digits in the
# middle of the image. Both are tested on digits in the middle, and on digits shifted by 4 pixels, up and right.
dense = dense_autoencoder([36 * 36, 324], image_shape=(1, 36, 36))
models, J = {"convolutional": conv, "dense": dense}, {}
for name, model in models.items():
    fit(model, x, epochs=6, batch_size=50, optimizer=Adam(3e-3), progress="none")
    J[name] = [model.evaluate(rows)["reconstruction"] for rows in (x_test, shifted)]
    size = f"{model.parameter_count:,} parameters"
    print(f"{name}: {size}, {J[name][0]:.1f} nats per test image, shifted {J[name][1]:.1f}")
assert (conv.parameter_count, dense.parameter_count) == (889, 841_428)
assert abs(J["convolutional"][1] / J["convolutional"][0] - 1) < 0.07 and J["dense"][1] > 2 * J["dense"][0]
assert J["dense"][0] < J["convolutional"][0]

# %%
# The convolutional autoencoder, with 889 parameters, hardly notices the shift; only the border of zeros is nearer. The
# dense one, with 841,428, is better in the middle. But it has seen little ink at the other pixels, and its loss more
# than doubles.
some = [3, 2, 1, 18, 4, 8, 11, 0]
rows = {"x, shifted": shifted[some]} | {
    f"{name},\n{model.parameter_count:,} parameters": model.reconstruct(shifted[some]) for name, model in models.items()
}
figure, grid = plt.subplots(len(rows), len(some), figsize=(8.6, 3.2), layout="constrained")
for line, (name, part) in zip(grid, rows.items(), strict=True):
    for axes, image in zip(line, part, strict=True):
        axes.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
        bare(axes)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)

# %%
# This is a gain only where shifted images have the same meaning, as they have in photographs. It also is a limit: away
# from the border, a convolution cannot know where in the image it is.
#
# One rule for speed: ReLU and max pooling can be exchanged, because ReLU is increasing,
# :math:`\max_t \varphi(x_t) = \varphi(\max_t x_t)`. After the pooling there are four times fewer numbers to rectify.
h = rng.normal(size=(2, 3, 6, 6))
assert (Sequential(ReLU(), MaxPool2D(2))(h) == Sequential(MaxPool2D(2), ReLU())(h)).all()


# %%
# Exercises
# ---------
#
# Fill in the body of a function, and run its cell again: the last line prints what the check finds. Solutions are in
# ``tests/docs/test_book_10.py``.
#
# **1. The backward pass of a convolution.** In one dimension and without padding, with the stride :math:`s`,
# :math:`a_p = \sum_t x_{sp+t} W_t`. Given :math:`da`, find :math:`dx` and :math:`dW`. Two loops are good enough.
def convolution_backward(da, x, W, s):
    """Returns (dx, dW), from da (places,), x (n,), W (k,) and the stride s."""


def check_convolution_backward(answer):
    rng = np.random.default_rng(3)
    for n, k, s in ((7, 3, 1), (9, 3, 2), (11, 2, 3)):
        x, W, da = rng.normal(size=n), rng.normal(size=k), rng.normal(size=(n - k) // s + 1)

        def J(x=x, W=W, s=s, da=da):
            return sum(da_p * x[s * p : s * p + len(W)] @ W for p, da_p in enumerate(da))

        case = f"n = {n}, k = {k}, s = {s}"
        compare(answer(da, x, W, s), case, dx=slopes(J, x), dW=slopes(J, W))


attempt(check_convolution_backward, convolution_backward)


# %%
# **2. A smooth maximum.** *Log-sum-exp pooling* is :math:`y = \frac{1}{\beta} \ln \sum_t e^{\beta x_t}`. For large
# :math:`\beta` it is the maximum. Derive its backward pass. It must not overflow, however large :math:`\beta x` is.
def smooth_pooling_backward(dy, x, beta):
    """Returns dx (windows, taps), from dy (windows,), the windows x (windows, taps) and β."""


def check_smooth_pooling_backward(answer):
    rng = np.random.default_rng(4)
    x, dy = rng.normal(size=(5, 4)), rng.normal(size=5)
    for beta in (0.5, 3.0):

        def J(beta=beta):
            return dy @ np.logaddexp.reduce(beta * x, axis=1) / beta

        compare(answer(dy, x, beta), f"β = {beta}", dx=slopes(J, x))
    with np.errstate(over="raise", invalid="raise"):
        found = answer(dy, 1e3 * x, 10.0)
    largest = x == x.max(axis=1, keepdims=True)
    compare(found, "β x in thousands", dx=dy[:, None] * largest)


attempt(check_smooth_pooling_backward, smooth_pooling_backward)


# %%
# Next: chapter 11 looks at two layers through the changes that they ignore: batch normalisation and dropout.
plt.show()
