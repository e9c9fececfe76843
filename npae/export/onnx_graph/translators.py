"""Translators: which nodes of a graph compute a layer, as at inference.

    translator      enters a function into the table: it appends the nodes of a layer, and returns the output's name
    apply           translates a layer, or what a loss does to a network's output (Loss.output)

A class of the caller's is translated by a function that is registered for it:

    @translator(Scale)
    def scale(graph, layer, x):
        return graph.node("Mul", x, graph.parameter(layer.gain))
"""

from collections.abc import Callable

from npae.backend import Serializable
from npae.export.onnx_graph.graph import Graph
from npae.export.table import Function, Table
from npae.layers import Layer

TRANSLATORS = Table(
    "translation into ONNX",
    "Write one: a function (graph, layer, x) under @npae.export.translator({name}), which returns "
    "graph.node(operator, x, …).",
)


def translator(*classes: type, inherits: str | None = None) -> Callable[[Function], Function]:
    """Register a function (graph, layer, x) -> y that translates layers, or losses' outputs. A decorator.

    Args:
        *classes: which the function translates.
        inherits: the name of a method: subclasses that do not override it are translated likewise.

    Example:
        >>> from npae.export import to_onnx, translator
        >>> from npae.layers import Layer
        >>> class Negative(Layer):
        ...     def forward(self, x, training=False):
        ...         return -x, None
        >>> @translator(Negative)
        ... def negative(graph, layer, x):
        ...     return graph.node("Neg", x)
        >>> [node.op_type for node in to_onnx(Negative(), input_shape=(3,)).graph.node]
        ['Neg', 'Identity']
    """
    return TRANSLATORS.register(*classes, inherits=inherits)


def apply(graph: Graph, thing: Serializable, x: str) -> str:
    """Append the nodes of a layer or of a loss's output. Returns the name of the output.

    Args:
        graph: to append to.
        thing: a Layer, or a Loss.
        x: the name of its input.

    Raises TypeError for a class without a translator, and what the layer raises for inputs of another shape.

    Example:
        >>> from npae.export.onnx_graph import Graph, apply
        >>> from npae.layers import Dense
        >>> layer = Dense(3, 2, "tanh").initialize(seed=0)
        >>> graph = Graph("float32", layer)
        >>> y = apply(graph, layer, graph.input("x", (3,)))
        >>> [node.op for node in graph.nodes], graph.shapes[y]
        (['Gemm', 'Tanh'], (2,))
    """
    function, outside = TRANSLATORS.find(thing), graph.here
    shape = thing.out_shape(graph.shapes[x]) if isinstance(thing, Layer) else graph.shapes[x]
    graph.here = graph.names.get(id(thing), outside)
    y = function(graph, thing, x)
    graph.here = outside
    graph.shapes.setdefault(y, tuple(shape))
    return y
