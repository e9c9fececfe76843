"""Layers of images in ONNX: convolutions, pooling, upsampling.

    Conv, ConvTranspose     cross-correlations as here, with W (kh, kw, C, O) as (O, C, kh, kw)
    MaxPool, AveragePool    places outside of the image do not count, as here
    Resize                  the nearest pixel: y_q = x_⌊q/f⌋

The four pads (above, left, below, right) follow from the size of the image (npae.layers.patches.Axis), which a graph
therefore has as a constant. A window may end before the last pixels; then there is no pad. For a transposed convolution
these pixels lie in its output, and are added by output_padding.
"""

from npae.export.onnx_graph.elementwise import activate
from npae.export.onnx_graph.graph import Graph
from npae.export.onnx_graph.translators import translator
from npae.layers import AveragePool2D, Conv2D, ConvTranspose2D, MaxPool2D, Upsample2D
from npae.layers.patches import Axis, window_axes


def ends(axes: tuple[Axis, ...]) -> list[int]:
    """For each axis, how far the last window reaches beyond the image; negative if it ends before."""
    return [axis.span - axis.pad - axis.size for axis in axes]


def pads(axes: tuple[Axis, ...]) -> list[int]:
    """[above, left, below, right]."""
    return [axis.pad for axis in axes] + [max(0, end) for end in ends(axes)]


@translator(Conv2D)
def conv(graph: Graph, layer: Conv2D, x: str) -> str:
    """φ(im2col(x) W + b)."""
    axes = layer.axes(*graph.shapes[x][1:])
    W, b = graph.parameter(layer.W, (3, 2, 0, 1)), graph.parameter(layer.b, shape=(layer.c_out,))
    a = graph.node("Conv", x, W, b, kernel_shape=layer.kernel, strides=layer.stride, pads=pads(axes))
    return activate(graph, layer, x, a)


@translator(ConvTranspose2D)
def conv_transpose(graph: Graph, layer: ConvTranspose2D, x: str) -> str:
    """φ(col2im(x Wᵀ) + b). W is (kh, kw, c_out, c_in), in ONNX (c_in, c_out, kh, kw)."""
    axes = layer.axes(*graph.shapes[x][1:])
    W, b = graph.parameter(layer.W, (3, 2, 0, 1)), graph.parameter(layer.b, shape=(layer.c_out,))
    a = graph.node("ConvTranspose", x, W, b, kernel_shape=layer.kernel, strides=layer.stride, pads=pads(axes),
                   output_padding=[max(0, -end) for end in ends(axes)])  # fmt: skip
    return activate(graph, layer, x, a)


@translator(MaxPool2D)
def max_pool(graph: Graph, layer: MaxPool2D, x: str) -> str:
    """The maximum of every window."""
    axes = window_axes(layer, *graph.shapes[x][1:])
    return graph.node("MaxPool", x, kernel_shape=layer.kernel, strides=layer.stride, pads=pads(axes))


@translator(AveragePool2D)
def average_pool(graph: Graph, layer: AveragePool2D, x: str) -> str:
    """The mean of every window, over the pixels inside the image."""
    axes = window_axes(layer, *graph.shapes[x][1:])
    return graph.node("AveragePool", x, kernel_shape=layer.kernel, strides=layer.stride, pads=pads(axes))


@translator(Upsample2D)
def upsample(graph: Graph, layer: Upsample2D, x: str) -> str:
    """Every pixel as a square of equal pixels."""
    factors = graph.constant([1.0, 1.0, *map(float, layer.factor)], "float32")
    return graph.node("Resize", x, "", factors, mode="nearest", coordinate_transformation_mode="asymmetric",
                      nearest_mode="floor")  # fmt: skip
