"""Transposed convolution: the adjoint of a convolution, as a layer that makes images larger.

A convolution with stride s makes each side of an image about s times smaller. Without bias and activation it is a
linear map, and has an adjoint:

    ⟨conv v, u⟩ = ⟨v, convᵀ u⟩          for all images v and u

Conv2D computes the adjoint for ∂J/∂x. Here it is the forward pass: every pixel of x adds a multiple of the kernel to
the output, s pixels apart. Forward and backward exchange roles. With im2col and col2im of the convolution that goes
from the output's channels to x's, and X = im2col(da):

    a = col2im(x Wᵀ) + b          h = φ(a)              da = dh ⊙ φ′(a)
    ∂J/∂x = X W                   ∂J/∂W = Xᵀ x          ∂J/∂b = Σ_p da_p

To see this, change x or W a little. To first order J changes by ⟨da, change of a⟩, and by the definition of the adjoint

    ⟨da, col2im(x Wᵀ)⟩ = ⟨X, x Wᵀ⟩ = ⟨X W, x⟩ = ⟨Xᵀ x, W⟩

This is linear in x, with coefficients X W, and linear in W, with coefficients Xᵀ x: these are the gradients.

A convolution maps images of several sizes to one size: with stride 2 both 7 and 8 become 4. So the output size of the
adjoint is a choice. Padding "same" gives stride times the input's size. "valid" adds max(kernel − stride, 0), so that
the last window fits in.

Zeiler, Krishnan, Taylor & Fergus 2010, "Deconvolutional networks"; Dumoulin & Visin 2016, chapter 4. If the stride does
not divide the kernel size, neighbouring windows overlap unevenly, which shows as a checkerboard pattern: Odena,
Dumoulin & Olah 2016, "Deconvolution and checkerboard artifacts".
"""

from functools import partial

import numpy as np

from npae.backend import Array, check_shape, empty, images, pixels
from npae.layers.base import Cache, Gradient
from npae.layers.conv import CHANNELS_FIRST, Convolution
from npae.layers.convolve import convolve, convolve_adjoint, kernel_gradient
from npae.layers.patches import Axis


class ConvTranspose2D(Convolution):
    """h = φ(col2im(x Wᵀ) + b), from images (batch, c_in, H, W) to (batch, c_out, H′, W′).

    Without b and φ it is the adjoint of Conv2D(c_out, c_in, kernel, stride, padding) with the same W. b starts at zero.
    Raises ValueError for sizes below 1 and for images of another shape.

    Args:
        c_in: the number of channels of x.
        c_out: the number of channels of h.
        kernel: the size of the window, an integer, or a pair (of rows, of columns).
        stride: from one window to the next, likewise.
        padding: "same", H′ = stride · H; or "valid", H′ = stride · H + max(kernel − stride, 0) (the rule of Keras).
        activation, initializer: as for Conv2D.

    Example:
        >>> import numpy as np
        >>> from npae.layers import ConvTranspose2D
        >>> layer = ConvTranspose2D(8, 1, kernel=4, stride=2, padding="same").initialize(seed=0)
        >>> layer(np.zeros((5, 8, 14, 14), np.float32)).shape
        (5, 1, 28, 28)
    """

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return (*self.kernel, self.c_out, self.c_in)

    def first_kernel(self, rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
        """Drawn for a map from c_in to c_out, then transposed: W is the kernel of a convolution from c_out to c_in."""
        kh, kw, c_out, c_in = shape
        return np.swapaxes(self.initializer(rng, (kh, kw, c_in, c_out)), 2, 3)

    def axes(self, height: int, width: int) -> tuple[Axis, ...]:
        """The Axis of the height and of the width of the convolution whose output has this size."""
        more = [max(k - s, 0) if self.padding == "valid" else 0 for k, s in zip(self.kernel, self.stride, strict=True)]
        sizes = [n * s + m for n, s, m in zip((height, width), self.stride, more, strict=True)]
        return tuple(Axis.of(n, k, s, self.padding) for n, k, s in zip(sizes, self.kernel, self.stride, strict=True))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """h = φ(col2im(x Wᵀ) + b). The cache is x, and what φ′ is computed from."""
        self.check(x)
        axes = self.axes(*x.shape[2:])
        y = empty((len(x), *(axis.size for axis in axes), self.c_out), x)
        convolve_adjoint(pixels(x), self.W.value, axes, out=y)
        h, kept = self.activation.forward_sum(images(y), self.b.value)  # h = φ(col2im(x Wᵀ) + b)
        return h, (x, kept)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W += Xᵀ x,  ∂J/∂b += Σ_p da_p,  with X = im2col(da);  returns ∂J/∂x = X W."""
        x, kept = cache
        axes, x = self.axes(*x.shape[2:]), pixels(x)
        da = pixels(self.activation.backward(dy, kept))  # da = dh ⊙ φ′(a)
        self.W.accumulate(partial(kernel_gradient, da, x, axes))  # ∂J/∂W += Xᵀ x
        self.b.add_sum(da.reshape(-1, self.c_out))  # ∂J/∂b += Σ_p da_p, over the pixels of all images
        if needs_dx:
            return images(convolve(da, self.W.value, axes, out=empty(x.shape, x)))  # ∂J/∂x = X W

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.c_in, "height", "width"), CHANNELS_FIRST)
        return (self.c_out, *(axis.size for axis in self.axes(*shape[1:])))
