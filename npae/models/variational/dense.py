"""Variational autoencoders from a list of sizes, with the decoder as the mirror image of the encoder.

    sizes 784-400-20   ->   784 → 400 → 2·20  |  20 → 400 → 784

The encoder returns [μ | log σ²], which has twice the size of a code.
"""

from collections.abc import Iterable
from typing import Any

from npae.layers.activations import ActivationLike, as_activation
from npae.losses import HeteroscedasticGaussianNLL, Loss
from npae.models.dense import as_sizes, dense_stack
from npae.models.variational.model import VariationalAutoencoder


def variational_autoencoder(sizes: Iterable[int], activation: ActivationLike = "relu",
                            loss: Loss | type[Loss] | str | None = None,
                            **settings: Any) -> VariationalAutoencoder:  # fmt: skip
    """A VariationalAutoencoder of Dense layers: for [784, 400, 20], an encoder 784-400-40 and a decoder 20-400-784.

    Args:
        sizes: from the number of features to d, the numbers per code; at least two.
        activation: of the hidden layers, as a name, a class or an instance.
        loss: −ln p(x | z), a Loss or its name. None: BinaryCrossEntropy, for data in [0, 1].
        **settings: beta, samples, objective, seed and dtype, see VariationalAutoencoder.

    Raises ValueError for fewer than two sizes, sizes below 1 and an unknown activation, TypeError for sizes that are
    not integers and an activation that is not one.

    Example:
        >>> import numpy as np
        >>> from npae import fit, variational_autoencoder
        >>> x = np.random.default_rng(0).random((100, 16))
        >>> model = variational_autoencoder([16, 8, 2], beta=0.5)
        >>> history = fit(model, x, epochs=2, progress="none")
        >>> model.encode(x).shape, model.sample(3).shape
        ((100, 2), (3, 16))
    """
    n, *hidden, d = as_sizes(sizes, "variational_autoencoder")
    outputs = 2 * n if isinstance(loss, HeteroscedasticGaussianNLL) else n
    activation = as_activation(activation, "variational_autoencoder")
    encoder = dense_stack([n, *hidden, 2 * d], activation)
    decoder = dense_stack([d, *hidden[::-1], outputs], activation)
    return VariationalAutoencoder(encoder, decoder, loss, **settings)
