"""The norm of the encoder's Jacobian: how much a code depends on its input, measured for any encoder.

    A_i = ∂h_i/∂x_i,     ‖A_i‖²_F = Σ_j ‖∂h_ij/∂x_i‖²,     result: 1/B Σ_i ‖A_i‖_F

A backward pass computes ∂J/∂x_i = A_iᵀ ∂J/∂h_i for any ∂J/∂h. With 1 at unit j and 0 elsewhere in its place, the result
is row j of A_i, for all samples i at once, since no sample depends on another. So there are as many backward passes as
code units, whatever the depth of the encoder. (For one layer, Contractive has a closed form.)

Rifai et al. 2011, "Contractive auto-encoders: explicit invariance during feature extraction", compare autoencoders by
this norm in table 1.
"""

from typing import Any

from npae.backend import Array, array_module, check_rows, rows


def jacobian_norm(model: Any, x: Array) -> float:
    """The mean of ‖∂h_i/∂x_i‖_F over the batch; h_i is the code of x_i, computed as at inference.

    The gradients of the parameters are left as they were.

    Args:
        model: an Autoencoder.
        x: a batch for its encoder, floats on its device.

    Raises ValueError for NaN or Inf.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.evaluate import jacobian_norm
        >>> model = dense_autoencoder([5, 2], code_activation=None)  # h = x W + b, so ∂h/∂x = Wᵀ
        >>> W = model.encoder.layers[0].W.value
        >>> norm = jacobian_norm(model, np.ones((8, 5), np.float32))
        >>> bool(np.isclose(norm, np.linalg.norm(W)))
        True
    """
    check_rows(x, range(len(x)), name="x")
    before = model.theta.grad.copy()
    h, cache = model.encoder.forward(x)
    xp = array_module(h)
    squares = xp.zeros(len(x), h.dtype)
    for j in range(rows(h).shape[1]):
        dh = xp.zeros(h.shape, h.dtype)
        rows(dh)[:, j] = 1
        squares += (rows(model.encoder.backward(dh, cache)) ** 2).sum(axis=1)
    model.theta.grad[...] = before
    return float(xp.sqrt(squares).mean())
