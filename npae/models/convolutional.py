"""Convolutional autoencoders from a list of channels, and convolutional encoders and decoders for other models.

From the image to the code each stage halves height and width; on the way back each stage doubles them. There are four
variants, with kernels of 3 × 3 (C: convolution, Cs: convolution of stride 2, P: max pooling of 2 × 2, U: upsampling by
2, T: transposed convolution of stride 2; the number is that of the output channels):

    convolutional_autoencoder([16, 8])                      C16 P C8 P  →  code  →  C8 U C16 U C1
    convolutional_autoencoder([16, 8], pooled=1)            C16 P C8s   →  code  →  C8 U C16 U C1
    convolutional_autoencoder([16, 8], transposed=True)     C16 P C8 P  →  code  →  T8 T16 C1
    conv_encoder, conv_decoder                              C16s C8s Dense  →  row of numbers  →  Dense T8 T16 C1

Halving rounds up, so doubling may give a larger image than before: 28 → 14 → 7 → 4, and back 4 → 8 → 16. A convolution
without padding makes an image 2 pixels smaller, 16 → 14 → 28. So where an image is 2 pixels too large, the convolution
has no padding.

The networks of the Keras tutorials (with ReLU, and a sigmoid at the end, which is in the loss), for 28 × 28 pixels:

    convolutional_autoencoder([16, 8, 8])                   4,385 parameters     a code of 8 · 4 · 4 = 128 numbers
    convolutional_autoencoder([16, 8, 8], pooled=2)         4,385                the same, as in its published log
    convolutional_autoencoder([32, 32])                    28,353                32 · 7 · 7 = 1568, two per pixel
    convolutional_autoencoder([32, 32], transposed=True)   28,353                the same
    conv_encoder([32, 64], [16, 4])                        69,076                the variational encoder of 2 numbers
    conv_decoder(2, [64, 32])                              65,089                and its decoder

Chollet 2016, "Building autoencoders in Keras"; keras.io/examples, "Convolutional autoencoder for image denoising" and
"Variational autoencoder".
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from npae.backend import DTypeLike, as_int
from npae.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Flatten, MaxPool2D, Reshape, Sequential, Upsample2D
from npae.layers.activations import ActivationLike, as_activation
from npae.layers.base import Layer
from npae.losses import Loss
from npae.models.autoencoder import Autoencoder
from npae.models.dense import dense_stack

KERNEL = 3


def convolutional_autoencoder(channels: Sequence[int], image_shape: Sequence[int] = (1, 28, 28),
                              activation: ActivationLike = "relu", pooled: int | None = None, transposed: bool = False,
                              corruption: Layer | None = None, loss: Loss | type[Loss] | str | None = None,
                              seed: int | None = 0, dtype: DTypeLike = np.float32) -> Autoencoder:  # fmt: skip
    """An Autoencoder of images (batch, *image_shape) whose code is an image of channels[-1] channels.

    Args:
        channels: of the encoder's convolutions, and in reverse order of the decoder's.
        image_shape: (channels, height, width).
        activation: of every convolution but the last, which is linear: the loss adds what it needs.
        pooled: the number of stages, from the first, that halve with MaxPool2D; the others halve with the stride of
            their convolution. None: all pool.
        transposed: use transposed convolutions in the decoder, in place of convolutions and Upsample2D.
        corruption: a layer at the head of the encoder.
        loss: a Loss or its name, "mse" for real numbers. None: BinaryCrossEntropy, for data in [0, 1].
        seed: draws the first values of the parameters.
        dtype: of the parameters, float32 or float64.

    Raises ValueError for no channels, for `pooled` below 0 or above their number, and for images whose size doubling
    does not restore.

    Example:
        >>> import numpy as np
        >>> from npae import convolutional_autoencoder, fit
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 1, 16, 16), np.uint8)
        >>> model = convolutional_autoencoder([8, 4], image_shape=(1, 16, 16))
        >>> history = fit(model, images, epochs=1, progress="none")
        >>> model.encode(images).shape, model.reconstruct(images).shape
        ((50, 4, 4, 4), (50, 1, 16, 16))
    """
    c_image, *size = _checked("convolutional_autoencoder", channels, image_shape)
    pooled = None if pooled is None else as_int(pooled, "pooled of convolutional_autoencoder")
    if pooled is not None and not 0 <= pooled <= len(channels):
        raise ValueError(
            f"convolutional_autoencoder: expected pooled from 0 to the number of stages, {len(channels)}, got {pooled}."
        )
    encoder, sizes = [] if corruption is None else [corruption], [tuple(size)]
    for stage, (c_in, c_out) in enumerate(pairwise((c_image, *channels))):
        if pooled is None or stage < pooled:
            encoder += [Conv2D(c_in, c_out, KERNEL, 1, "same", activation), MaxPool2D(2, padding="same")]
        else:
            encoder += [Conv2D(c_in, c_out, KERNEL, 2, "same", activation)]
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))

    decoder, size = [], sizes[-1]
    way_back = pairwise((channels[-1], *reversed(channels)))
    for (c_in, c_out), wanted in zip(way_back, reversed(sizes[1:]), strict=True):
        if transposed:
            decoder += [ConvTranspose2D(c_in, c_out, KERNEL, 2, "same", activation)]
        else:
            conv, size = _fitted(c_in, c_out, size, wanted, activation)
            decoder += [conv, Upsample2D(2)]
        size = tuple(2 * n for n in size)
    conv, size = _fitted(channels[0], c_image, size, sizes[0])
    if size != sizes[0]:
        raise ValueError(
            "convolutional_autoencoder: expected images that come back to their size when halved and doubled "
            f"{len(channels)} times, {sizes[0]} come back as {size}. Crop or pad them to a multiple of "
            f"{2 ** len(channels)}. (image_shape is (channels, height, width).)"
        )
    return Autoencoder(Sequential(*encoder), Sequential(*decoder, conv), loss, seed, dtype)


def _fitted(c_in: int, c_out: int, size: tuple[int, ...], wanted: tuple[int, ...],
            activation: ActivationLike = None) -> tuple[Conv2D, tuple[int, ...]]:  # fmt: skip
    """(convolution, its output size) for an image of this size: without padding if that gives the `wanted` size."""
    cut = tuple(n - KERNEL + 1 for n in size)
    if cut == wanted:
        return Conv2D(c_in, c_out, KERNEL, 1, "valid", activation), cut
    return Conv2D(c_in, c_out, KERNEL, 1, "same", activation), size


def conv_encoder(channels: Sequence[int], sizes: Sequence[int], image_shape: Sequence[int] = (1, 28, 28),
                 activation: ActivationLike = "relu", normalised: bool = False) -> Sequential:  # fmt: skip
    """A Sequential from images (batch, *image_shape) to rows (batch, sizes[-1]), linear at the end.

    Args:
        channels: of the convolutions of stride 2.
        sizes: of the Dense layers after them.
        image_shape: (channels, height, width).
        activation: of every layer but the last.
        normalised: BatchNorm after every convolution but the first, where it would remove the batch's brightness.

    Raises ValueError for no sizes, and for images that cannot be halved once per stage.

    Example:
        >>> import numpy as np
        >>> from npae import VariationalAutoencoder, fit
        >>> from npae.models import conv_decoder, conv_encoder
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 1, 16, 16), np.uint8)
        >>> encoder = conv_encoder([4, 8], [16, 2 * 3], image_shape=(1, 16, 16))  # [μ | log σ²] of 3 numbers each
        >>> model = VariationalAutoencoder(encoder, conv_decoder(3, [8, 4], image_shape=(1, 16, 16)))
        >>> history = fit(model, images, epochs=1, progress="none")
        >>> model.encode(images).shape, model.sample(2).shape
        ((50, 3), (2, 1, 16, 16))
    """
    height, width = _halved("conv_encoder", channels, image_shape)
    if not sizes:
        raise ValueError("conv_encoder: expected sizes of at least one Dense layer, got none.")
    layers = []
    for k, (c_in, c_out) in enumerate(pairwise((image_shape[0], *channels))):
        layers += _stage(partial(Conv2D, c_in, c_out, KERNEL, 2, "same"), c_out, activation, normalised and k > 0)
    return Sequential(*layers, Flatten(), *dense_stack([channels[-1] * height * width, *sizes], activation))


def conv_decoder(code: int, channels: Sequence[int], image_shape: Sequence[int] = (1, 28, 28),
                 activation: ActivationLike = "relu", normalised: bool = False,
                 transposed: bool = True) -> Sequential:  # fmt: skip
    """A Sequential from codes (batch, code) to images (batch, *image_shape), linear at the end.

    Args:
        code: the numbers per code.
        channels: of the transposed convolutions of stride 2. The Dense layer before them returns an image of
            channels[0] channels, and a last convolution returns the image.
        image_shape: (channels, height, width).
        activation: of every layer but the last.
        normalised: BatchNorm before every activation.
        transposed: False takes Upsample2D and a convolution in place of each transposed one, which costs more
            arithmetic and leaves no checkerboard pattern.

    Raises ValueError for images that cannot be halved once per stage.

    Example:
        >>> import numpy as np
        >>> from npae.models import conv_decoder
        >>> decoder = conv_decoder(2, [8, 4], image_shape=(3, 16, 16)).initialize(seed=0)
        >>> decoder(np.zeros((5, 2), np.float32)).shape
        (5, 3, 16, 16)
    """
    height, width = _halved("conv_decoder", channels, image_shape)
    # Glorot's initial weights, as in the tutorial.
    dense = partial(Dense, code, channels[0] * height * width, initializer="glorot_uniform")
    layers = _stage(dense, channels[0], activation, normalised, Reshape((channels[0], height, width)))
    for c_in, c_out in pairwise((channels[0], *channels)):
        if transposed:
            doubled = partial(ConvTranspose2D, c_in, c_out, KERNEL, 2, "same")
        else:
            doubled = partial(Conv2D, c_in, c_out, KERNEL, 1, "same")
            layers.append(Upsample2D(2))
        layers += _stage(doubled, c_out, activation, normalised)
    return Sequential(*layers, Conv2D(channels[-1], image_shape[0], KERNEL, padding="same"))


def _stage(layer: Callable[..., Layer], channels: int, activation: ActivationLike, normalised: bool,
           *reshape: Layer) -> list[Layer]:  # fmt: skip
    """The layers of a stage: layer(activation), or with BatchNorm before the activation; `reshape` follows layer."""
    if normalised:
        return [layer(activation=None), *reshape, BatchNorm(channels), as_activation(activation, "_stage")]
    return [layer(activation=activation), *reshape]


def _checked(name: str, channels: Sequence[int], image_shape: Sequence[int]) -> Sequence[int]:
    """image_shape as integers. Raises TypeError or ValueError unless it and the channels make a network."""
    if not (isinstance(channels, (list, tuple)) and isinstance(image_shape, (list, tuple))):
        raise TypeError(
            f"{name}: expected channels as a list, such as [16, 8], and image_shape as (channels, height, width), "
            f"got {channels!r} and {image_shape!r}."
        )
    image_shape = tuple(as_int(n, f"image_shape of {name}") for n in image_shape)
    numbers = [*(as_int(n, f"channels of {name}") for n in channels), *image_shape]
    if len(image_shape) != 3 or not channels or min(numbers) < 1:
        raise ValueError(
            f"{name}: expected channels of at least one stage and images (channels, height, width), all above 0, "
            f"got {channels} and {image_shape}."
        )
    height, width, last = image_shape
    if height == width and last in (1, 3, 4):
        raise ValueError(
            f"{name}: expected image_shape as (channels, height, width), got {image_shape}, in which the channels seem "
            f"to be last. Give {(last, height, width)}, and the images as np.moveaxis(x, -1, 1)."
        )
    return image_shape


def _halved(name: str, channels: Sequence[int], image_shape: Sequence[int]) -> tuple[int, int]:
    """(height, width) after one halving per entry of channels."""
    _, height, width = _checked(name, channels, image_shape)
    parts = 2 ** len(channels)
    if height % parts or width % parts:
        raise ValueError(
            f"{name}: expected images whose height and width can be halved {len(channels)} times, "
            f"got {height} x {width}. Crop or pad them to a multiple of {parts}."
        )
    return height // parts, width // parts
