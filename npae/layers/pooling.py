"""Pooling: every window of an image becomes one number a channel, its maximum or its mean; images get smaller.

    max:      y_p = max_t x_{sp+t−a}          ∂J/∂x_q = Σ_p dy_p [q is the place of the maximum of window p]
    average:  y_p = 1/n_p Σ_t x_{sp+t−a}      ∂J/∂x_q = Σ_{p sees q} dy_p / n_p

t runs over the window, s is the stride, a the padding as in npae.layers.patches. Pixels beyond the border are no
pixels: they are never the maximum, and n_p counts those inside only.

The maximum over a window is the maximum over its columns of the maxima over their rows, and so is the sum: two sweeps,
along one axis each, with k + k taps instead of k k, the first over long runs of memory. Backward undoes them one by
one. Of equal numbers the first one passes for the maximum: the leftmost column's, in it the topmost; the whole
gradient goes there. As it is handed to a window's taps in turn, the one that is as large as the maximum takes it and
leaves nothing for the rest:

    g_t = rest [x_t ≥ y],     rest ← rest − g_t

An increasing function may change places with the maximum, max φ(x_t) = φ(max x_t), and so may a bias: a ReLU behind
the pooling gives the same as one before it, for a quarter of the work if windows are 2 × 2.

LeCun et al. 1998 (average); Jarrett, Kavukcuoglu, Ranzato & LeCun 2009 (max); Goodfellow et al. 2016, section 9.3.
"""

from npae.backend import array_module, check_floats, elementwise, empty, images, pixels
from npae.layers.base import Layer
from npae.layers.patches import pair, window_axes


@elementwise(out=("rest",))
def _take(rest, x, y):
    g = rest * (x >= y)
    return rest - g, g


def windows_max(x, along, axis):
    """The maximum of every window of x (B, H, W, C) along one of its axes, 1 or 2: a new array."""
    y = empty(_shape(x, along, axis.count), x)
    y.fill(-float("inf"))
    for inputs, outputs in _taps(along, axis):
        array_module(x).maximum(y[outputs], x[inputs], out=y[outputs])
    return y


def windows_max_backward(dy, x, y, along, axis):
    """∂J/∂x from ∂J/∂y, where y = windows_max(x)."""
    dx, rest = _unseen(dy, along, axis), empty(dy.shape, dy)
    rest[...] = dy
    *taps, (inputs, outputs) = _taps(along, axis)
    for i, o in taps:
        if axis.overlaps:
            dx[i] += _take(rest[o], x[i], y[o], out=(rest[o], empty(y[o].shape, y)))[1]
        else:
            _take(rest[o], x[i], y[o], out=(rest[o], dx[i]))
    _put(dx, inputs, rest[outputs], axis)  # the last one takes what nobody took
    return dx


def windows_sum(x, along, axis):
    """The sum of every window of x (B, H, W, C) along one of its axes, 1 or 2: a new array."""
    y = empty(_shape(x, along, axis.count), x)
    y.fill(0)
    for inputs, outputs in _taps(along, axis):
        y[outputs] += x[inputs]
    return y


def windows_sum_adjoint(y, along, axis):
    """Every number of y (B, H, W, C) in all places of its window along one axis, added up: a new array."""
    x = _unseen(y, along, axis)
    for inputs, outputs in _taps(along, axis):
        _put(x, inputs, y[outputs], axis)
    return x


def _shape(x, along, size):
    return (*x.shape[:along], size, *x.shape[along + 1 :])


def _put(x, place, values, axis):
    if axis.overlaps:
        x[place] += values
    else:
        x[place] = values


def _unseen(y, along, axis):
    """Room for what y's windows look at; zeros, unless every place is in exactly one window and will be written."""
    x = empty(_shape(y, along, axis.size), y)
    if axis.overlaps or axis.stride > axis.kernel or axis.reach - axis.before < axis.size:
        x.fill(0)
    return x


def _taps(along, axis):
    """(inputs, outputs) for every tap of the windows: the parts of x and y, where it lies inside of the image."""
    for inputs, outputs in axis.taps():
        yield (slice(None),) * along + (inputs,), (slice(None),) * along + (outputs,)


class Pooling(Layer):
    """What poolings share. A new one defines _forward(x, along, axis) -> (y, cache) and _backward(dy, *cache).

    size: of the window; stride: from one to the next, by default the size; both an integer, or a pair (of rows, of
    columns). padding: "valid", windows inside of the image; or "same", H′ = ⌈H/stride⌉, where windows may reach beyond.
    Raises ValueError for sizes below 1, for what is no images, and for images smaller than the window under "valid";
    TypeError for pixels that are no floats.
    """

    transparent = True

    def __init__(self, size, stride=None, padding="valid"):
        self.kernel, self.stride = pair(size), pair(size if stride is None else stride)
        self.padding = padding
        if min(self.kernel + self.stride) < 1 or padding not in ("valid", "same"):
            raise ValueError(f'{self!r}: expected size and stride of at least 1, and padding "valid" or "same".')

    def forward(self, x, training=False):
        """y, (batch, channels, H′, W′). The cache is what both sweeps need again."""
        check_images(self, x)
        caches = []
        y = pixels(x)
        for along, axis in enumerate(window_axes(self, *x.shape[2:]), start=1):
            y, cache = self._forward(y, along, axis)
            caches.append(cache)
        return images(y), caches

    def backward(self, dy, caches, needs_dx=True):
        """∂J/∂x."""
        if not needs_dx:
            return None
        dx = pixels(dy)
        for cache in reversed(caches):
            dx = self._backward(dx, *cache)
        return images(dx)

    def out_shape(self, shape):
        return (shape[0], *(axis.count for axis in window_axes(self, *shape[1:])))

    def config(self):
        return {"size": list(self.kernel), "stride": list(self.stride), "padding": self.padding}

    def __repr__(self):
        of = ", ".join(f"{name} {a}x{b}" for name, (a, b) in (("size", self.kernel), ("stride", self.stride)))
        return f"{type(self).__name__}({of}, {self.padding})"


class MaxPool2D(Pooling):
    """y_p = max_t x_{sp+t−a}, channel by channel; the gradient of y_p goes to the place of the maximum."""

    def _forward(self, x, along, axis):
        y = windows_max(x, along, axis)
        return y, (x, y, along, axis)

    def _backward(self, dy, *cache):
        return windows_max_backward(dy, *cache)


class AveragePool2D(Pooling):
    """y_p = 1/n_p Σ_t x_{sp+t−a}, channel by channel, n_p pixels inside; each of them gets dy_p / n_p."""

    def _forward(self, x, along, axis):
        return _over_counts(windows_sum(x, along, axis), along, axis), (along, axis)

    def _backward(self, dy, along, axis):
        mean = empty(dy.shape, dy)
        mean[...] = dy
        return windows_sum_adjoint(_over_counts(mean, along, axis), along, axis)


def _over_counts(y, along, axis):
    """y divided, in place, by how many pixels inside of the image each window has along this axis."""
    y *= 1 / axis.kernel
    for p in range(axis.count):
        first = p * axis.stride - axis.before
        inside = min(first + axis.kernel, axis.size) - max(first, 0)
        if inside < axis.kernel:
            y[(slice(None),) * along + (p,)] *= axis.kernel / inside
    return y


def check_images(layer, x):
    """Raise ValueError unless x is a batch of images (batch, channels, height, width), TypeError unless of floats."""
    array_module(x)  # raises for a list
    if x.ndim != 4:
        raise ValueError(
            f"{layer!r}: expected images of shape (batch, channels, height, width), got {x.shape}. Images of one "
            "channel are x[:, None], rows are reshaped by layers.Reshape((channels, height, width))."
        )
    check_floats(layer, x)
