"""A computation graph in the making: named values, the nodes that compute them, and constants.

    x ──MatMul──▶ t ──Add──▶ a ──Relu──▶ h               a node: an operator, the names of its inputs and of its output

ONNX stores a network as such a list of nodes, in the order of computation. Here the list is plain Python, so that
layers can be translated without the package onnx; npae.export.onnx_graph.model makes a file of it. Operators and their
attributes are those of the ONNX specification, opset 13.

Every value belongs to a batch: its first axis has a size that only a run of the graph knows. `shapes` has the shape of
one sample of it, which some operators need as a constant.
"""

from typing import Any, NamedTuple

import numpy as np

from npae.backend import Array, Parameter, Parameterized, to_device


class Node(NamedTuple):
    """An operator of ONNX with its arguments.

    Attributes:
        name: unique in its graph; also the name of its first output.
        op: of the operator, such as "Gemm".
        inputs: the names of values.
        outputs: the names of the values that it computes.
        attributes: constants that are part of the operator.

    Example:
        >>> from npae.export.onnx_graph import Node
        >>> Node("h", "Relu", ("a",), ("h",), {}).op
        'Relu'
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Value(NamedTuple):
    """An input or output of a graph.

    Attributes:
        name: of the value.
        dtype: of its numbers.
        shape: of one sample.

    Example:
        >>> import numpy as np
        >>> from npae.export.onnx_graph import Value
        >>> Value("x", np.dtype("uint8"), (784,)).shape
        (784,)
    """

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]


class Graph:
    """Nodes and constants, to which translators add (npae.export.onnx_graph.translators).

    Args:
        dtype: of parameters and of all computations, float32 or float64.
        network: names parameters and nodes by their places in it, "encoder.0.W".

    Example:
        >>> from npae.export.onnx_graph import Graph
        >>> from npae.layers import Dense
        >>> graph = Graph("float32", Dense(3, 2))
        >>> a = graph.node("Mul", graph.input("x", (3,)), graph.constant(0.5))
        >>> graph.nodes[-1].op, graph.dtype.name
        ('Mul', 'float32')
    """

    def __init__(self, dtype: Any, network: Parameterized):
        self.dtype = np.dtype(dtype)
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.here = ""  # the name of the layer that is being translated
        self.names = _names(network)  # of layers, parameters and running statistics, by id
        self._taken: set[str] = set()
        self._known: dict[tuple, str] = {}  # the names of constants, by what they are made of

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Append a node. Returns the name of its first output; those of further ones are "NAME:1", "NAME:2", ….

        Args:
            op: an operator of ONNX.
            *inputs: names of values.
            outputs: their number.
            **attributes: of the operator.
        """
        name = self._unused(f"{self.here}.{op}".lstrip("."))
        names = (name, *(f"{name}:{k}" for k in range(1, outputs)))
        self.nodes.append(Node(name, op, inputs, names, attributes))
        return name

    def constant(self, value: Any, dtype: Any = None, name: str = "constant") -> str:
        """The name of a constant; equal ones are stored once.

        Args:
            value: a number or an array.
            dtype: by default int64 for integers, such as shapes, and the graph's dtype for floats.
            name: of it, unless it is taken.
        """
        array = np.asarray(value)
        array = array.astype(dtype or (np.int64 if array.dtype.kind in "iu" else self.dtype))
        return self._keep((array.dtype, array.shape, array.tobytes()), name, array)

    def parameter(self, p: Parameter, axes: tuple[int, ...] | None = None, shape: tuple[int, ...] | None = None) -> str:
        """The name of a parameter's values as a constant; one that several layers share is stored once.

        Args:
            p: a Parameter with values, on any device.
            axes: their order in ONNX, as for np.transpose; None: as they are.
            shape: in which ONNX takes them, after that; None: as it is.
        """
        values = to_device(p.value, "cpu")
        values = values.transpose(axes or range(values.ndim))
        values = np.array(values.reshape(shape or values.shape), self.dtype, order="C")  # a copy: θ changes in training
        return self._keep((id(p), axes, shape), self.names.get(id(p), p.name), values)

    def input(self, name: str, shape: tuple[int, ...], dtype: Any = None) -> str:
        """Declare an input. Returns its name.

        Args:
            name: of the value.
            shape: of one sample.
            dtype: of its numbers, by default the graph's.
        """
        name = self._unused(name)
        self.inputs.append(Value(name, np.dtype(dtype or self.dtype), tuple(shape)))
        self.shapes[name] = tuple(shape)
        return name

    def output(self, name: str, value: str, dtype: Any = None, shape: tuple[int, ...] | None = None) -> None:
        """Declare a value to be an output.

        Args:
            name: of the output.
            value: the name of the value in the graph.
            dtype: of its numbers, by default the graph's.
            shape: of one sample, by default that of the value.
        """
        self.here = ""
        self._taken.add(name)
        self.nodes.append(Node(f"{name}.Identity", "Identity", (value,), (name,), {}))
        self.outputs.append(Value(name, np.dtype(dtype or self.dtype), self.shapes[value] if shape is None else shape))

    def _keep(self, key: tuple, name: str, array: Array) -> str:
        if key not in self._known:
            self._known[key] = self._unused(name)
            self.constants[self._known[key]] = array
        return self._known[key]

    def _unused(self, name: str) -> str:
        free, k = name, 1
        while free in self._taken:
            free, k = f"{name}_{k}", k + 1
        self._taken.add(free)
        return free


def _names(network: Parameterized) -> dict[int, str]:
    """{id: dotted name} of all layers, parameters and running statistics of a network."""
    names = {id(p): name for name, p in (*network.named_parameters(), *network.named_buffers())}
    places: list[tuple[str, Any]] = [("", network)]
    while places:
        name, layer = places.pop()
        names.setdefault(id(layer), name)
        places += [(f"{name}.{child}".lstrip("."), part) for child, part in layer.children]
    return names
