"""The shape of the samples that a network takes, as far as the network states it."""

from typing import Any

from npae.backend import as_int
from npae.layers import Layer


def stated_shape(network: Layer) -> tuple[int, ...] | None:
    """What the first layer that is made for one shape takes; None if a layer before it changes shapes."""
    for _, layer in network.leaves():
        if layer.in_shape:
            return tuple(layer.in_shape)
        if type(layer).out_shape is not Layer.out_shape:
            return None
    return None


def sample_shape(model: Layer, owner: str) -> tuple[int, ...]:
    """The shape of one sample: the one that the first layer states, or that of the data that the model was trained on.

    Args:
        model: a model or any other layer.
        owner: the function in whose name errors are raised.

    Raises ValueError if nothing states the shape.
    """
    seen, shape = getattr(model, "seen", None), stated_shape(model)
    if shape is None and seen is not None and seen.shape:
        shape = tuple(seen.shape)
    if shape is None:
        raise ValueError(
            f"{owner}: expected input_shape, the shape of one sample, such as (1, 28, 28): this {type(model).__name__} "
            "takes several, and it has not been trained."
        )
    return shape


def checked_shape(shape: Any, owner: str) -> tuple[int, ...]:
    """The shape of one sample that a caller gave, as integers.

    Args:
        shape: a sequence of sizes, each 1 or more.
        owner: the function in whose name errors are raised.

    Raises TypeError for what is not a sequence of integers, ValueError for sizes below 1 and without any.
    """
    if isinstance(shape, str) or not hasattr(shape, "__iter__"):
        raise TypeError(f"{owner}: expected input_shape as a tuple, such as (784,) or (1, 28, 28), got {shape!r}.")
    sizes = tuple(as_int(n, f"{owner}: input_shape", least=1) for n in shape)
    if not sizes:
        raise ValueError(f"{owner}: expected input_shape, the shape of one sample, such as (784,), got ().")
    return sizes
