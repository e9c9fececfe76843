"""The network that the parameters of an estimator describe: an autoencoder of dense layers.

    d - hidden layers - code - hidden layers, in reverse order - d           models.dense_autoencoder

    J = 1/B Σ_i ℓ(x̂_i, x_i) + λ₁ Ω₁ + λ₂ Ω₂ + …                              a penalty for each strength λ above 0

The output is linear, and the loss adds what it needs. All other networks are given whole, as the parameter `model`.
"""

import math
from typing import Any

import numpy as np

from npae.anomaly.training import default_code_size
from npae.backend import DTypeLike, as_float, as_int
from npae.layers import Corruption, GaussianNoise, MaskingNoise, SaltAndPepper
from npae.models import Autoencoder, dense_autoencoder
from npae.penalties import L1, Contractive, KLSparsity, WeightDecay

PENALTIES = (WeightDecay, L1, Contractive, KLSparsity)  # the term of each is the name of the parameter
ZERO = "0 leaves it out."  # the cure for strengths and levels out of range
NOISE = {"gaussian": GaussianNoise, "masking": MaskingNoise, "salt_and_pepper": SaltAndPepper}
PARAMETERS = ("n_components", "hidden_layer_sizes", "activation", "code_activation", "loss", "noise", "noise_level",
              *(kind.term for kind in PENALTIES), "dropout", "batch_norm", "tied")  # fmt: skip


def make_network(shape: tuple[int, ...], seed: int, dtype: DTypeLike, *, owner: str, **parameters: Any) -> Autoencoder:
    """An Autoencoder for rows of numbers.

    Args:
        shape: of a row, (d,).
        seed: of the first weights.
        dtype: float32 or float64.
        owner: whose parameters they are, for messages.
        **parameters: those of PARAMETERS, as for AutoencoderTransformer.

    Raises ValueError and TypeError for parameters that cannot be right.
    """
    code, hidden = sizes(owner, math.prod(shape), parameters["n_components"], parameters["hidden_layer_sizes"])
    penalties = []
    for kind in PENALTIES:
        strength = as_float(parameters[kind.term], f"{kind.term} of {owner}", least=0, cure=ZERO)
        if strength:
            penalties.append(kind(strength))
    return dense_autoencoder(
        [math.prod(shape), *hidden, code], parameters["activation"], parameters["code_activation"], parameters["loss"],
        None, seed, dtype, corruption(owner, parameters["noise"], parameters["noise_level"]), parameters["tied"],
        parameters["dropout"], parameters["batch_norm"], penalties,
    )  # fmt: skip


def sizes(owner: str, d: int, n_components: int | None, hidden_layer_sizes: Any) -> tuple[int, list[int]]:
    """(size of the code, sizes of the encoder's hidden layers) for rows of d numbers.

    Args:
        owner: whose parameters they are, for messages.
        d: the number of features.
        n_components: None: min(d/2, 32).
        hidden_layer_sizes: None: one layer, four times as large as the code.
    """
    code = default_code_size(d) if n_components is None else n_components
    code = as_int(code, f"n_components of {owner}", least=1)
    if hidden_layer_sizes is None:
        return code, [4 * code]
    hidden = np.atleast_1d(hidden_layer_sizes).tolist()
    return code, [as_int(n, f"hidden_layer_sizes of {owner}", least=1) for n in hidden]


def corruption(owner: str, noise: str, level: float) -> Corruption | None:
    """The corruption of the input at the head of the encoder; None for the level 0.

    Args:
        owner: whose parameters they are, for messages.
        noise: a name in NOISE.
        level: the standard deviation of Gaussian noise, the fraction of replaced numbers of the others.
    """
    if noise not in list(NOISE):
        raise ValueError(f"{owner}: expected a noise of {', '.join(NOISE)}, got {noise!r}.")
    return NOISE[noise](level) if as_float(level, f"noise_level of {owner}", least=0, cure=ZERO) else None
