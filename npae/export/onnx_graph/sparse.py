"""Layers of sparse autoencoders in ONNX.

BatchTopK           max(x, 0), kept where x is at least the running threshold
JumpReLU            max(x, 0), kept where x is above θ
UnitDense           Gemm with the directions Ŵ as a constant
CenteredDense       x − c, then Gemm with transB = 1
GatedDense          x − c, MatMul, then max(m, 0), kept where g is above 0
"""

import numpy as np

from npae.backend import Array, Parameter, to_device
from npae.export.onnx_graph.elementwise import as_floats
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import translator
from npae.layers import BatchTopK, CenteredDense, GatedDense, JumpReLU, UnitDense


def _constant(graph: Graph, p: Parameter, values: Array) -> str:
    """A constant that is computed from a parameter, by the parameter's name."""
    return graph.constant(to_device(values, "cpu"), name=graph.names.get(id(p), p.name))


def _kept(graph: Graph, x: str, condition: str) -> str:
    """max(x, 0) where the condition holds, else 0."""
    return graph.node("Mul", graph.node("Relu", x), as_floats(graph, condition))


@translator(BatchTopK)
def batch_top_k(graph: Graph, layer: BatchTopK, x: str) -> str:
    """max(x, 0) [x ≥ t̄]."""
    return _kept(graph, x, graph.node("GreaterOrEqual", x, graph.parameter(layer.threshold)))


@translator(JumpReLU)
def jump_relu(graph: Graph, layer: JumpReLU, x: str) -> str:
    """max(x, 0) [x > θ]."""
    return _kept(graph, x, graph.node("Greater", x, _constant(graph, layer.log_theta, layer.thresholds)))


@translator(UnitDense)
def unit_dense(graph: Graph, layer: UnitDense, h: str) -> str:
    """h Ŵ + c."""
    return graph.node("Gemm", h, _constant(graph, layer.W, layer.directions), graph.parameter(layer.c))


@translator(CenteredDense)
def centered_dense(graph: Graph, layer: CenteredDense, x: str) -> str:
    """(x − c) Wᵀ + b."""
    x = graph.node("Sub", x, graph.parameter(layer.c))
    return graph.node("Gemm", x, graph.parameter(layer.W), graph.parameter(layer.b), transB=1)


@translator(GatedDense)
def gated_dense(graph: Graph, layer: GatedDense, x: str) -> str:
    """max(m, 0) [g > 0], with g = π + b, m = e^ρ π + d and π = (x − c) Wᵀ."""
    x = graph.node("Sub", x, graph.parameter(layer.c))
    pi = graph.node("MatMul", x, graph.parameter(layer.W, (1, 0)))
    gate = graph.node("Add", pi, graph.parameter(layer.b))
    scale = _constant(graph, layer.rho, np.exp(to_device(layer.rho.value, "cpu")))
    m = graph.node("Add", graph.node("Mul", pi, scale), graph.parameter(layer.d))
    return _kept(graph, m, graph.node("Greater", gate, graph.constant(0.0)))
