"""Dense autoencoders from a list of sizes, with the decoder as the mirror image of the encoder.

    sizes 784-256-32   ->   784 → 256 → 32  |  32 → 256 → 784

With tied weights the decoder uses the encoder's weight matrices, transposed (npae.layers.tied).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from npae.backend import DTypeLike, as_int, as_member
from npae.layers import BatchNorm, Dense, Dropout, Flatten, Layer, Reshape, Sequential, TiedDense
from npae.layers.activations import ActivationLike, as_activation
from npae.losses import Loss
from npae.models.autoencoder import Autoencoder
from npae.penalties import Penalty


def as_sizes(sizes: Iterable[int], name: str) -> list[int]:
    """`sizes` as a list of ints, at least two and all above 0.

    Args:
        sizes: of the layers.
        name: of the calling function, for the errors.

    Raises ValueError for other sizes, TypeError for sizes that are not integers.
    """
    sizes = [as_int(n, f"sizes of {name}", least=1) for n in sizes]
    if len(sizes) < 2:
        raise ValueError(f"{name}: expected at least an input and a code size, got {sizes}.")
    return sizes


def dense_stack(sizes: Sequence[int], activation: ActivationLike, last: ActivationLike = None, dropout: float = 0.0,
                batch_norm: bool = False) -> Sequential:  # fmt: skip
    """Sequential of Dense layers sizes[0] → … → sizes[-1].

    Args:
        sizes: at least two.
        activation: of every layer but the last.
        last: the activation of the last layer.
        dropout: the fraction of hidden units that is dropped in training, behind every layer but the last.
        batch_norm: normalise the pre-activations of every layer but the last.
    """
    layers = []
    for n_in, n_out in pairwise(sizes[:-1]):
        if batch_norm:
            layers += [Dense(n_in, n_out), BatchNorm(n_out), as_activation(activation, "dense_stack")]
        else:
            layers += [Dense(n_in, n_out, activation)]
        if dropout:
            layers += [Dropout(dropout)]
    return Sequential(*layers, Dense(sizes[-2], sizes[-1], last))


def dense_autoencoder(sizes: Iterable[int], activation: ActivationLike = "relu",
                      code_activation: ActivationLike = "linear", loss: Loss | type[Loss] | str | None = None,
                      image_shape: tuple[int, ...] | None = None, seed: int | None = 0, dtype: DTypeLike = np.float32,
                      corruption: Layer | None = None, tied: bool = False, dropout: float = 0.0,
                      batch_norm: bool = False, penalties: Sequence[Penalty] = ()) -> Autoencoder:  # fmt: skip
    """An Autoencoder sizes[0]-…-sizes[-1]-…-sizes[0] of Dense layers.

    Args:
        sizes: from the input's number of features to the code's, at least two.
        activation: of every hidden layer, as a name, a class or an instance (LeakyReLU(0.2)). The output is linear: the
            loss adds what it needs (a sigmoid for cross-entropy).
        code_activation: of the code. It is linear by default: a rectified code loses every negative number, and its
            units can die.
        loss: a Loss or its name, "mse" for real numbers. None: BinaryCrossEntropy, for data in [0, 1].
        image_shape: such as (28, 28), to take and return images, not rows.
        seed: draws the first values of the parameters.
        dtype: of the parameters, float32 or float64.
        corruption: a layer at the head of the encoder, such as MaskingNoise(0.3): a denoising autoencoder.
        tied: let the decoder use the encoder's weights, transposed, with biases of its own (layers.TiedDense).
        dropout: the fraction of hidden units that is dropped in training.
        batch_norm: normalise the pre-activations of hidden layers.
        penalties: terms λΩ of J, such as [penalties.L1(1e-3)].

    Raises ValueError for fewer than two sizes, sizes below 1, unknown names, and tied with dropout or batch_norm;
    TypeError for sizes that are not integers, and for an activation or a corruption that is not a layer.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.layers import MaskingNoise
        >>> images = np.random.default_rng(0).integers(0, 256, (100, 8, 8), np.uint8)
        >>> model = dense_autoencoder([64, 16, 4], image_shape=(8, 8), corruption=MaskingNoise(0.3))
        >>> history = fit(model, images, epochs=2, progress="none")
        >>> model.encode(images).shape, model.reconstruct(images).shape
        ((100, 4), (100, 8, 8))
        >>> dense_autoencoder([30, 10, 2], "tanh", loss="mse", tied=True).parameter_count  # W once, biases of both
        372
    """
    name = "dense_autoencoder"
    sizes, loss = as_sizes(sizes, name), as_member("bce" if loss is None else loss, Loss, name)
    for given in (activation, code_activation):
        as_activation(given, name)  # raises for what is not one, in the name of this function
    if not (corruption is None or isinstance(corruption, Layer)):
        raise TypeError(f"{name}: expected a corruption such as layers.MaskingNoise(0.3), got {corruption!r}.")
    if tied and (dropout or batch_norm):
        raise ValueError(f"{name}: expected no dropout and batch_norm with tied=True, whose decoder has the encoder's.")
    encoder = dense_stack(sizes, activation, code_activation, dropout, batch_norm)
    decoder = _tied_to(encoder, activation) if tied else dense_stack(sizes[::-1], activation, None, dropout, batch_norm)
    if image_shape is not None:
        if np.prod(image_shape) != sizes[0]:
            pixels = np.prod(image_shape)
            raise ValueError(f"{name}: images of shape {tuple(image_shape)} have {pixels} pixels, not {sizes[0]}.")
        encoder, decoder = Sequential(Flatten(), *encoder), Sequential(*decoder, Reshape(image_shape))
    if corruption is not None:
        encoder = Sequential(corruption, *encoder)
    return Autoencoder(encoder, decoder, loss, seed, dtype, penalties)


def _tied_to(encoder, activation):
    """The mirror image of an encoder of Dense layers, with tied weights."""
    *hidden, last = reversed(list(encoder))
    return Sequential(*[TiedDense(layer, activation) for layer in hidden], TiedDense(last))
