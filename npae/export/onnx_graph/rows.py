"""Layers of rows in ONNX: dense layers, batch normalization, reshaping, selections of columns, and networks of layers.

Dense, TiedDense    Gemm: x W + b, or h Wᵀ + b with transB = 1. A tied layer shares the constant W.
BatchNorm           BatchNormalization: γ (x − m)/√(s + ε) + β, with the running statistics m and s
TopK                TopK gives the k largest values; x is kept where it is at least the smallest of them
GaussianSample      the mean code μ, the first half of the columns
Corruption, Dropout nothing: at inference they return x
"""

from typing import Any

from npae.backend import to_device
from npae.export.onnx_graph.elementwise import activate, as_floats
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import apply, translator
from npae.layers import (
    BatchNorm,
    Corruption,
    Dense,
    Flatten,
    GaussianSample,
    Reshape,
    Sequential,
    Slice,
    SoftmaxHead,
    TiedDense,
    TopK,
)
from npae.models import Autoencoder, VariationalAutoencoder
from npae.models.wrapper import Wrapper


@translator(Dense)
def dense(graph: Graph, layer: Dense, x: str) -> str:
    """φ(x W + b)."""
    a = graph.node("Gemm", x, graph.parameter(layer.W), graph.parameter(layer.b))
    return activate(graph, layer, x, a)


@translator(TiedDense)
def tied_dense(graph: Graph, layer: TiedDense, h: str) -> str:
    """φ(h Wᵀ + b)."""
    a = graph.node("Gemm", h, graph.parameter(layer.W), graph.parameter(layer.b), transB=1)
    return activate(graph, layer, h, a)


@translator(BatchNorm)
def batch_norm(graph: Graph, layer: BatchNorm, x: str) -> str:
    """γ (x − m)/√(s + ε) + β. The operator's own ε has 32 bits only, so it is 0, and ε is added to s here."""
    gamma, beta, mean = map(graph.parameter, (layer.gamma, layer.beta, layer.mean))
    variance = to_device(layer.variance.value, "cpu").astype("float64") + layer.epsilon
    name = graph.names.get(id(layer.variance), "variance")
    return graph.node("BatchNormalization", x, gamma, beta, mean, graph.constant(variance, name=name), epsilon=0.0)


@translator(Flatten)
def flatten(graph: Graph, layer: Flatten, x: str) -> str:
    """(batch, …) -> (batch, n)."""
    return graph.node("Flatten", x, axis=1)


@translator(Reshape)
def reshape(graph: Graph, layer: Reshape, x: str) -> str:
    """(batch, …) -> (batch, *shape). In the operator's shape, 0 means: as before."""
    return graph.node("Reshape", x, graph.constant([0, *layer.shape]))


def columns(graph: Graph, x: str, start: int, stop: int) -> str:
    """x[:, start : stop]."""
    return graph.node("Slice", x, *(graph.constant([n]) for n in (start, stop, 1)))


@translator(Slice)
def column_range(graph: Graph, layer: Slice, x: str) -> str:
    """x[:, start : stop]."""
    return columns(graph, x, layer.start, layer.stop)


@translator(SoftmaxHead)
def softmax_head(graph: Graph, layer: SoftmaxHead, x: str) -> str:
    """[softmax(a) | h] of x = [a | h]."""
    K, n = layer.classes, graph.shapes[x][0]
    if n == K:
        return graph.node("Softmax", x, axis=1)
    p = graph.node("Softmax", columns(graph, x, 0, K), axis=1)
    return graph.node("Concat", p, columns(graph, x, K, n), axis=1)


@translator(TopK)
def top_k(graph: Graph, layer: TopK, x: str) -> str:
    """x ⊙ [x ≥ t], where t is the last of the αk largest values; equal values are all kept, as in the layer."""
    most = int(layer.alpha * layer.k)
    largest = graph.node("TopK", x, graph.constant([most]), outputs=2, axis=1)
    t = columns(graph, largest, most - 1, most)
    return graph.node("Mul", x, as_floats(graph, graph.node("GreaterOrEqual", x, t)))


@translator(GaussianSample)
def gaussian_sample(graph: Graph, layer: GaussianSample, x: str) -> str:
    """μ, of rows [μ | log σ²]."""
    return columns(graph, x, 0, graph.shapes[x][0] // 2)


@translator(Corruption, inherits="forward")
def corruption(graph: Graph, layer: Corruption, x: str) -> str:
    """x, as at inference; so of dropout too."""
    return x


@translator(Sequential, inherits="forward")
def sequential(graph: Graph, network: Sequential, x: str) -> str:
    """fₙ(… f₁(x))."""
    for layer in network:
        x = apply(graph, layer, x)
    return x


@translator(Autoencoder, inherits="forward")
def autoencoder(graph: Graph, model: Autoencoder, x: str) -> str:
    """a = g(f(x)), the output before the loss makes x̂ of it."""
    return apply(graph, model.decoder, apply(graph, model.encoder, x))


@translator(VariationalAutoencoder, inherits="forward")
def variational(graph: Graph, model: VariationalAutoencoder, x: str) -> str:
    """g(μ(x))."""
    return apply(graph, model.decoder, apply(graph, model.sampler, apply(graph, model.encoder, x)))


@translator(Wrapper, inherits="forward")
def wrapper(graph: Graph, model: Any, x: str) -> str:
    """The network that the model is as a layer: of a GAN the generator, of a classifier its logits."""
    return apply(graph, model.inner, x)
