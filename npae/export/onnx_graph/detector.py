"""Anomaly detectors in ONNX: rows as they are -> their distances, and 1 (normal) or −1 (anomaly).

    x̃ = (x − mean)/deviation            in float64
    h = f(x̃),  r = x̃ − x̂(g(h))          f, g in the network's dtype, r in float64
    D(h, r)                             one of the four distances, in float64
    label = 1 if D ≤ threshold else −1

The squared Mahalanobis distance is M²(y) = Σ_j (v_jᵀ(y − μ))²/σ_j, plus the share of the directions beside V
(npae.anomaly.mahalanobis). A graph cannot raise an error: for a row with NaN, and where the detector returns ∞, D = ∞.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npae.anomaly import AnomalyDetector, Mahalanobis
from npae.anomaly.distances import Joint, Latent, Reconstruction, Residual
from npae.export.onnx_graph.elementwise import as_floats
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import apply

FLOAT64 = 11  # the number of the dtype in ONNX


def translate_detector(graph: Graph, detector: AnomalyDetector, dtype: Any = None) -> None:
    """Append a fitted detector to a graph: input "x", outputs "distances" (n,) of float64 and "labels" (n,) of int64.

    Args:
        graph: to append to; its dtype is that of the network.
        detector: a fitted AnomalyDetector.
        dtype: of the input; None: float64, in which differences of large values survive the standardisation.

    Example:
        >>> import numpy as np
        >>> from npae.anomaly import AnomalyDetector
        >>> from npae.export.onnx_graph import Graph, translate_detector
        >>> rows = np.random.default_rng(0).normal(size=(50, 4))
        >>> detector = AnomalyDetector(epochs=1, folds=0).fit(rows)
        >>> graph = Graph("float32", detector.model)
        >>> translate_detector(graph, detector)
        >>> [value.name for value in graph.outputs]
        ['distances', 'labels']
    """
    fitted = detector.fitted
    given = graph.input("x", detector.row_shape, dtype or np.float64)
    x = given if graph.inputs[-1].dtype == "float64" else double(graph, given)
    if fitted.scale.mean is not None:
        x = graph.node("Sub", x, number(graph, fitted.scale.mean))
        x = graph.node("Div", x, number(graph, fitted.scale.deviation))
    elif graph.inputs[-1].dtype == "uint8":
        x = graph.node("Div", x, number(graph, 255.0))
    batch = as_floats(graph, x)
    graph.shapes[batch] = detector.row_shape
    h = apply(graph, fitted.encoder, batch)
    r = ""
    if fitted.distance.needs_residual:
        x_hat = apply(graph, fitted.loss, apply(graph, fitted.decoder, h))
        r = graph.node("Flatten", graph.node("Sub", x, double(graph, x_hat)), axis=1)
    D = DISTANCES[type(fitted.distance)](graph, fitted.distance, graph.node("Flatten", double(graph, h), axis=1), r)

    largest = graph.node("ReduceMax", graph.node("Abs", graph.node("Flatten", x, axis=1)), axes=[1], keepdims=0)
    too_large = graph.node("Greater", largest, number(graph, float(np.finfo(graph.dtype).max)))
    D = graph.node("Where", graph.node("Or", too_large, graph.node("IsNaN", D)), number(graph, np.inf), D)
    graph.output("distances", D, np.float64, ())
    normal = graph.node("LessOrEqual", D, number(graph, detector.threshold))
    labels = graph.node("Where", normal, graph.constant(1), graph.constant(-1))
    graph.output("labels", labels, np.int64, ())


def double(graph: Graph, x: str) -> str:
    """x in float64."""
    return graph.node("Cast", x, to=FLOAT64)


def number(graph: Graph, value: Any) -> str:
    """A constant of float64, whatever the network's dtype."""
    return graph.constant(value, np.float64)


def squares(graph: Graph, y: str) -> str:
    """Σ_j y_j² of every row."""
    return graph.node("ReduceSum", graph.node("Mul", y, y), graph.constant([1]), keepdims=0)


def mahalanobis(graph: Graph, M: Mahalanobis, y: str) -> str:
    """M²(y) of every row."""
    y = graph.node("Sub", y, number(graph, M.mean))
    along = graph.node("MatMul", y, number(graph, M.V))
    squared = squares(graph, graph.node("Mul", along, number(graph, M.scale)))
    if len(M.scale) == len(M.mean):
        return squared
    beside = graph.node("Sub", squares(graph, y), squares(graph, along))
    beside = graph.node("Mul", graph.node("Max", beside, number(graph, 0.0)), number(graph, M.rest**2))
    return graph.node("Add", squared, beside)


def whiten(graph: Graph, M: Mahalanobis, y: str) -> str:
    """u = Σ^(−½)(y − μ) of every row: V diag(1/√σ) Vᵀ(y − μ), and the directions beside V."""
    y = graph.node("Sub", y, number(graph, M.mean))
    whole = len(M.scale) == len(M.mean)
    along = graph.node("MatMul", y, number(graph, M.V))
    along = graph.node("Mul", along, number(graph, M.scale if whole else M.scale - M.rest))
    u = graph.node("MatMul", along, number(graph, np.ascontiguousarray(M.V.T)))
    return u if whole else graph.node("Add", u, graph.node("Mul", y, number(graph, M.rest)))


def reconstruction(graph: Graph, D: Reconstruction, h: str, r: str) -> str:
    """‖r‖²."""
    return squares(graph, r)


def residual(graph: Graph, D: Residual, h: str, r: str) -> str:
    """M²(r)."""
    return mahalanobis(graph, D.residual, r)


def latent(graph: Graph, D: Latent, h: str, r: str) -> str:
    """M²(h)."""
    return mahalanobis(graph, D.code, h)


def joint(graph: Graph, D: Joint, h: str, r: str) -> str:
    """M²([u, r/ρ])."""
    scaled = graph.node("Div", r, number(graph, float(D.rho)))
    return mahalanobis(graph, D.joint, graph.node("Concat", whiten(graph, D.code, h), scaled, axis=1))


DISTANCES: dict[type, Callable[[Graph, Any, str, str], str]] = {
    Reconstruction: reconstruction, Residual: residual, Latent: latent, Joint: joint,
}  # fmt: skip
