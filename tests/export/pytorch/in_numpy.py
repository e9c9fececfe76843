"""Modules of PyTorch in NumPy, from their documentation: what a state dict means, where PyTorch is not installed."""

import numpy as np


def linear(x, weight, bias, **_):
    return x @ weight.T + bias


def zero_pad(x, padding):
    left, right, above, below = padding
    x = np.pad(x, ((0, 0), (0, 0), (max(0, above), max(0, below)), (max(0, left), max(0, right))))
    return x[:, :, : x.shape[2] + min(0, below) or None, : x.shape[3] + min(0, right) or None]


def conv(x, weight, bias, stride, kernel_size, padding="valid", **_):
    """y_o(p) = b_o + Σ_c Σ_t x_c(s p + t) weight_oc(t)."""
    if padding == "same":
        (a, c), (b, d) = ((k - 1) // 2 for k in kernel_size), (k // 2 for k in kernel_size)
        x = zero_pad(x, (c, d, a, b))
    (s, t), (kh, kw) = stride, kernel_size
    rows, columns = (x.shape[2] - kh) // s + 1, (x.shape[3] - kw) // t + 1
    y = np.empty((len(x), len(weight), rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = x[:, :, i * s : i * s + kh, j * t : j * t + kw]
            y[:, :, i, j] = np.einsum("bcuv,ocuv->bo", window, weight) + bias
    return y


def conv_transpose(x, weight, bias, stride, kernel_size, padding, output_padding, **_):
    """y_o(s p + t − padding) += x_c(p) weight_co(t)."""
    (s, t), (kh, kw), (a, b), (c, d) = stride, kernel_size, padding, output_padding
    rows, columns = (x.shape[2] - 1) * s + kh + c, (x.shape[3] - 1) * t + kw + d
    y = np.zeros((len(x), weight.shape[1], rows, columns))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            y[:, :, i * s : i * s + kh, j * t : j * t + kw] += np.einsum("bc,couv->bouv", x[:, :, i, j], weight)
    return y[:, :, a : rows - a, b : columns - b] + bias[:, None, None]


def batch_norm(x, weight, bias, running_mean, running_var, num_batches_tracked, eps, **_):
    w, b, m, v = (a.reshape(-1, *[1] * (x.ndim - 2)) for a in (weight, bias, running_mean, running_var))
    return (x - m) / np.sqrt(v + eps) * w + b


MODULES = {
    "Linear": linear, "ZeroPad2d": zero_pad, "Conv2d": conv, "ConvTranspose2d": conv_transpose,
    "BatchNorm1d": batch_norm, "BatchNorm2d": batch_norm, "ReLU": lambda x: np.maximum(x, 0), "Tanh": np.tanh,
    "Flatten": lambda x: x.reshape(len(x), -1), "Identity": lambda x: x, "Dropout": lambda x, p: x,
    "Unflatten": lambda x, dim, unflattened_size: x.reshape(len(x), *unflattened_size),
    "LeakyReLU": lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
}  # fmt: skip


def evaluate(x, modules, state):
    """The output of a chain of modules [(name, Twin)] with the arrays of a state dict."""
    for name, twin in modules:
        kind, keywords = twin.module(x.shape[1:])
        own = {key.rpartition(".")[2]: array for key, array in state.items() if key.rpartition(".")[0] == name}
        x = MODULES[kind](x, **own, **keywords)
    return x
