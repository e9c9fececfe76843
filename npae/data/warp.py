"""Warping: augmentation of images by small random affine maps, so that a digit is written a little differently.

An image is a function x(p) of the position p = (row, column). The warped image y takes each pixel from another place:

    y(p) = x(c + A (p − c))            c: the centre of the image

               ⎡ cos t  −sin t ⎤ ⎡ 1  s ⎤ ⎡ eᵃ  0 ⎤     t: rotation, in radians
    A  =       ⎣ sin t   cos t ⎦ ⎣ 0  1 ⎦ ⎣ 0  eᵇ ⎦     s: shear;  a, b: logarithms of the scales

Each image has t, s, a, b ~ N(0, σ²) of its own. One σ serves all four, because each of them moves a pixel at distance r
from the centre by about σr. Multiplied out,

    A₁₁ = eᵃ cos t        A₁₂ = eᵇ (s cos t − sin t)
    A₂₁ = eᵃ sin t        A₂₂ = eᵇ (s sin t + cos t)

Between pixels, x is interpolated bilinearly: with p = ⌊p⌋ + w, w in [0, 1)², the value is a weighted mean of the four
nearest pixels, and the weight of each is the area of the rectangle opposite to it. Outside of the image, x is the
nearest pixel of its border, which continues the background of a photograph as well as that of a digit.

Interpolation blurs: edges become less steep, and a network would learn to draw blurred digits. A little contrast, the
factor g, makes them steep again:

    y ← min(max(½ + g (y − ½), 0), 1)

On MNIST the squared differences of neighbouring pixels sum to 56.5 per image. After warping with σ = 0.06 they are 39.4
with g = 1, and 55.7 with g = 1.4, where the share of pixels above 0 is right as well (first 5,000 training digits).

Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks applied to visual document analysis",
section 2.
"""

from collections.abc import Sequence

import numpy as np

from npae.backend import (
    Array,
    array_module,
    as_float,
    as_int,
    check_floats,
    cos,
    elementwise,
    empty,
    exp,
    matmul,
    maximum,
    minimum,
    sin,
)
from npae.data.augment import Augmentation, Config


@elementwise
def _maps(t, s, a, b, u, std, contrast, share):
    chosen = u < share  # for all other images A = I and g = 1
    std, g = std * chosen, 1 + (contrast - 1) * chosen
    t, s, a, b = std * t, std * s, exp(std * a), exp(std * b)
    return a * cos(t), b * (s * cos(t) - sin(t)), a * sin(t), b * (s * sin(t) + cos(t)), g, (1 - g) / 2


@elementwise(out=("p",))
def _inside(p, centre, last):
    return minimum(maximum(p + centre, 0), last)


@elementwise(out=("p",))
def _fraction(p, floor):
    return p - floor


@elementwise
def _bilinear(x00, x01, x10, x11, w, v):
    return (1 - w) * ((1 - v) * x00 + v * x01) + w * ((1 - v) * x10 + v * x11)


@elementwise(out=("x",))
def _clip(x):
    return minimum(maximum(x, 0), 1)


class Warp(Augmentation):
    """Rotate, shear and stretch a random share of the images, each differently.

    A batch is of images (B, …, height, width) or of rows of height · width pixels, in [0, 1]; all channels of an image
    are warped alike.

    Args:
        std: σ, the standard deviation of the angles, shears and logarithms of scales.
        share: of the images that are warped, on average.
        contrast: g, for the warped images.
        image: (height, width).

    Raises ValueError for samples of another size, TypeError unless the pixels are floats.

    Example:
        >>> import numpy as np
        >>> from npae.data import Warp, mnist
        >>> x = np.float32(mnist(which="sample").test_images[:8]) / 255
        >>> y = Warp(0.06, share=1.0)(x)
        >>> y.shape, float(y.min()), float(y.max())
        ((8, 28, 28), 0.0, 1.0)
    """

    def __init__(self, std: float, share: float = 0.5, contrast: float = 1.4,
                 image: Sequence[int] = (28, 28)) -> None:  # fmt: skip
        super().__init__()
        self.std = as_float(std, "std of Warp", least=0)
        self.share = as_float(share, "share of Warp", least=0, most=1)
        self.contrast = as_float(contrast, "contrast of Warp", above=0)
        if len(image) != 2:
            raise ValueError(f"Warp: expected image=(height, width), both at least 2, got {image}.")
        self.image = tuple(as_int(n, "size of Warp's image", least=2) for n in image)
        self._constants: dict[tuple, tuple[Array, Array]] = {}

    def __call__(self, x: Array) -> Array:
        height, width = self.image
        check_floats(self, x)
        if x.shape[1:][-2:] != self.image and x.shape[1:] != (height * width,):
            raise ValueError(
                f"{self!r}: expected images (batch, …, {height}, {width}) or rows (batch, {height * width}), "
                f"got {x.shape}. Give image=(height, width)."
            )
        planes = x.reshape(len(x), -1, height, width)
        size, channels = planes.shape[:2]
        grid, starts = self._fixed(x, size, channels)
        rows, columns, g, offset = self._draw(x, size, grid)
        w, v = _split(rows, height - 2), _split(columns, width - 2)
        pixel = empty(rows.shape, x, np.intp)
        rows *= width
        rows += columns
        pixel[...] = rows
        pixel += starts
        y, known = empty(planes.shape, x), planes.reshape(-1)
        for c in range(channels):
            flat = known[c * height * width :]
            corners = [_take(flat[k:], pixel) for k in (0, 1, width, width + 1)]
            plane = _bilinear(*corners, w, v)
            plane *= g[:, None]
            plane += offset[:, None]
            y[:, c] = _clip(plane, out=plane).reshape(size, height, width)
        return y.reshape(x.shape)

    def _draw(self, x, size, grid):
        """Where y(p) is taken from, rows and columns (B, pixels); and g and (1 − g)/2 of every image, (B,)."""
        height, width = self.image
        noise, u = self.stream.normal(empty((4, size), x)), self.stream.uniform(empty((size,), x))
        t, s, a, b = noise[0], noise[1], noise[2], noise[3]
        a11, a12, a21, a22, g, offset = _maps(t, s, a, b, u, self.std, self.contrast, self.share)
        rows, columns = _product(a11, a12, grid), _product(a21, a22, grid)
        _inside(rows, (height - 1) / 2, height - 1, out=rows)
        _inside(columns, (width - 1) / 2, width - 1, out=columns)
        return rows, columns, g, offset

    def _fixed(self, x, size, channels):
        """p − c of every pixel, (2, pixels), and the index at which each image of the batch starts, (B, 1)."""
        xp, (height, width) = array_module(x), self.image
        key = xp.__name__, x.dtype.str, size, channels
        if key not in self._constants:
            r, c = np.mgrid[:height, :width].reshape(2, -1) - np.array([[height - 1], [width - 1]]) / 2
            starts = np.arange(size)[:, None] * (channels * height * width)
            self._constants[key] = xp.asarray(np.stack([r, c]).astype(x.dtype)), xp.asarray(starts)
        return self._constants[key]

    def config(self) -> Config:
        return {"std": self.std, "share": self.share, "contrast": self.contrast, "image": list(self.image)}


def _product(a, b, grid):
    """a_i · row + b_i · column for every sample i and every pixel: (B, pixels)."""
    pairs = empty((2, len(a)), a)
    pairs[0], pairs[1] = a, b
    return matmul(pairs.T, grid, out=empty((len(a), grid.shape[1]), a))


def _split(p, last):
    """w = p − ⌊p⌋ as a new array; p itself becomes ⌊p⌋. Both for ⌊p⌋ of at most `last`, so w is 1 at the border."""
    w = empty(p.shape, p)
    w[...] = p
    array_module(p).floor(p, out=p)
    array_module(p).minimum(p, last, out=p)
    return _fraction(w, p, out=w)


def _take(flat, pixel):
    xp = array_module(flat)
    out = empty(pixel.shape, flat)
    return np.take(flat, pixel, out=out, mode="clip") if xp is np else xp.take(flat, pixel, out=out)
