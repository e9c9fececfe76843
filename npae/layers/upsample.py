"""Nearest-neighbour upsampling: each pixel becomes a square of equal pixels, and images get larger.

    y_q = x_{⌊q/f⌋}          ∂J/∂x_p = Σ_{q: ⌊q/f⌋ = p} dy_q

f is the factor; p and q are pixels. Along each axis pixel p of x becomes the pixels f p … f p + f − 1 of y. So forward
is the adjoint of the sum over windows of size f and stride f (npae.layers.windows), and backward is this sum. The layer
has no parameters. A convolution behind it smooths the squares, and leaves no checkerboard pattern as transposed
convolutions may (Odena, Dumoulin & Olah 2016, "Deconvolution and checkerboard artifacts").
"""

from npae.backend import Array, Config, check_shape, images, pixels
from npae.layers.base import Gradient, Layer
from npae.layers.patches import Axis, pair
from npae.layers.pooling import check_images
from npae.layers.windows import sums, sums_adjoint


class Upsample2D(Layer):
    """y_q = x_{⌊q/f⌋}, from images (batch, channels, H, W) to (batch, channels, f H, f W).

    Raises ValueError for a factor below 1 and for x that is not a batch of images, TypeError for pixels that are not
    floats.

    Args:
        factor: f, an integer, or a pair (of rows, of columns).

    Example:
        >>> import numpy as np
        >>> from npae.layers import Upsample2D
        >>> Upsample2D(2)(np.array([[[[1.0, 2.0]]]]))
        array([[[[1., 1., 2., 2.],
                 [1., 1., 2., 2.]]]])
    """

    def __init__(self, factor: int | tuple[int, int]):
        self.factor = pair(factor)
        if min(self.factor) < 1:
            raise ValueError(f"{self!r}: expected a factor of at least 1.")

    def _axes(self, height: int, width: int) -> list[Axis]:
        return [Axis.of(n * f, f, f, "valid") for n, f in zip((height, width), self.factor, strict=True)]

    def forward(self, x: Array, training: bool = False) -> tuple[Array, list[Axis]]:
        """The cache is the axes of y."""
        check_images(self, x)
        rows, columns = axes = self._axes(*x.shape[2:])
        return images(sums_adjoint(pixels(x), rows, columns)), axes

    def backward(self, dy: Array, axes: list[Axis], needs_dx: bool = True) -> Gradient:
        """∂J/∂x, the sum of dy over each square."""
        rows, columns = axes
        return images(sums(pixels(dy), rows, columns)) if needs_dx else None

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, ("channels", "height", "width"), "Turn rows into images first: layers.Reshape.")
        return (shape[0], *(axis.size for axis in self._axes(*shape[1:])))

    def config(self) -> Config:
        return {"factor": list(self.factor)}

    def __repr__(self):
        return f"Upsample2D({self.factor[0]}x{self.factor[1]})"
