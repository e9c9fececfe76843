"""PyTorch's modules for npae's layers, and how their parameters are stored.

    npae                                PyTorch                     parameters
    Dense(n, m)                         Linear(n, m)                weight Wᵀ (m, n), bias b
    TiedDense(dense)                    Linear(m, n)                weight W (n, m): a copy, no longer tied
    BatchNorm                           BatchNorm1d, BatchNorm2d    weight γ, bias β, running_mean m, running_var s

An activation is a module of its own, behind its layer. Both libraries normalise a training batch by its biased
variance, average the unbiased one in s, add ε to the variance, and have as momentum the weight of the new batch. So m
and s are copied as they are. Layers of images are in `image_twins.py`.

A corruption becomes Identity, as at inference. To go on training, put noise in its place.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from npae.backend import Array, Parameter, to_device
from npae.export.table import Function, Table
from npae.layers import (
    ELU,
    BatchNorm,
    Corruption,
    Dense,
    Dropout,
    Flatten,
    Identity,
    LeakyReLU,
    ReLU,
    Reshape,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    TiedDense,
)


class Tensor(NamedTuple):
    """How PyTorch stores a Parameter: its values with the axes in another order, then in another shape.

    Attributes:
        parameter: of npae.
        axes: their order, as for np.transpose; None: as they are.
        shape: None: as it is.

    Example:
        >>> from npae.export.pytorch import Tensor
        >>> from npae.layers import Dense
        >>> layer = Dense(3, 2).initialize(seed=0)
        >>> Tensor(layer.W, (1, 0)).values.shape
        (2, 3)
    """

    parameter: Parameter
    axes: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None

    @property
    def values(self) -> Array:
        """A copy of the parameter's values on the CPU, as PyTorch stores them."""
        values = to_device(self.parameter.value, "cpu")
        values = values.transpose(self.axes or range(values.ndim))
        return np.array(values.reshape(self.shape or values.shape), order="C")

    @property
    def expected(self) -> tuple[int, ...]:
        """The shape of `values`."""
        shape = self.parameter.shape
        return self.shape or tuple(shape[k] for k in self.axes or range(len(shape)))

    def back(self, values: Array) -> Array:
        """Values of PyTorch in the parameter's order and shape."""
        shape = self.parameter.shape
        axes = self.axes or tuple(range(len(shape)))
        return values.reshape([shape[k] for k in axes]).transpose(np.argsort(axes))


class Twin(NamedTuple):
    """A module of torch.nn.

    Attributes:
        module: from the shape of one input sample to (the name of the class, its keywords).
        tensors: the parameters and running statistics by their names in the module.
        counters: further tensors that the module has, which npae does not need.

    Example:
        >>> from npae.export.pytorch import TWINS
        >>> from npae.layers import Dense
        >>> linear, activation = TWINS.find(Dense(3, 2, "relu"))(Dense(3, 2, "relu"))
        >>> linear.module((3,)), activation.module((2,))[0]
        (('Linear', {'in_features': 3, 'out_features': 2}), 'ReLU')
    """

    module: Callable[[tuple[int, ...]], tuple[str, dict[str, Any]]]
    tensors: Mapping[str, Tensor] = MappingProxyType({})
    counters: Mapping[str, Any] = MappingProxyType({})


TWINS = Table(
    "twin in PyTorch",
    "Convert the layers before and after it by themselves, or register a function (layer) -> [Twin] under "
    "@npae.export.twin({name}).",
)


def twin(*classes: type, inherits: str | None = None) -> Callable[[Function], Function]:
    """Register a function (layer) -> [Twin, …] that names the modules for layers. A decorator.

    Args:
        *classes: which the function is for.
        inherits: the name of a method: subclasses that do not override it are included.

    Example:
        >>> from npae.export import Twin, to_torch, twin
        >>> from npae.layers import Activation
        >>> class Hardtanh(Activation):
        ...     pass
        >>> @twin(Hardtanh)
        ... def hardtanh(layer):
        ...     return [Twin(lambda shape: ("Hardtanh", {}))]
        >>> to_torch(Hardtanh())
        {}
    """
    return TWINS.register(*classes, inherits=inherits)


def of(kind: str, /, **keywords: Any) -> Callable[[tuple[int, ...]], tuple[str, dict[str, Any]]]:
    """The `module` of a Twin whose keywords do not depend on the shape."""
    return lambda shape: (kind, keywords)


def activation(layer: Any) -> list[Twin]:
    """The modules for the activation of a layer."""
    return TWINS.find(layer.activation)(layer.activation)


@twin(Identity)
def nothing(layer: Identity) -> list[Twin]:
    """A linear layer has no module for its activation."""
    return []


@twin(ReLU, Sigmoid, SiLU, Softplus, Tanh)
def same_name(layer: Any) -> list[Twin]:
    """Activations with the same name and no arguments."""
    return [Twin(of(type(layer).__name__))]


@twin(LeakyReLU)
def leaky_relu(layer: LeakyReLU) -> list[Twin]:
    """max(a, αa)."""
    return [Twin(of("LeakyReLU", negative_slope=layer.alpha))]


@twin(ELU)
def elu(layer: ELU) -> list[Twin]:
    """a for a > 0, α(eᵃ − 1) below."""
    return [Twin(of("ELU", alpha=layer.alpha))]


@twin(Dense)
def dense(layer: Dense) -> list[Twin]:
    """x W + b = x weightᵀ + bias."""
    tensors = {"weight": Tensor(layer.W, (1, 0)), "bias": Tensor(layer.b)}
    return [Twin(of("Linear", in_features=layer.n_in, out_features=layer.n_out), tensors), *activation(layer)]


@twin(TiedDense)
def tied_dense(layer: TiedDense) -> list[Twin]:
    """h Wᵀ + b = h weightᵀ + bias."""
    tensors = {"weight": Tensor(layer.W), "bias": Tensor(layer.b)}
    n_in, n_out = layer.dense.n_out, layer.dense.n_in
    return [Twin(of("Linear", in_features=n_in, out_features=n_out), tensors), *activation(layer)]


@twin(BatchNorm)
def batch_norm(layer: BatchNorm) -> list[Twin]:
    """γ (x − m)/√(s + ε) + β."""
    settings = {"num_features": layer.features, "eps": layer.epsilon, "momentum": layer.momentum}
    tensors = {"weight": Tensor(layer.gamma), "bias": Tensor(layer.beta), "running_mean": Tensor(layer.mean),
               "running_var": Tensor(layer.variance)}  # fmt: skip
    counters = {"num_batches_tracked": np.array(0)}
    return [Twin(lambda shape: (f"BatchNorm{max(1, len(shape) - 1)}d", settings), tensors, counters)]


@twin(Dropout)
def dropout(layer: Dropout) -> list[Twin]:
    """The same in training and at inference."""
    return [Twin(of("Dropout", p=layer.fraction))]


@twin(Corruption, inherits="forward")
def corruption(layer: Corruption) -> list[Twin]:
    """x, as at inference."""
    return [Twin(of("Identity"))]


@twin(Flatten)
def flatten(layer: Flatten) -> list[Twin]:
    """(batch, …) -> (batch, n)."""
    return [Twin(of("Flatten"))]


@twin(Reshape)
def reshape(layer: Reshape) -> list[Twin]:
    """(batch, n) -> (batch, *shape)."""

    def module(shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
        if len(shape) != 1:
            raise ValueError(f"{layer!r}: its twin, Unflatten, takes rows, got samples of shape {shape}. "
                             "Put layers.Flatten() before it.")  # fmt: skip
        return "Unflatten", {"dim": 1, "unflattened_size": layer.shape}

    return [Twin(module)]
