"""Max pooling and average pooling: each window of an image becomes one number per channel, its maximum or its mean.

    max:      y_p = max_t x_{sp+t−pad}          ∂J/∂x_q = Σ_p dy_p [q is the place of the maximum of window p]
    average:  y_p = 1/n_p Σ_t x_{sp+t−pad}      ∂J/∂x_q = Σ_{p reads q} dy_p / n_p

t runs over the window, s is the stride, and pad is as in npae.layers.patches; n_p counts the pixels of window p inside
the image. Of equal maxima the first receives the gradient. npae.layers.windows derives and computes the formulas.

Max pooling can be exchanged with an increasing function, max_t φ(x_t) = φ(max_t x_t), and with adding a bias. A ReLU
after max pooling thus gives the same as one before it, with a quarter of the work for windows of 2 × 2.

LeCun et al. 1998 (average); Jarrett, Kavukcuoglu, Ranzato & LeCun 2009 (max); Goodfellow et al. 2016, section 9.3.
"""

from npae.backend import Array, Config, array_module, check_floats, check_shape, images, pixels
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.patches import Axis, IntOrPair, Padding, pair, window_axes
from npae.layers.windows import maxima, maxima_backward, sums, sums_adjoint


class Pooling(Layer):
    """The base of the pooling layers. Subclasses implement _forward and _backward, for arrays (B, H, W, C).

    Raises ValueError for sizes below 1, for x that is not a batch of images, and under "valid" for images smaller than
    the window; TypeError for pixels that are not floats.
    """

    def __init__(self, size: IntOrPair, stride: IntOrPair | None = None, padding: Padding = "valid"):
        self.kernel, self.stride, self.padding = pair(size), pair(size if stride is None else stride), padding
        if min(self.kernel + self.stride) < 1 or padding not in ("valid", "same"):
            raise ValueError(f'{self!r}: expected size and stride of at least 1, and padding "valid" or "same".')

    def _forward(self, x: Array, rows: Axis, columns: Axis) -> tuple[Array, Cache]:
        raise NotImplementedError  # (y, cache)

    def _backward(self, dy: Array, cache: Cache) -> Array:
        raise NotImplementedError  # dx

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """y, (batch, channels, H′, W′), and the cache of _forward."""
        check_images(self, x)
        y, cache = self._forward(pixels(x), *window_axes(self, *x.shape[2:]))
        return images(y), cache

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂x."""
        return images(self._backward(pixels(dy), cache)) if needs_dx else None

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, ("channels", "height", "width"), "Turn rows into images first: layers.Reshape.")
        return (shape[0], *(axis.out_size for axis in window_axes(self, *shape[1:])))

    def config(self) -> Config:
        return {"size": list(self.kernel), "stride": list(self.stride), "padding": self.padding}

    def __repr__(self):
        of = ", ".join(f"{name} {a}x{b}" for name, (a, b) in (("size", self.kernel), ("stride", self.stride)))
        return f"{type(self).__name__}({of}, {self.padding})"


class MaxPool2D(Pooling):
    """y_p = max_t x_{sp+t−pad} per channel; the gradient of y_p goes to the place of the maximum.

    Args:
        size: of the window, an integer, or a pair (of rows, of columns).
        stride: from one window to the next, likewise; None: the size.
        padding: "valid", windows inside the image; or "same", H′ = ⌈H/stride⌉, where windows may reach beyond it.

    Example:
        >>> import numpy as np
        >>> from npae.layers import MaxPool2D
        >>> MaxPool2D(2)(np.array([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]]))
        array([[[[6., 8.]]]])
    """

    def _forward(self, x: Array, rows: Axis, columns: Axis) -> tuple[Array, Cache]:
        return maxima(x, rows, columns)

    def _backward(self, dy: Array, cache: Cache) -> Array:
        return maxima_backward(dy, cache)


class AveragePool2D(Pooling):
    """y_p = 1/n_p Σ_t x_{sp+t−pad} per channel, over the n_p pixels inside the image; each of them gets dy_p / n_p.

    Args:
        size: of the window, an integer, or a pair (of rows, of columns).
        stride: from one window to the next, likewise; None: the size.
        padding: "valid", windows inside the image; or "same", H′ = ⌈H/stride⌉, where windows may reach beyond it.

    Example:
        >>> import numpy as np
        >>> from npae.layers import AveragePool2D
        >>> AveragePool2D(2)(np.array([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]]))
        array([[[[3.5, 5.5]]]])
    """

    def _forward(self, x: Array, rows: Axis, columns: Axis) -> tuple[Array, Cache]:
        return sums(x, rows, columns, mean=True), (rows, columns)

    def _backward(self, dy: Array, cache: Cache) -> Array:
        return sums_adjoint(dy, *cache, mean=True)


def check_images(layer: Layer, x: Array) -> None:
    """Raise ValueError unless x has the shape (batch, channels, height, width), TypeError unless it has floats."""
    array_module(x)  # raises for a list
    if x.ndim != 4:
        raise ValueError(
            f"{layer!r}: expected images of shape (batch, channels, height, width), got {x.shape}. Images of one "
            "channel are x[:, None], rows are reshaped by layers.Reshape((channels, height, width))."
        )
    check_floats(layer, x)
