"""Parts of models in ONNX: what a method of a model computes, as a chain of its networks and its loss.

    reconstruct     x -> f -> g -> loss.output -> reconstruction
    encode          x -> f -> code
    decode          code -> g -> loss.output -> reconstruction
    forward         z -> generator -> samples, of a GAN

The encoder of a variational autoencoder is followed by its sampler, which returns the mean code at inference. A layer
that is not in the table has one part: its forward pass at inference.
"""

from operator import attrgetter
from typing import Any, NamedTuple

from npae.export.onnx_graph.elementwise import as_floats
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import apply
from npae.export.shapes import sample_shape, stated_shape
from npae.layers import Layer
from npae.models import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    SemiSupervisedAutoencoder,
    VariationalAutoencoder,
)


class Part(NamedTuple):
    """A chain from an input to an output.

    Attributes:
        input: the name of the input: "x", "code", or "z" of a generator.
        chain: the attributes of the model that are applied one after the other; "" is the model itself as a layer.
        output: the name of the output.

    Example:
        >>> from npae.export.onnx_graph import PARTS
        >>> from npae.models import Autoencoder
        >>> PARTS[Autoencoder]["encode"]
        Part(input='x', chain=('encoder',), output='code')
    """

    input: str
    chain: tuple[str, ...]
    output: str


def _autoencoder(encoder: tuple[str, ...], decoder: tuple[str, ...]) -> dict[str, Part]:
    return {
        "reconstruct": Part("x", (*encoder, *decoder), "reconstruction"),
        "encode": Part("x", encoder, "code"),
        "decode": Part("code", decoder, "reconstruction"),
    }


FORWARD = Part("x", ("",), "y")
INNER = _autoencoder(("autoencoder.encoder",), ("autoencoder.decoder", "autoencoder.loss"))
PROBABILITIES = {"predict_proba": Part("x", ("network", "loss"), "probabilities")}
PARTS: dict[type, dict[str, Part]] = {  # by the model's class; the first part of each is the default
    Autoencoder: _autoencoder(("encoder",), ("decoder", "loss")),
    VariationalAutoencoder: _autoencoder(("encoder", "sampler"), ("decoder", "loss")),
    Classifier: PROBABILITIES,
    GAN: {"forward": Part("z", ("generator",), "samples")},
    AdversarialAutoencoder: INNER,
    SemiSupervisedAutoencoder: INNER | {
        "predict_proba": Part("x", ("classifier.network", "classifier.loss"), "probabilities"),
    },
}  # fmt: skip


THROUGH_FORWARD = {"reconstruct", "predict_proba"}  # methods that call the model as a layer


def parts_of(model: Layer) -> dict[str, Part]:
    """The parts of a model by name, the default first. A method that a subclass overrides is not one of them."""
    own = type(model)
    base = next((cls for cls in own.__mro__ if cls in PARTS), None)
    if base is None:
        return {"forward": FORWARD}

    def same(name: str) -> bool:
        return getattr(own, name, None) is getattr(base, name, None)

    return {key: part for key, part in PARTS[base].items()
            if same(key) and (key not in THROUGH_FORWARD or same("forward"))}  # fmt: skip


def default_part(model: Layer) -> str:
    """The name of the part that is exported unless another is named."""
    return next((next(iter(PARTS[cls])) for cls in type(model).__mro__ if cls in PARTS), "forward")


def part_of(model: Layer, name: str | None) -> Part:
    """The Part of a model.

    Args:
        model: a model or any other layer.
        name: of the part; None: the first one.

    Raises ValueError for a name that is not one of its parts.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export.onnx_graph import part_of
        >>> part_of(dense_autoencoder([8, 2]), None).chain
        ('encoder', 'decoder', 'loss')
    """
    parts, name = parts_of(model), default_part(model) if name is None else name
    if name not in list(parts):
        known = " or ".join(map(repr, parts)) or "which overrides them all"
        raise ValueError(
            f"to_onnx: expected a part of {type(model).__name__}, {known}, got {name!r}. "
            "A network of the model can be translated by itself, such as model.encoder."
        )
    return parts[name]


def translate_part(graph: Graph, model: Layer, part: Part, shape: tuple[int, ...], dtype: Any = None) -> None:
    """Append a part to a graph, from its input to its output.

    Args:
        graph: to append to.
        model: whose part it is.
        part: the Part.
        shape: of one sample of its input.
        dtype: of its input: "uint8" is divided by 255, and all others are converted; None: the graph's.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export.onnx_graph import Graph, part_of, translate_part
        >>> model = dense_autoencoder([8, 2])
        >>> graph = Graph("float32", model)
        >>> translate_part(graph, model, part_of(model, "decode"), (2,))
        >>> [node.op for node in graph.nodes]
        ['Gemm', 'Sigmoid', 'Identity']
    """
    value = samples(graph, part.input, shape, dtype)
    for step in part.chain:
        value = apply(graph, attrgetter(step)(model) if step else model, value)
    graph.output(part.output, value)


def samples(graph: Graph, name: str, shape: tuple[int, ...], dtype: Any = None) -> str:
    """An input in the graph's dtype, pixels in [0, 1]. Returns the name of the value."""
    x = graph.input(name, shape, dtype)
    given = graph.inputs[-1].dtype
    if given != graph.dtype:
        x = as_floats(graph, x)
    if given == "uint8":
        x = graph.node("Mul", x, graph.constant(1 / 255))
    graph.shapes[x] = shape
    return x


def shape_of(model: Any, part: Part) -> tuple[int, ...]:
    """The shape of one sample of a part's input, as far as the model states it; of codes, what the encoder returns,
    and of a generator's z, the size of the prior.

    Args:
        model: a model or any other layer.
        part: one of its parts.

    Raises ValueError if nothing states the shape.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export.onnx_graph import part_of, shape_of
        >>> model = dense_autoencoder([8, 2])
        >>> shape_of(model, part_of(model, "decode"))
        (2,)
    """
    if part.input == "x":
        return sample_shape(model, "to_onnx")
    shape = stated_shape(attrgetter(part.chain[0])(model))
    if part.input == "z":
        return shape or (model.prior.size,)
    if shape is None:
        shape = sample_shape(model, "to_onnx")
        for step in part_of(model, "encode").chain:
            shape = attrgetter(step)(model).out_shape(shape)
    return shape
