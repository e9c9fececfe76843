"""The usual variational autoencoder from a list of sizes: dense layers, the decoder mirroring the encoder.

    sizes 784-400-20   ->   784 → 400 → 2·20  |  20 → 400 → 784             [μ | log σ²] has twice the size of a code
"""

from npae.layers.activations import as_activation
from npae.losses import HeteroscedasticGaussianNLL
from npae.models.dense import as_sizes, dense_stack
from npae.models.variational.model import VariationalAutoencoder


def variational_autoencoder(sizes, activation="relu", loss=None, **settings):
    """A VariationalAutoencoder of Dense layers: for [784, 400, 20], an encoder 784-400-40 and a decoder 20-400-784.

    sizes: from the number of features to d, at least two. activation: of the hidden layers, as a name, a class or an
    instance. loss and settings: see VariationalAutoencoder.
    Raises ValueError for fewer than two sizes, sizes below 1 and an unknown activation, TypeError for sizes that are
    not integers and an activation that is not one.
    """
    n, *hidden, d = as_sizes(sizes, "variational_autoencoder")
    outputs = 2 * n if isinstance(loss, HeteroscedasticGaussianNLL) else n
    activation = as_activation(activation, "variational_autoencoder")
    encoder = dense_stack([n, *hidden, 2 * d], activation)
    decoder = dense_stack([d, *hidden[::-1], outputs], activation)
    return VariationalAutoencoder(encoder, decoder, loss, **settings)
