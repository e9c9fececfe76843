"""The output shapes of a network's layers, for samples of a given shape."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npae.backend.parameterized import Parameterized


def output_shapes(
    network: "Parameterized", shape: tuple[int, ...] | None
) -> Iterator[tuple[str, Any, tuple[int, ...] | None]]:
    """Yield (dotted name, layer, output shape of one sample) for every layer that has no children, in order.

    Args:
        network: a layer.
        shape: of one sample; None: not known, and neither are the outputs' shapes, up to a part that states its own.

    Raises ValueError for an input that does not fit a layer.
    """
    before = None
    for name, layer in network.leaves():
        if layer.in_shape not in (None, shape) and before is not None and _are_parts(before, name):
            shape = layer.in_shape  # a discriminator does not take what the part before it returns
        shape, before = layer.out_shape(shape) if shape else None, name
        yield name, layer, shape


def _are_parts(before: str, name: str) -> bool:
    """Do two layers belong to different parts of a model, such as "encoder.1" and "decoder.0"?"""
    part = name.partition(".")[0]
    return before.partition(".")[0] != part and not part.isdecimal()
