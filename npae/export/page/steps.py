"""Steps: a network as the list of what the page's network.js computes, one step after the other.

    {"do": "dense", "W": "W0", "scale": s, "transposed": false, "b": "b0", "activation": 0}      φ(s (x Q) + b)
    {"do": "affine", "scale": "v1", "shift": "v2"}                                               x ⊙ scale + shift
    {"do": "activation", "activation": 1}                                                        φ(x)
    {"do": "slice", "start": 0, "stop": 2}                                                       x[start : stop]
    {"do": "half"}                                         the first half of x: μ of [μ | log σ²], x̂ of [x̂ | log s²]

W0, b0, … are names of arrays in the page, and activations are numbers in its list of functions. Samples are vectors
there, so layers that change shapes only need no step, and neither does noise, as at inference. BatchNorm is affine at
inference: γ (x − m)/√(s + ε) + β.
"""

from typing import Any, TypeAlias

import numpy as np

from npae.backend import Array, Parameter, Serializable, to_device
from npae.export.page.formula import javascript
from npae.export.page.quantize import quantize
from npae.export.table import Table
from npae.layers import (
    Activation,
    BatchNorm,
    Corruption,
    Dense,
    Dropout,
    Flatten,
    GaussianSample,
    Identity,
    Reshape,
    Sequential,
    Sigmoid,
    Slice,
    TiedDense,
)
from npae.losses import BinaryCrossEntropy, HeteroscedasticGaussianNLL, Loss

Step: TypeAlias = dict[str, Any]
STEPS = Table("code in a page", "Expected dense layers and activations, not {name}.")


class Parts:
    """What several steps share: the page's arrays by name, and its activations.

    Example:
        >>> from npae.export.page.steps import Parts, steps
        >>> from npae.layers import Dense
        >>> parts = Parts()
        >>> steps(parts, Dense(3, 2, "relu").initialize(seed=0))[0]["do"], list(parts.arrays)
        ('dense', ['W0', 'b0'])
    """

    def __init__(self):
        self.arrays: dict[str, Array] = {}
        self.activations: list[str] = []
        self._matrices: dict[int, tuple[str, float]] = {}  # by the identity of the Parameter: tied weights once

    def vector(self, values: Array, letter: str = "v") -> str:
        """The name of a new float32 vector.

        Args:
            values: of the vector.
            letter: the first one of its name.
        """
        name = f"{letter}{sum(key[0] == letter for key in self.arrays)}"
        self.arrays[name] = np.asarray(to_device(values, "cpu"), np.float32)
        return name

    def matrix(self, W: Parameter) -> tuple[str, float]:
        """(name, scale) of a matrix, which is stored once."""
        if id(W) not in self._matrices:
            name = f"W{len(self._matrices)}"
            self.arrays[name], scale = quantize(W.value)
            self._matrices[id(W)] = name, scale
        return self._matrices[id(W)]

    def activation(self, activation: Activation) -> int:
        """The number of an activation in the page's list."""
        text = javascript(activation)
        if text not in self.activations:
            self.activations.append(text)
        return self.activations.index(text)


def steps(parts: Parts, thing: Serializable) -> list[Step]:
    """The steps of a layer, or of a loss's output.

    Args:
        parts: collects arrays and activations.
        thing: a Layer or a Loss.

    Raises ValueError for one that network.js cannot compute.
    """
    try:
        function = STEPS.find(thing)
    except TypeError:
        raise ValueError(
            f"save_page: expected a network of dense layers, activations, BatchNorm and Slice, got {thing!r}, which a "
            "page cannot compute. Train a dense network, such as npae.variational_autoencoder([784, 200, 2])."
        ) from None
    return function(parts, thing)


@STEPS.register(Dense)
def _dense(parts: Parts, layer: Dense) -> list[Step]:
    return [_product(parts, layer, transposed=False)]


@STEPS.register(TiedDense)
def _tied_dense(parts: Parts, layer: TiedDense) -> list[Step]:
    return [_product(parts, layer, transposed=True)]


def _product(parts: Parts, layer: Dense | TiedDense, transposed: bool) -> Step:
    (phi,) = steps(parts, layer.activation)
    W, scale = parts.matrix(layer.W)
    return {"do": "dense", "W": W, "scale": scale, "transposed": transposed, "b": parts.vector(layer.b.value, "b"),
            "activation": phi["activation"]}  # fmt: skip


@STEPS.register(BatchNorm)
def _batch_norm(parts: Parts, layer: BatchNorm) -> list[Step]:
    p = [to_device(a.value, "cpu").astype(float) for a in (layer.gamma, layer.beta, layer.mean, layer.variance)]
    gamma, beta, mean, variance = p
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return [{"do": "affine", "scale": parts.vector(scale), "shift": parts.vector(beta - mean * scale)}]


@STEPS.register(Identity)
@STEPS.register(Activation, inherits="forward")
def _activation(parts: Parts, layer: Activation) -> list[Step]:
    return [{"do": "activation", "activation": parts.activation(layer)}]


@STEPS.register(Slice)
def _slice(parts: Parts, layer: Slice) -> list[Step]:
    return [{"do": "slice", "start": layer.start, "stop": layer.stop}]


@STEPS.register(GaussianSample)
@STEPS.register(HeteroscedasticGaussianNLL, inherits="output")
def _first_half(parts: Parts, thing: GaussianSample | HeteroscedasticGaussianNLL) -> list[Step]:
    return [{"do": "half"}]


@STEPS.register(Flatten, Reshape, Dropout)
@STEPS.register(Corruption, inherits="forward")
@STEPS.register(Loss, inherits="output")
def _nothing(parts: Parts, thing: Any) -> list[Step]:
    return []


@STEPS.register(BinaryCrossEntropy, inherits="output")
def _probability(parts: Parts, loss: BinaryCrossEntropy) -> list[Step]:
    return [{"do": "activation", "activation": parts.activation(Sigmoid())}]


@STEPS.register(Sequential, inherits="forward")
def _sequential(parts: Parts, network: Sequential) -> list[Step]:
    return [step for layer in network for step in steps(parts, layer)]
