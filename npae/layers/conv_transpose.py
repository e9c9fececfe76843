"""Transposed convolution: the adjoint of a convolution, as a layer that makes images larger.

A convolution with stride s makes one pixel of about s × s. Without its bias it is a linear map, and has an adjoint:

    ⟨conv v, u⟩ = ⟨v, convᵀ u⟩          for all images u, v

which is what Conv2D computes for ∂J/∂x. Here it is the way forward: every pixel of x is stamped into y, as the kernel
says, s pixels apart. What was backward there is forward here, and the other way round; with X = im2col(dy), where
im2col is that of the convolution from y's channels to x's:

    y = col2im(x Wᵀ) + b          ∂J/∂x = X W          ∂J/∂W = Xᵀ x          ∂J/∂b = Σ_p dy_p

(⟨dy, col2im(x Wᵀ)⟩ = ⟨X W, x⟩ by the definition of the adjoint: read off the derivative by x; it is linear in W too,
with ⟨X W, x⟩ = ⟨W, Xᵀ x⟩.) Since many sizes are convolved to the same one, (7 and 8 to 4, with stride 2), the larger
one is settled: padding "same" gives s times the input, "valid" the smallest that every stamp fits into.

Zeiler, Krishnan, Taylor & Fergus 2010, "Deconvolutional networks"; Dumoulin & Visin 2016, chapter 4. Stamps that
overlap unevenly (a kernel size that is no multiple of the stride) print a chequered pattern: Odena, Dumoulin & Olah
2016.
"""

from functools import partial

import numpy as np

from npae.backend import empty, images, pixels
from npae.layers.base import check_shape
from npae.layers.conv import CHANNELS_FIRST, Convolution
from npae.layers.convolve import convolve, convolve_adjoint, kernel_gradient
from npae.layers.patches import Axis


def _turned(initializer, rng, shape):
    """Draw W as what it is, a map from c_in to c_out, and turn it into the kernel of the convolution from y to x."""
    return np.swapaxes(initializer(rng, (*shape[:2], shape[3], shape[2])), 2, 3)


class ConvTranspose2D(Convolution):
    """y = col2im(x Wᵀ) + b: from images (batch, c_in, H, W) to (batch, c_out, H′, W′).

    Exactly the adjoint of Conv2D(c_out, c_in, kernel, stride, padding) with the same W, (kh, kw, c_out, c_in).
    kernel, stride: an integer, or a pair (of rows, of columns). padding: "same", H′ = stride · H; or "valid",
    H′ = stride · H + max(kernel − stride, 0) (the rule of Keras). initializer: as for Conv2D; b starts at zero.
    Raises ValueError for sizes below 1 and for images of another shape.
    """

    @property
    def kernel_shape(self):
        return (*self.kernel, self.c_out, self.c_in)

    def draw_by(self, initializer):
        super().draw_by(initializer)
        self.W.initializer = partial(_turned, initializer)

    def axes(self, height, width):
        """The Axis of the height and of the width of y, which is convolved to images of this size."""
        more = [max(k - s, 0) if self.padding == "valid" else 0 for k, s in zip(self.kernel, self.stride, strict=True)]
        sizes = [n * s + m for n, s, m in zip((height, width), self.stride, more, strict=True)]
        return tuple(Axis.of(n, k, s, self.padding) for n, k, s in zip(sizes, self.kernel, self.stride, strict=True))

    def product(self, x):
        """col2im(x Wᵀ), in a new array."""
        self.check(x)
        axes = self.axes(*x.shape[2:])
        out = empty((len(x), *(axis.size for axis in axes), self.c_out), x)
        return images(convolve_adjoint(pixels(x), self.W.value, axes, out))

    def backward(self, dy, x, needs_dx=True):
        """∂J/∂W += Xᵀ x,  ∂J/∂b += Σ_p dy_p,  with X = im2col(dy);  returns ∂J/∂x = X W."""
        axes, x, dy_pixels = self.axes(*x.shape[2:]), pixels(x), pixels(dy)
        self.W.add_grad(kernel_gradient, dy_pixels, x, axes)
        self.add_bias_gradient(dy)
        if needs_dx:
            return images(convolve(dy_pixels, self.W.value, axes, empty(x.shape, x)))

    def out_shape(self, shape):
        check_shape(self, shape, (self.c_in, "height", "width"), CHANNELS_FIRST)
        return (self.c_out, *(axis.size for axis in self.axes(*shape[1:])))
