"""The usual deep autoencoder from a list of sizes: the decoder is the encoder seen in a mirror.

    sizes 784-256-32   ->   784 → 256 → 32  |  32 → 256 → 784

Tied, it has the encoder's weights too, transposed (npae.layers.tied).
"""

from itertools import pairwise

import numpy as np

from npae.backend import as_int
from npae.layers import Activation, Dense, Flatten, Identity, Layer, ReLU, Reshape, Sequential, TiedDense
from npae.models.autoencoder import Autoencoder


def as_sizes(sizes, name):
    """`sizes` as a list of ints, at least two and all above 0. name: of the function that they were given to.

    Raises ValueError for others, TypeError for what is no integer.
    """
    sizes = [as_int(n, f"sizes of {name}", least=1) for n in sizes]
    if len(sizes) < 2:
        raise ValueError(f"{name}: expected at least an input and a code size, got {sizes}.")
    return sizes


def dense_stack(sizes, activation, last):
    """Sequential of Dense layers sizes[0] → … → sizes[-1], each followed by activation(), the last by last()."""
    return _with_activations([Dense(n_in, n_out) for n_in, n_out in pairwise(sizes)], activation, last)


def _with_activations(affine, activation, last):
    layers = []
    for k, layer in enumerate(affine):
        made = (last if k == len(affine) - 1 else activation)()
        layers += [layer] if isinstance(made, Identity) else [layer, made]
    return Sequential(*layers)


def dense_autoencoder(sizes, activation=ReLU, code_activation=None, loss=None, image_shape=None, seed=0, dtype=np.float32,
             corruption=None, tied=False):  # fmt: skip
    """An Autoencoder sizes[0]-…-sizes[-1]-…-sizes[0] of Dense layers.

    sizes: from the input's number of features to the code's, at least two.
    activation: class of the activation after every hidden layer (or a function that makes one, for arguments, such as
    lambda: LeakyReLU(0.2)); code_activation: after the code (default: the same; Identity for a linear code). The output
    is linear: the loss adds what it needs (a sigmoid for cross-entropy).
    image_shape: such as (28, 28), to take and give images instead of rows.
    corruption: a layer at the head of the encoder, such as MaskingNoise(0.3): a denoising autoencoder.
    tied: give the decoder the encoder's weights, transposed, and biases of its own (layers.TiedDense).
    Raises ValueError for sizes that make no network, TypeError for sizes that are no integers, an activation that is
    not an Activation class and a corruption that is not a layer.
    """
    sizes = as_sizes(sizes, "dense_autoencoder")
    code_activation = code_activation or activation
    for a in (activation, code_activation):
        if isinstance(a, Layer) or not (callable(a) and isinstance(a(), Activation)):
            raise TypeError(f"dense_autoencoder: expected an activation class such as layers.ReLU, got {a!r}.")
    if not (corruption is None or isinstance(corruption, Layer)):
        raise TypeError(f"dense_autoencoder: expected a corruption such as layers.MaskingNoise(0.3), got {corruption!r}.")
    encoder = dense_stack(sizes, activation, code_activation)
    decoder = _tied_to(encoder, activation) if tied else dense_stack(sizes[::-1], activation, Identity)
    if image_shape is not None:
        encoder, decoder = _with_images(encoder, decoder, image_shape, sizes[0])
    if corruption is not None:
        encoder = Sequential(corruption, *encoder)
    return Autoencoder(encoder, decoder, loss, seed, dtype)


def _tied_to(encoder, activation):
    tied = [TiedDense(layer) for layer in reversed(list(encoder)) if isinstance(layer, Dense)]
    return _with_activations(tied, activation, Identity)


def _with_images(encoder: Layer, decoder: Layer, shape, size):
    if np.prod(shape) != size:
        raise ValueError(f"dense_autoencoder: images of shape {tuple(shape)} have {np.prod(shape)} pixels, not {size}.")
    return Sequential(Flatten(), *encoder), Sequential(*decoder, Reshape(shape))
