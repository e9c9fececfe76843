"""Two-dimensional convolution: a dense layer applied to the patch of pixels around each position of an image.

With images x (B, C, H, W), a kernel W (kh, kw, C, O), a bias b for each of the O output channels and an activation φ,
output pixel p depends on the kh·kw·C numbers of its window (npae.layers.patches):

    a_po = Σ_t Σ_c x_{sp+t−pad, c} W_tco + b_o          h_po = φ(a_po)

Here p and t are pairs (row, column), t runs over the window, s is the stride, and pad is the number of zeros in front
of the image. Stack all patches as rows of a matrix X = im2col(x): one row per output pixel of each image, with kh·kw·C
numbers. Read W as a matrix (kh·kw·C, O), and a and h as matrices with one row per output pixel. Then the formulas are
those of the dense layer. Only col2im is new: the adjoint of im2col, which adds every number of a patch to the pixel
that it was read from.

    a = X W + b          h = φ(a)                       da = dh ⊙ φ′(a)
    ∂J/∂W = Xᵀ da        ∂J/∂b = Σ_p da_p               ∂J/∂X = da Wᵀ        ∂J/∂x = col2im(da Wᵀ)

∂J/∂x in coordinates: output p reads x_q through the tap t = q + pad − sp, so

    ∂J/∂x_qc = Σ_p Σ_o da_po W_{q+pad−sp, co}

For stride 1 this is a convolution of da with the flipped kernel, its input and output channels exchanged. For larger
strides it is one such convolution per residue of q modulo s (npae.layers.patches). npae.layers.convolve computes the
three products.

The output of a convolution is stored channels-last (NHWC), the layout that an im2col matrix product produces
(npae.backend.memory). Its shape is (B, C, H, W) all the same. X is not kept for backward: with stride 1 it is kh·kw
times as large as x, and building it again is cheap.

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"; Goodfellow, Bengio &
Courville 2016, "Deep Learning", sections 9.1 and 9.5; Chellapilla, Puri & Simard 2006, "High performance convolutional
neural networks for document processing" (im2col).
"""

from functools import partial

import numpy as np

from npae.backend import Array, Config, Parameter, array_module, as_int, check_input, check_shape, empty, images, pixels
from npae.layers import initializers
from npae.layers.activations import ActivationLike, as_activation, suffix
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.convolve import convolve, convolve_adjoint, kernel_gradient
from npae.layers.initializers import InitializerLike
from npae.layers.patches import Axis, IntOrPair, Padding, pair, window_axes

CHANNELS_FIRST = "Images have their channels before height and width."


class Convolution(Layer):
    """The base of Conv2D and ConvTranspose2D: arguments, parameters, errors.

    W, of shape `kernel_shape`, is the kernel; b, of shape (c_out, 1, 1), the bias. Subclasses implement axes, forward
    and backward.
    """

    padding: Padding

    def __init__(self, c_in: int, c_out: int, kernel: IntOrPair, stride: IntOrPair = 1, padding: Padding = "valid",
                 activation: ActivationLike = None, initializer: InitializerLike = None):  # fmt: skip
        name = type(self).__name__
        self.c_in, self.c_out = as_int(c_in, f"c_in of {name}"), as_int(c_out, f"c_out of {name}")
        self.kernel, self.stride, self.padding = pair(kernel), pair(stride), padding
        self.activation = as_activation(activation, name)
        if min(self.c_in, self.c_out, *self.kernel, *self.stride) < 1 or padding not in ("valid", "same"):
            raise ValueError(
                f'{self!r}: expected channels, kernel and stride of at least 1, and padding "valid" or "same".'
            )
        self.initializer = initializers.get(initializer or self.activation.initializer)
        self.W = Parameter("W", self.kernel_shape, self.first_kernel)
        self.b = Parameter("b", (self.c_out, 1, 1), initializers.zeros)
        self.parameters = (self.W, self.b)

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """(kh, kw, c_in, c_out): for each tap of the window a matrix from input channels to output channels."""
        return (*self.kernel, self.c_in, self.c_out)

    def axes(self, height: int, width: int) -> tuple[Axis, ...]:
        """The Axis of the height and of the width, for an input of this size.

        Args:
            height, width: in pixels.
        """
        raise NotImplementedError

    def first_kernel(self, rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
        """The initial values of W, drawn by the initializer for a map from c_in to c_out channels.

        Args:
            rng: what the initializer draws from.
            shape: kernel_shape.
        """
        return self.initializer(rng, shape)

    def check(self, x: Array) -> None:
        """Raise ValueError or TypeError unless x is a batch of images that this layer takes."""
        like = self.W.value
        array_module(x)  # raises for a list
        if x.ndim != 4 or x.shape[1] != self.c_in:
            fix = (
                "Images of one channel are x[:, None], rows are reshaped by layers.Reshape((channels, height, width))."
            )
            if x.ndim == 4 and x.shape[3] == self.c_in:
                fix = "These have their channels last: x.transpose(0, 3, 1, 2)."
            elif x.ndim == 3 and x.shape[0] == self.c_in:
                fix = "One image alone is x[None]."
            raise ValueError(f"{self!r}: expected x of shape (batch, {self.c_in}, height, width), got {x.shape}. {fix}")
        if x.size == 0:
            raise ValueError(f"{self!r}: expected at least one image, of at least one pixel, got x of shape {x.shape}.")
        check_input(self, x, x.shape[1:], like)

    def config(self) -> Config:
        return {
            "c_in": self.c_in, "c_out": self.c_out, "kernel": list(self.kernel), "stride": list(self.stride),
            "padding": self.padding, "activation": self.activation,
            "initializer": initializers.name_of(self.initializer),
        }  # fmt: skip

    def __repr__(self):
        of = ", ".join(f"{name} {a}x{b}" for name, (a, b) in (("kernel", self.kernel), ("stride", self.stride)))
        return f"{type(self).__name__}({self.c_in} -> {self.c_out}, {of}, {self.padding}{suffix(self.activation)})"


class Conv2D(Convolution):
    """h = φ(im2col(x) W + b), from images (batch, c_in, H, W) to (batch, c_out, H′, W′).

    b starts at zero. Raises ValueError for sizes below 1 and for images of another shape, or smaller than the kernel
    under "valid".

    Args:
        c_in: the number of channels of x.
        c_out: the number of channels of h.
        kernel: the size of the window, an integer, or a pair (of rows, of columns).
        stride: from one window to the next, likewise.
        padding: "valid", windows inside the image, H′ = ⌊(H − kernel)/stride⌋ + 1; or "same", zeros around it,
            H′ = ⌈H/stride⌉.
        activation: φ, as a name ("relu"), a class or an instance; None: a linear layer.
        initializer: of W, by name or as a function (rng, shape); None: he_uniform for rectifiers and glorot_uniform
            otherwise.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Conv2D
        >>> layer = Conv2D(1, 8, kernel=3, stride=2, padding="same", activation="relu").initialize(seed=0)
        >>> layer(np.zeros((5, 1, 28, 28), np.float32)).shape
        (5, 8, 14, 14)
    """

    def axes(self, height: int, width: int) -> tuple[Axis, ...]:
        return window_axes(self, height, width)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """h = φ(im2col(x) W + b). The cache is x, and what φ′ is computed from."""
        self.check(x)
        axes = self.axes(*x.shape[2:])
        XW = empty((len(x), *(axis.out_size for axis in axes), self.c_out), x)
        convolve(pixels(x), self.W.value, axes, out=XW)
        h, kept = self.activation.forward_sum(images(XW), self.b.value)  # h = φ(X W + b)
        return h, (x, kept)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W += Xᵀ da,  ∂J/∂b += Σ_p da_p;  returns ∂J/∂x = col2im(da Wᵀ)."""
        x, kept = cache
        axes, x = self.axes(*x.shape[2:]), pixels(x)
        da = pixels(self.activation.backward(dy, kept))  # da = dh ⊙ φ′(a)
        self.W.accumulate(partial(kernel_gradient, x, da, axes))  # ∂J/∂W += Xᵀ da
        self.b.add_sum(da.reshape(-1, self.c_out))  # ∂J/∂b += Σ_p da_p, over the pixels of all images
        if needs_dx:
            return images(convolve_adjoint(da, self.W.value, axes, out=empty(x.shape, x)))  # ∂J/∂x = col2im(da Wᵀ)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.c_in, "height", "width"), CHANNELS_FIRST)
        return (self.c_out, *(axis.out_size for axis in self.axes(*shape[1:])))
