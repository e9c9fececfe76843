"""Convolution: one small dense layer, applied to the patch of pixels around every place of an image.

With images x (B, C, H, W), a kernel W (kh, kw, C, O) and a bias b for each of the O output channels, every output pixel
p is the dense layer's answer to the C kh kw numbers that its window sees (npae.layers.patches):

    y_po = Σ_t Σ_c x_{sp+t−a, c} W_tco + b_o          t = (row, column) in the window, s the stride, a the padding

All the patches below each other are a matrix X = im2col(x), (B · places, kh kw C), and W, read as a matrix, has
(kh kw C, O). With the pixels of y as rows, (B · places, O), convolution is one product, and its derivatives are those
of the dense layer, followed by the adjoint of im2col:

    y = X W + b          ∂J/∂W = Xᵀ dy          ∂J/∂b = Σ_p dy_p
    ∂J/∂X = dy Wᵀ        ∂J/∂x = col2im(dy Wᵀ): every number of a patch is added where it was taken from

The last line in coordinates: x_q is seen by output p through the tap t = q + a − sp, so

    ∂J/∂x_qc = Σ_p Σ_o dy_po W_{q+a−sp, co}

which is a convolution of dy with the kernel turned around and its channels exchanged (one for each phase of q modulo s,
see npae.layers.patches). How all of it is computed, and what it costs, is in npae.layers.convolve.

Pixels are the rows of a product, so images that come out of one have their channels last in memory (npae.backend.memory), while
their shape is (B, C, H, W). X is not kept for backward: it is k k times as large as x, and quickly made again.

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition"; Goodfellow, Bengio &
Courville 2016, "Deep Learning", sections 9.1 and 9.5; Chellapilla, Puri & Simard 2006, "High
performance convolutional neural networks for document processing" (im2col).
"""

from npae.backend import array_module, as_int, empty, images, matmul, ones, pixels
from npae.layers import initializers
from npae.layers.base import check_input, check_shape
from npae.layers.convolve import convolve, convolve_adjoint, kernel_gradient
from npae.layers.dense import Affine
from npae.layers.parameters import Parameter
from npae.layers.patches import pair, window_axes

CHANNELS_FIRST = "Images have their channels before height and width."


def _sum_over_pixels(dy, out):
    matmul(ones(len(dy), dy), dy, out=out.reshape(-1))
    return out


class Convolution(Affine):
    """What Conv2D and its adjoint share: arguments, parameters, errors. A new one defines axes, product and backward.

    The kernel is W, of shape `kernel_shape`, the bias b is (c_out, 1, 1).
    """

    def __init__(self, c_in, c_out, kernel, stride=1, padding="valid", initializer=None):
        name = type(self).__name__
        self.c_in, self.c_out = as_int(c_in, f"c_in of {name}"), as_int(c_out, f"c_out of {name}")
        self.kernel, self.stride, self.padding = pair(kernel), pair(stride), padding
        if min(self.c_in, self.c_out, *self.kernel, *self.stride) < 1 or padding not in ("valid", "same"):
            raise ValueError(
                f'{self!r}: expected channels, kernel and stride of at least 1, and padding "valid" or "same".'
            )
        self.initializer = initializer
        self.W = Parameter("W", self.kernel_shape, None)
        self.draw_by(initializers.get(initializer or "glorot_uniform"))
        self.b = Parameter("b", (self.c_out, 1, 1), initializers.zeros)
        self.parameters = (self.W, self.b)

    @property
    def kernel_shape(self):
        """(kh, kw, c_in, c_out): a matrix, from the input's channels to the output's, for each place of the window."""
        return (*self.kernel, self.c_in, self.c_out)

    def axes(self, height, width):
        """The Axis of the height and of the width, for an input of this size."""
        raise NotImplementedError

    def feeds(self, following):
        if self.initializer is None and getattr(following, "rectifies", False):
            self.draw_by(initializers.he_uniform)

    def draw_by(self, initializer):
        """Let W have its first values from `initializer`, a function (rng, (kh, kw, c_in, c_out)) -> array."""
        self.W.initializer = self._drawn_by = initializer

    def add_bias_gradient(self, dy):
        """∂J/∂b += Σ_p dy_p, over the pixels of all images."""
        self.b.add_grad(_sum_over_pixels, pixels(dy).reshape(-1, self.c_out))

    def check(self, x):
        """Raise unless x is a batch of images that this layer takes: ValueError, TypeError, one sentence each."""
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

    def config(self):
        name = next((n for n, f in initializers.BY_NAME.items() if f is self._drawn_by), None)
        return {
            "c_in": self.c_in, "c_out": self.c_out, "kernel": list(self.kernel), "stride": list(self.stride),
            "padding": self.padding, "initializer": name,
        }  # fmt: skip

    def __repr__(self):
        of = ", ".join(f"{name} {a}x{b}" for name, (a, b) in (("kernel", self.kernel), ("stride", self.stride)))
        return f"{type(self).__name__}({self.c_in} -> {self.c_out}, {of}, {self.padding})"


class Conv2D(Convolution):
    """y = im2col(x) W + b: from images (batch, c_in, H, W) to (batch, c_out, H′, W′).

    kernel, stride: an integer, or a pair (of rows, of columns). padding: "valid", windows inside of the image,
    H′ = ⌊(H − kernel)/stride⌋ + 1; or "same", zeros around it, H′ = ⌈H/stride⌉.
    initializer: of W, by name or as a function (rng, shape); by default, inside a Sequential, he_uniform where a
    rectifier follows, and glorot_uniform elsewhere. b starts at zero.
    Raises ValueError for sizes below 1 and for images of another shape, or smaller than the kernel under "valid".
    """

    def axes(self, height, width):
        return window_axes(self, height, width)

    def product(self, x):
        """im2col(x) W, in a new array."""
        self.check(x)
        axes = self.axes(*x.shape[2:])
        out = empty((len(x), *(axis.count for axis in axes), self.c_out), x)
        return images(convolve(pixels(x), self.W.value, axes, out))

    def backward(self, dy, x, needs_dx=True):
        """∂J/∂W += Xᵀ dy,  ∂J/∂b += Σ_p dy_p;  returns ∂J/∂x = col2im(dy Wᵀ)."""
        axes, x, dy_pixels = self.axes(*x.shape[2:]), pixels(x), pixels(dy)
        self.W.add_grad(kernel_gradient, x, dy_pixels, axes)
        self.add_bias_gradient(dy)
        if needs_dx:
            return images(convolve_adjoint(dy_pixels, self.W.value, axes, empty(x.shape, x)))

    def out_shape(self, shape):
        check_shape(self, shape, (self.c_in, "height", "width"), CHANNELS_FIRST)
        return (self.c_out, *(axis.count for axis in self.axes(*shape[1:])))
