"""Quantisation: a matrix of weights as 8-bit integers with one scale.

    s = max_ij |W_ij| / 127         Q_ij = round(W_ij / s), an integer from −127 to 127         W_ij ≈ s Q_ij

A page holds Q and s in place of W: a quarter of the bytes of float32. Biases, and the vectors of batch normalization,
stay float32.

**The error.** Rounding moves a number by at most ½, so |W_ij − s Q_ij| ≤ s/2. With a_j = Σ_i x_i W_ij + b_j,

    |Δa_j| = |Σ_i x_i (W_ij − s Q_ij)| ≤ s/2 Σ_i |x_i| = s/2 ‖x‖₁

for every input x of the layer. This is the worst case, in which all roundings have the sign of x_i. If they are
independent and uniform in [−s/2, s/2], with the variance s²/12, then Δa_j has the standard deviation s/√12 ‖x‖₂. Of an
input that has an error Δx itself, from the layers before, the layer adds |Σ_i Δx_i s Q_ij| ≤ max_i |Δx_i| s Σ_i |Q_ij|.
An activation with |φ′| ≤ 1 (all of npae's but SiLU, with 1.1) does not increase it.
"""

from typing import Any

import numpy as np

from npae.backend import Array, to_device
from npae.layers import Layer
from npae.serialization import build, describe

LARGEST = 127


def quantize(W: Array) -> tuple[Array, float]:
    """(Q, s): the matrix as int8, and its scale; s = 1 for a matrix of zeros.

    Args:
        W: a matrix, on any device.

    Example:
        >>> import numpy as np
        >>> from npae.export.page import quantize
        >>> Q, s = quantize(np.array([[0.1, -1.27], [0.004, 0.5]]))
        >>> Q.tolist(), round(s, 6)
        ([[10, -127], [0, 50]], 0.01)
    """
    W = to_device(W, "cpu")
    scale = float(np.float32(np.abs(W).max() / LARGEST)) or 1.0
    return np.rint(W / scale).clip(-LARGEST, LARGEST).astype(np.int8), scale


def quantized(model: Layer) -> Any:
    """A copy of a network on the CPU whose matrices are s Q, those of its page.

    Args:
        model: a Layer with values.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export.page import quantized
        >>> model = dense_autoencoder([784, 32])
        >>> W, W_8 = (m.encoder[0].W.value for m in (model, quantized(model)))
        >>> bool(abs(W - W_8).max() <= abs(W).max() / 127 / 2 * 1.0001)
        True
    """
    copy = build(describe(model, to_build=True))
    copy.allocate(model.theta.value.dtype)
    values = dict((*model.named_parameters(), *model.named_buffers()))
    for name, p in (*copy.named_parameters(), *copy.named_buffers()):
        value = to_device(values[name].value, "cpu")
        if value.ndim == 2:
            Q, scale = quantize(value)
            value = Q * np.float32(scale)
        p.value[...] = value
    return copy
