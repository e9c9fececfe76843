"""ONNX: networks as graphs of standard operators.

In reading order:

    graph.py           named values, nodes and constants
    translators.py     the table of layers, and how to add one
    elementwise.py     activations, from their formulas
    rows.py            layers of rows, and networks of layers
    sparse.py          layers of sparse autoencoders
    images.py          layers of images
    losses.py          what a loss makes of a network's output
    parts.py           reconstruct, encode, decode
    detector.py        anomaly detectors
    model.py           a file
"""

from npae.export.onnx_graph import (  # noqa: F401  they fill the table of translators
    elementwise,
    images,
    losses,
    rows,
    sparse,
)
from npae.export.onnx_graph.detector import translate_detector
from npae.export.onnx_graph.graph import Graph, Node, Value
from npae.export.onnx_graph.model import save_onnx, to_onnx
from npae.export.onnx_graph.parts import PARTS, Part, part_of, shape_of, translate_part
from npae.export.onnx_graph.translators import TRANSLATORS, apply, translator

__all__ = [
    "Graph", "Node", "PARTS", "Part", "TRANSLATORS", "Value", "apply", "part_of",
    "save_onnx", "shape_of", "to_onnx", "translate_detector", "translate_part", "translator",
]  # fmt: skip
