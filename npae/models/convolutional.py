"""Convolutional networks from a list of channels: the autoencoder of pooled images, and the halves of other models.

Between the image and the code every stage halves height and width, and on the way back doubles them. Four ways, with
kernels of 3 × 3 (C: convolution, P: the maximum of 2 × 2, U: every pixel four times, T: transposed, Cs: stride 2):

    convolutional_autoencoder([16, 8])                     C16 P C8 P   →  code  →  C8 U C16 U C1
    convolutional_autoencoder([16, 8], pooled=1)           C16 P C8s    →  code  →  C8 U C16 U C1
    convolutional_autoencoder([16, 8], transposed=True)    C16 P C8 P   →  code  →  T8 T16 C1
    conv_encoder, conv_decoder                     C16s C8s Dense  →  a row of numbers  →  Dense T8 T16 C1

Halving rounds up, so that doubling may give more than there was, 28 → 14 → 7 → 4 and 4 → 8 → 16. A convolution cuts it
off: without padding an image loses 2 pixels on its way through 3 × 3 windows, 16 → 14 → 28, so that is what the
convolution does that finds its image 2 pixels too large.

The networks of Keras' tutorials (with ReLU, and a sigmoid at the end, which is in the loss), 28 × 28 pixels:

    convolutional_autoencoder([16, 8, 8])                   4,385 parameters     a code of 8 · 4 · 4 = 128 numbers
    convolutional_autoencoder([16, 8, 8], pooled=2)         4,385                the same, as in its published training log
    convolutional_autoencoder([32, 32])                    28,353                32 · 7 · 7 = 1568, two for each pixel
    convolutional_autoencoder([32, 32], transposed=True)   28,353                the same
    conv_encoder([32, 64], [16, 4])             69,076                the variational encoder of 2 numbers
    conv_decoder(2, [64, 32])                     65,089                and its decoder

Chollet 2016, "Building autoencoders in Keras"; keras.io/examples, "Convolutional autoencoder for image denoising" and
"Variational autoencoder".
"""

from itertools import pairwise

import numpy as np

from npae.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Flatten,
    Identity,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    Upsample2D,
)
from npae.models.autoencoder import Autoencoder
from npae.models.dense import dense_stack

KERNEL = 3


def convolutional_autoencoder(channels, image_shape=(1, 28, 28), activation=ReLU, pooled=None, transposed=False, corruption=None,
                  loss=None, seed=0, dtype=np.float32):  # fmt: skip
    """An Autoencoder of images (batch, *image_shape) whose code is an image of channels[-1] channels.

    channels: of each convolution of the encoder, and in reverse order of the decoder. image_shape: (channels, height,
    width). activation: class of the activation behind every convolution but the last, which is linear: the loss adds
    what it needs. pooled: how many stages, from the first on, halve by MaxPool2D (all by default); the others do by the
    stride of their convolution. transposed: go back by transposed convolutions, in place of convolutions and
    Upsample2D. corruption: a layer at the head of the encoder. loss, seed, dtype: see Autoencoder.
    Raises ValueError for no channels, for `pooled` below 0 or above their number, and for images that doubling does not
    bring back to their size.
    """
    c_image, *size = _checked("convolutional_autoencoder", channels, image_shape)
    if pooled is not None and not 0 <= pooled <= len(channels):
        raise ValueError(f"convolutional_autoencoder: expected pooled from 0 to {len(channels)}, one a stage, got {pooled}.")
    encoder, sizes = [] if corruption is None else [corruption], [tuple(size)]
    for stage, (c_in, c_out) in enumerate(pairwise((c_image, *channels))):
        if pooled is None or stage < pooled:
            encoder += [Conv2D(c_in, c_out, KERNEL, padding="same"), activation(), MaxPool2D(2, padding="same")]
        else:
            encoder += [Conv2D(c_in, c_out, KERNEL, stride=2, padding="same"), activation()]
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))

    decoder, size = [], sizes[-1]
    way_back = pairwise((channels[-1], *reversed(channels)))
    for (c_in, c_out), wanted in zip(way_back, reversed(sizes[1:]), strict=True):
        if transposed:
            decoder += [ConvTranspose2D(c_in, c_out, KERNEL, stride=2, padding="same"), activation()]
        else:
            conv, size = _fitted(c_in, c_out, size, wanted)
            decoder += [conv, activation(), Upsample2D(2)]
        size = tuple(2 * n for n in size)
    conv, size = _fitted(channels[0], c_image, size, sizes[0])
    if size != sizes[0]:
        raise ValueError(
            f"convolutional_autoencoder: expected images that come back to their size when halved and doubled {len(channels)} "
            f"times, {sizes[0]} come back as {size}. Cut or pad them to a multiple of {2 ** len(channels)}."
        )
    return Autoencoder(Sequential(*encoder), Sequential(*decoder, conv), loss, seed, dtype)


def _fitted(c_in, c_out, size, wanted):
    """(convolution, size behind it) for an image of this size: without padding, if that brings it to `wanted`."""
    cut = tuple(n - KERNEL + 1 for n in size)
    if cut == wanted:
        return Conv2D(c_in, c_out, KERNEL, padding="valid"), cut
    return Conv2D(c_in, c_out, KERNEL, padding="same"), size


def conv_encoder(channels, sizes, image_shape=(1, 28, 28), activation=ReLU, normalised=False):
    """A Sequential from images (batch, *image_shape) to rows (batch, sizes[-1]), linear at the end.

    channels: of the convolutions of stride 2; sizes: of the Dense layers behind them. activation: class of the
    activation of every layer but the last. normalised: BatchNorm behind every convolution but the first, where it would
    level out how bright a batch is. Raises ValueError for no sizes, and for images that cannot be halved so often.
    """
    height, width = _halved("conv_encoder", channels, image_shape)
    if not sizes:
        raise ValueError("conv_encoder: expected sizes of at least one Dense layer, got none.")
    layers = []
    for k, (c_in, c_out) in enumerate(pairwise((image_shape[0], *channels))):
        layers.append(Conv2D(c_in, c_out, KERNEL, stride=2, padding="same"))
        layers += [BatchNorm(c_out), activation()] if normalised and k else [activation()]
    return Sequential(*layers, Flatten(), *dense_stack([channels[-1] * height * width, *sizes], activation, Identity))


def conv_decoder(code, channels, image_shape=(1, 28, 28), activation=ReLU, normalised=False, transposed=True):
    """A Sequential from codes (batch, code) to images (batch, *image_shape), linear at the end.

    channels: of the image that the Dense layer makes and of the first transposed convolution, then of the others, each
    of stride 2; a convolution makes the image of the last. activation: as above; normalised: BatchNorm before every
    activation. transposed: if not, Upsample2D and a convolution in place of each transposed one: more arithmetic, and
    no chequered pattern. Raises ValueError for images that cannot be halved so often.
    """
    height, width = _halved("conv_decoder", channels, image_shape)
    # Glorot's first weights, as in the tutorial, where a rectifier behind Reshape would ask for larger ones.
    dense = Dense(code, channels[0] * height * width, initializer="glorot_uniform")
    layers = [dense, Reshape((channels[0], height, width))]
    layers += [BatchNorm(channels[0]), activation()] if normalised else [activation()]
    for c_in, c_out in pairwise((channels[0], *channels)):
        if transposed:
            layers.append(ConvTranspose2D(c_in, c_out, KERNEL, stride=2, padding="same"))
        else:
            layers += [Upsample2D(2), Conv2D(c_in, c_out, KERNEL, padding="same")]
        layers += [BatchNorm(c_out), activation()] if normalised else [activation()]
    return Sequential(*layers, Conv2D(channels[-1], image_shape[0], KERNEL, padding="same"))


def _checked(name, channels, image_shape):
    """image_shape, if it and the channels can be."""
    if not (isinstance(channels, (list, tuple)) and isinstance(image_shape, (list, tuple))):
        raise TypeError(
            f"{name}: expected channels as a list, such as [16, 8], and image_shape as (channels, height, width), "
            f"got {channels!r} and {image_shape!r}."
        )
    if len(image_shape) != 3 or not channels or min(*channels, *image_shape) < 1:
        raise ValueError(
            f"{name}: expected channels of at least one stage and images (channels, height, width), all above 0, "
            f"got {channels} and {image_shape}."
        )
    return image_shape


def _halved(name, channels, image_shape):
    """(height, width) after a stage for each of the channels."""
    _, height, width = _checked(name, channels, image_shape)
    parts = 2 ** len(channels)
    if height % parts or width % parts:
        raise ValueError(
            f"{name}: expected images whose height and width can be halved {len(channels)} times, "
            f"got {height} x {width}. Cut or pad them to a multiple of {parts}."
        )
    return height // parts, width // parts
