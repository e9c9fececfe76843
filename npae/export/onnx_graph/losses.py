"""Outputs of losses in ONNX (Loss.output): the reconstruction, or the probabilities of classes."""

from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.rows import columns
from npae.export.onnx_graph.translators import translator
from npae.losses import (
    BinaryCrossEntropy,
    HeteroscedasticGaussianNLL,
    Loss,
    MaskedCrossEntropy,
    SoftmaxCrossEntropy,
)


@translator(Loss, inherits="output")
def prediction(graph: Graph, loss: Loss, a: str) -> str:
    """x̂ = a: the network's output is the reconstruction."""
    return a


@translator(BinaryCrossEntropy, inherits="output")
def probability(graph: Graph, loss: BinaryCrossEntropy, a: str) -> str:
    """x̂ = σ(a)."""
    return graph.node("Sigmoid", a)


@translator(HeteroscedasticGaussianNLL, inherits="output")
def mean(graph: Graph, loss: HeteroscedasticGaussianNLL, a: str) -> str:
    """x̂ of outputs [x̂ | log s²], the first half along axis 1."""
    n, *rest = graph.shapes[a]
    x_hat = columns(graph, a, 0, n // 2)
    graph.shapes[x_hat] = (n // 2, *rest)
    return x_hat


@translator(SoftmaxCrossEntropy, MaskedCrossEntropy, inherits="output")
def probabilities(graph: Graph, loss: SoftmaxCrossEntropy, a: str) -> str:
    """softmax(a)."""
    return graph.node("Softmax", a, axis=1)
