"""Dense autoencoders from a list of sizes, with the decoder as the mirror image of the encoder.

    sizes 784-256-32   ->   784 → 256 → 32  |  32 → 256 → 784

With tied weights the decoder uses the encoder's weight matrices, transposed (npae.layers.tied).
"""

from itertools import pairwise

import numpy as np

from npae.backend import as_int
from npae.layers import Dense, Flatten, Layer, Reshape, Sequential, TiedDense
from npae.layers.activations import as_activation
from npae.models.autoencoder import Autoencoder


def as_sizes(sizes, name):
    """`sizes` as a list of ints, at least two and all above 0. name: of the calling function, for the errors.

    Raises ValueError for other sizes, TypeError for sizes that are not integers.
    """
    sizes = [as_int(n, f"sizes of {name}", least=1) for n in sizes]
    if len(sizes) < 2:
        raise ValueError(f"{name}: expected at least an input and a code size, got {sizes}.")
    return sizes


def dense_stack(sizes, activation, last=None):
    """Sequential of Dense layers sizes[0] → … → sizes[-1], with `activation`, and `last` for the last one."""
    layers = [Dense(n_in, n_out, activation) for n_in, n_out in pairwise(sizes[:-1])]
    return Sequential(*layers, Dense(sizes[-2], sizes[-1], last))


def dense_autoencoder(sizes, activation="relu", code_activation=None, loss=None, image_shape=None, seed=0,
                      dtype=np.float32, corruption=None, tied=False):  # fmt: skip
    """An Autoencoder sizes[0]-…-sizes[-1]-…-sizes[0] of Dense layers.

    sizes: from the input's number of features to the code's, at least two.
    activation: of every hidden layer, as a name, a class or an instance (LeakyReLU(0.2)); code_activation: of the code
    (default: the same; "linear" for a linear code). The output is linear: the loss adds what it needs (a sigmoid for
    cross-entropy).
    image_shape: such as (28, 28), to take and return images instead of rows.
    corruption: a layer at the head of the encoder, such as MaskingNoise(0.3): a denoising autoencoder.
    tied: let the decoder use the encoder's weights, transposed, with biases of its own (layers.TiedDense).
    Raises ValueError for fewer than two sizes, sizes below 1 and unknown names; TypeError for sizes that are not
    integers, and for an activation or a corruption that is not a layer.
    """
    name = "dense_autoencoder"
    sizes, code_activation = as_sizes(sizes, name), activation if code_activation is None else code_activation
    for given in (activation, code_activation):
        as_activation(given, name)  # raises for what is not one, in the name of this function
    if not (corruption is None or isinstance(corruption, Layer)):
        raise TypeError(f"{name}: expected a corruption such as layers.MaskingNoise(0.3), got {corruption!r}.")
    encoder = dense_stack(sizes, activation, code_activation)
    decoder = _tied_to(encoder, activation) if tied else dense_stack(sizes[::-1], activation)
    if image_shape is not None:
        if np.prod(image_shape) != sizes[0]:
            pixels = np.prod(image_shape)
            raise ValueError(f"{name}: images of shape {tuple(image_shape)} have {pixels} pixels, not {sizes[0]}.")
        encoder, decoder = Sequential(Flatten(), *encoder), Sequential(*decoder, Reshape(image_shape))
    if corruption is not None:
        encoder = Sequential(corruption, *encoder)
    return Autoencoder(encoder, decoder, loss, seed, dtype)


def _tied_to(encoder, activation):
    """The mirror image of an encoder of Dense layers, with tied weights."""
    *hidden, last = reversed(list(encoder))
    return Sequential(*[TiedDense(layer, activation) for layer in hidden], TiedDense(last))
