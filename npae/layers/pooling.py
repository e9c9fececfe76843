"""Max pooling and average pooling: each window of an image becomes one number per channel, its maximum or its mean.

    max:      y_p = max_t x_{sp+t−pad}          ∂J/∂x_q = Σ_p dy_p [q is the place of the maximum of window p]
    average:  y_p = 1/n_p Σ_t x_{sp+t−pad}      ∂J/∂x_q = Σ_{p reads q} dy_p / n_p

t runs over the window, s is the stride, and pad is as in npae.layers.patches. Places outside of the image have no
pixel: they are never the maximum, and n_p counts the places inside.

The maximum over a window is the maximum over its columns of the maxima within each column, and sums work likewise. So
pooling is one pass along the height and one along the width, with k + k taps in place of k². Backward undoes the two
passes in reverse order.

**Ties.** The first maximum (in the leftmost column, then the topmost row) receives the whole gradient. In one pass,
take the taps t = 0 … k − 1 of a window in order, starting with rest = dy:

    g_t = rest · [x_t ≥ y],     rest ← rest − g_t

Before the first maximum the bracket is 0, so g_t = 0 and rest stays dy. At the first maximum x_t = y, so g_t = dy and
rest becomes 0. After it rest is 0, so g_t = 0. The last tap needs no comparison: it takes the rest.

Max pooling can be exchanged with an increasing function, max_t φ(x_t) = φ(max_t x_t), and with adding a bias. A ReLU
after max pooling thus gives the same as one before it, with a quarter of the work for windows of 2 × 2.

LeCun et al. 1998 (average); Jarrett, Kavukcuoglu, Ranzato & LeCun 2009 (max); Goodfellow et al. 2016, section 9.3.
"""

from npae.backend import Array, Config, array_module, check_floats, elementwise, empty, images, pixels
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.patches import Axis, IntOrPair, Padding, pair, window_axes


@elementwise(out=("rest",))
def _pass_to_maximum(rest, x, y):
    g = rest * (x >= y)
    return rest - g, g


def windows_max(x: Array, along: int, axis: Axis) -> Array:
    """The maximum of every window of x (B, H, W, C) along one of its axes, 1 or 2: a new array."""
    y = empty(_shape(x, along, axis.out_size), x)
    y.fill(-float("inf"))
    for inputs, outputs in _taps(along, axis):
        array_module(x).maximum(y[outputs], x[inputs], out=y[outputs])
    return y


def windows_max_backward(dy: Array, x: Array, y: Array, along: int, axis: Axis) -> Array:
    """∂J/∂x from ∂J/∂y, where y = windows_max(x)."""
    dx, rest = _for_inputs(dy, along, axis), empty(dy.shape, dy)
    rest[...] = dy
    *taps, (inputs, outputs) = _taps(along, axis)
    for i, o in taps:
        if axis.overlaps:
            dx[i] += _pass_to_maximum(rest[o], x[i], y[o], out=(rest[o], empty(y[o].shape, y)))[1]
        else:
            _pass_to_maximum(rest[o], x[i], y[o], out=(rest[o], dx[i]))
    _add(dx, inputs, rest[outputs], axis)  # the last tap takes the rest
    return dx


def windows_sum(x: Array, along: int, axis: Axis) -> Array:
    """The sum of every window of x (B, H, W, C) along one of its axes, 1 or 2: a new array."""
    y = empty(_shape(x, along, axis.out_size), x)
    y.fill(0)
    for inputs, outputs in _taps(along, axis):
        y[outputs] += x[inputs]
    return y


def windows_sum_adjoint(y: Array, along: int, axis: Axis) -> Array:
    """The adjoint of windows_sum: every number of y (B, H, W, C) is added to all places of its window. A new array."""
    x = _for_inputs(y, along, axis)
    for inputs, outputs in _taps(along, axis):
        _add(x, inputs, y[outputs], axis)
    return x


def _shape(x, along, size):
    return (*x.shape[:along], size, *x.shape[along + 1 :])


def _add(x, place, values, axis):
    """x[place] += values; without overlaps each place is met once, so that writing is enough."""
    if axis.overlaps:
        x[place] += values
    else:
        x[place] = values


def _for_inputs(y, along, axis):
    """An array for the inputs of y's windows: zeros, or uninitialised if each input lies in exactly one window."""
    x = empty(_shape(y, along, axis.size), y)
    if axis.overlaps or axis.stride > axis.kernel or axis.span - axis.pad < axis.size:
        x.fill(0)
    return x


def _taps(along, axis):
    """Yield (inputs, outputs) for each tap of the windows: the indices into x and y where it lies inside the image."""
    for inputs, outputs in axis.taps():
        yield (slice(None),) * along + (inputs,), (slice(None),) * along + (outputs,)


class Pooling(Layer):
    """The base of the pooling layers. Subclasses implement _forward and _backward, one pass along an axis.

    Raises ValueError for sizes below 1, for x that is not a batch of images, and under "valid" for images smaller than
    the window; TypeError for pixels that are not floats.
    """

    def __init__(self, size: IntOrPair, stride: IntOrPair | None = None, padding: Padding = "valid"):
        self.kernel, self.stride, self.padding = pair(size), pair(size if stride is None else stride), padding
        if min(self.kernel + self.stride) < 1 or padding not in ("valid", "same"):
            raise ValueError(f'{self!r}: expected size and stride of at least 1, and padding "valid" or "same".')

    def _forward(self, x: Array, along: int, axis: Axis) -> tuple[Array, tuple]:
        raise NotImplementedError  # (y, cache)

    def _backward(self, dy: Array, *cache: Cache) -> Array:
        raise NotImplementedError  # dx

    def forward(self, x: Array, training: bool = False) -> tuple[Array, list[Cache]]:
        """y, (batch, channels, H′, W′). The cache is the list of both passes' caches."""
        check_images(self, x)
        caches = []
        y = pixels(x)
        for along, axis in enumerate(window_axes(self, *x.shape[2:]), start=1):
            y, cache = self._forward(y, along, axis)
            caches.append(cache)
        return images(y), caches

    def backward(self, dy: Array, caches: list[Cache], needs_dx: bool = True) -> Gradient:
        """∂J/∂x."""
        if not needs_dx:
            return None
        dx = pixels(dy)
        for cache in reversed(caches):
            dx = self._backward(dx, *cache)
        return images(dx)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
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

    def _forward(self, x: Array, along: int, axis: Axis) -> tuple[Array, tuple]:
        y = windows_max(x, along, axis)
        return y, (x, y, along, axis)

    def _backward(self, dy: Array, *cache: Cache) -> Array:
        return windows_max_backward(dy, *cache)


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

    def _forward(self, x: Array, along: int, axis: Axis) -> tuple[Array, tuple]:
        return _divide_by_counts(windows_sum(x, along, axis), along, axis), (along, axis)

    def _backward(self, dy: Array, along: int, axis: Axis) -> Array:
        mean = empty(dy.shape, dy)
        mean[...] = dy
        return windows_sum_adjoint(_divide_by_counts(mean, along, axis), along, axis)


def _divide_by_counts(y, along, axis):
    """y, divided in place by the number of places that each window has inside the image along this axis."""
    y *= 1 / axis.kernel
    for p in range(axis.out_size):
        first = p * axis.stride - axis.pad
        inside = min(first + axis.kernel, axis.size) - max(first, 0)
        if inside < axis.kernel:
            y[(slice(None),) * along + (p,)] *= axis.kernel / inside
    return y


def check_images(layer: Layer, x: Array) -> None:
    """Raise ValueError unless x has the shape (batch, channels, height, width), TypeError unless it has floats."""
    array_module(x)  # raises for a list
    if x.ndim != 4:
        raise ValueError(
            f"{layer!r}: expected images of shape (batch, channels, height, width), got {x.shape}. Images of one "
            "channel are x[:, None], rows are reshaped by layers.Reshape((channels, height, width))."
        )
    check_floats(layer, x)
