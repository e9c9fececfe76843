"""Activations in ONNX: the standard operator where there is one, else the activation's formula, operation by operation.

The formula of an Activation is known as a list of operations (npae.backend.formulas), and ONNX has an operator for
nearly each of them. So an activation of the caller's is translated without further work. e^x − 1 and ln(1 + x) have no
operator of their own; what they lose is at most a rounding error of 1, small beside h.

LeakyRelu, Elu and Softplus are standard operators, but with α stored in float32, and onnxruntime computes them in
float32 only. In float64 their formulas take their place.
"""

from typing import Any

from npae.backend import Formula
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import apply, translator
from npae.layers import ELU, Activation, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh

OPERATORS = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negative": "Neg", "absolute": "Abs",
    "maximum": "Max", "minimum": "Min", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos",
    "tanh": "Tanh", "greater": "Greater", "less": "Less", "greater_equal": "GreaterOrEqual",
    "less_equal": "LessOrEqual",
}  # fmt: skip


@translator(Activation, inherits="forward")
def formula(graph: Graph, layer: Activation, x: str) -> str:
    """φ(x), operation by operation."""
    (a,), operations, (h,) = Formula(layer.f).traced
    names = {id(a): x}
    for step in operations:
        args = [graph.constant(s.value) if s.op == "constant" else names[id(s)] for s in step.args]
        if step.op == "expm1":  # eˣ − 1
            names[id(step)] = graph.node("Sub", graph.node("Exp", *args), graph.constant(1.0))
        elif step.op == "log1p":  # ln(1 + x)
            names[id(step)] = graph.node("Log", graph.node("Add", *args, graph.constant(1.0)))
        else:
            names[id(step)] = graph.node(OPERATORS[step.op], *args)
        if step.op.startswith(("greater", "less")):  # true and false as 1 and 0
            names[id(step)] = as_floats(graph, names[id(step)])
    return names[id(h)]


def activate(graph: Graph, layer: Any, x: str, a: str) -> str:
    """φ(a), of the pre-activations a that a layer computes from x."""
    graph.shapes[a] = layer.out_shape(graph.shapes[x])
    return apply(graph, layer.activation, a)


def as_floats(graph: Graph, x: str) -> str:
    """x in the graph's dtype: Cast with the number of the dtype in ONNX."""
    return graph.node("Cast", x, to={"float32": 1, "float64": 11}[graph.dtype.name])


@translator(Identity)
def identity(graph: Graph, layer: Identity, x: str) -> str:
    """φ(x) = x: no node."""
    return x


@translator(ReLU)
def relu(graph: Graph, layer: ReLU, x: str) -> str:
    """max(x, 0)."""
    return graph.node("Relu", x)


@translator(Sigmoid)
def sigmoid(graph: Graph, layer: Sigmoid, x: str) -> str:
    """1/(1 + e⁻ˣ)."""
    return graph.node("Sigmoid", x)


@translator(Tanh)
def tanh(graph: Graph, layer: Tanh, x: str) -> str:
    """tanh x."""
    return graph.node("Tanh", x)


@translator(SiLU)
def silu(graph: Graph, layer: SiLU, x: str) -> str:
    """x σ(x)."""
    if graph.dtype == "float64":  # onnxruntime 1.19 merges both operators into one that it has in float32 only
        return formula(graph, layer, x)
    return graph.node("Mul", x, graph.node("Sigmoid", x))


@translator(LeakyReLU)
def leaky_relu(graph: Graph, layer: LeakyReLU, x: str) -> str:
    """max(x, αx)."""
    if graph.dtype == "float64":
        return formula(graph, layer, x)
    return graph.node("LeakyRelu", x, alpha=float(layer.alpha))


@translator(ELU)
def elu(graph: Graph, layer: ELU, x: str) -> str:
    """x for x > 0, α(eˣ − 1) below."""
    if graph.dtype == "float64":
        return formula(graph, layer, x)
    return graph.node("Elu", x, alpha=float(layer.alpha))


@translator(Softplus)
def softplus(graph: Graph, layer: Softplus, x: str) -> str:
    """ln(1 + eˣ)."""
    if graph.dtype == "float64":
        return formula(graph, layer, x)
    return graph.node("Softplus", x)
