"""PyTorch's modules for layers of images.

    npae                                PyTorch                     parameters
    Conv2D, W (kh, kw, C, O)            Conv2d(C, O, …)             weight (O, C, kh, kw), bias (O,)
    ConvTranspose2D, W (kh, kw, O, C)   ConvTranspose2d(C, O, …)    weight (C, O, kh, kw), bias (O,)
    MaxPool2D, AveragePool2D            MaxPool2d, AvgPool2d        places outside of the image do not count
    Upsample2D                          Upsample                    the nearest pixel

Both libraries compute cross-correlations, and their adjoints for transposed convolutions: no kernel is flipped.

**Padding.** "valid" is padding 0, and "same" with stride 1 has the same name in PyTorch. Otherwise PyTorch pads both
ends of an axis alike, while npae puts an odd zero behind the image. With `before` and `behind` for the zeros at both
ends,

    Conv2D              ZeroPad2d of (before, behind) per axis, then Conv2d without padding
    ConvTranspose2D     ConvTranspose2d with padding `before`, then ZeroPad2d of −1, if behind = before + 1
    pooling             padding `before`, and ceil_mode, if behind = before + 1: a last window that starts inside

The size of the first ZeroPad2d depends on that of the images, its place in the list of modules does not.
"""

from typing import Any

from npae.export.pytorch.twins import Tensor, Twin, activation, of, twin
from npae.layers import AveragePool2D, Conv2D, ConvTranspose2D, MaxPool2D, Upsample2D
from npae.layers.patches import Axis, window_axes


def behind(axis: Axis) -> int:
    """The number of zeros behind the image; negative if the last window ends inside it."""
    return axis.span - axis.pad - axis.size


def tensors(layer: Any) -> dict[str, Tensor]:
    """Kernel and bias of a convolution: (kh, kw, a, b) is (b, a, kh, kw) in PyTorch."""
    return {"weight": Tensor(layer.W, (3, 2, 0, 1)), "bias": Tensor(layer.b, shape=(layer.c_out,))}


def settings(layer: Any) -> dict[str, Any]:
    """The keywords that both convolutions have."""
    return {"in_channels": layer.c_in, "out_channels": layer.c_out, "kernel_size": layer.kernel, "stride": layer.stride}


@twin(Conv2D)
def conv(layer: Conv2D) -> list[Twin]:
    """φ(im2col(x) W + b)."""

    def padded(shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
        rows, columns = layer.axes(*shape[1:])
        ends = (columns.pad, max(0, behind(columns)), rows.pad, max(0, behind(rows)))
        return "ZeroPad2d", {"padding": ends}

    if layer.padding == "valid" or layer.stride == (1, 1):
        return [Twin(of("Conv2d", **settings(layer), padding=layer.padding), tensors(layer)), *activation(layer)]
    return [Twin(padded), Twin(of("Conv2d", **settings(layer)), tensors(layer)), *activation(layer)]


@twin(ConvTranspose2D)
def conv_transpose(layer: ConvTranspose2D) -> list[Twin]:
    """φ(col2im(x Wᵀ) + b)."""
    axes = layer.axes(1, 1)  # the zeros at the ends are the same for all sizes
    more = [max(0, -behind(axis)) for axis in axes]
    rows, columns = [min(0, axis.pad - behind(axis)) for axis in axes]
    module = of("ConvTranspose2d", **settings(layer), padding=tuple(axis.pad for axis in axes),
                output_padding=tuple(more))  # fmt: skip
    cut = [Twin(of("ZeroPad2d", padding=(0, columns, 0, rows)))] if rows or columns else []
    return [Twin(module, tensors(layer)), *cut, *activation(layer)]


@twin(MaxPool2D)
def max_pool(layer: MaxPool2D) -> list[Twin]:
    """The maximum of every window."""
    return [Twin(lambda shape: ("MaxPool2d", _pooling(layer, shape)))]


@twin(AveragePool2D)
def average_pool(layer: AveragePool2D) -> list[Twin]:
    """The mean of every window, over the pixels inside the image."""
    return [Twin(lambda shape: ("AvgPool2d", _pooling(layer, shape) | {"count_include_pad": False}))]


def _pooling(layer: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """The keywords of a pooling module."""
    axes = window_axes(layer, *shape[1:])
    odd = [behind(axis) > axis.pad for axis in axes]
    if any(one and axis.stride == 1 for one, axis in zip(odd, axes, strict=True)):
        raise ValueError(f"{layer!r}: PyTorch has no pooling with an even window, stride 1 and padding \"same\". "
                         "Take an odd window.")  # fmt: skip
    return {"kernel_size": layer.kernel, "stride": layer.stride, "padding": tuple(axis.pad for axis in axes),
            "ceil_mode": any(odd)}  # fmt: skip


@twin(Upsample2D)
def upsample(layer: Upsample2D) -> list[Twin]:
    """Every pixel as a square of equal pixels."""
    return [Twin(of("Upsample", scale_factor=tuple(map(float, layer.factor))))]
