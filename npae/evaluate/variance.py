"""The fraction of variance unexplained (FVU): the squared error, relative to that of the best constant.

    FVU = Σ_i ‖x_i − x̂_i‖² / Σ_i ‖x_i − x̄‖²              x̄ = 1/n Σ_i x_i

0 is a perfect reconstruction, and 1 what the mean of all samples achieves. 1 − FVU is R², the explained variance. It
does not depend on the scale of x, so results on different data can be compared. It is a measure, not a loss: the
denominator belongs to the data as a whole, so FVU is no mean over samples. (For fixed data it is the squared error
times a constant, and has the same minimum.)

Gao et al. 2024, "Scaling and evaluating sparse autoencoders", arXiv 2406.04093, section 2.1 ("normalized MSE").
"""

from npae.backend import Array, array_module, check_pair, rows


def fraction_of_variance_unexplained(x: Array, x_hat: Array) -> float:
    """Σ‖x − x̂‖²/Σ‖x − x̄‖², computed in float64; NaN for data without variance.

    Args:
        x: the data, (n, …).
        x_hat: the reconstructions, of the same shape.

    Raises ValueError for other shapes, TypeError for other dtypes.

    Example:
        >>> import numpy as np
        >>> from npae.evaluate import fraction_of_variance_unexplained
        >>> x = np.array([[0.0, 1.0], [4.0, 1.0]])
        >>> fraction_of_variance_unexplained(x, x + 1)
        0.5
        >>> fraction_of_variance_unexplained(x, np.broadcast_to(x.mean(axis=0), x.shape))
        1.0
    """
    check_pair("fraction_of_variance_unexplained", x_hat, x)
    xp, x, x_hat = array_module(x), rows(x), rows(x_hat)
    residual = _sum_of_squares(xp, x - x_hat)
    variance = _sum_of_squares(xp, x - x.mean(axis=0, dtype=xp.float64))
    return residual / variance if variance > 0 else float("nan")


def _sum_of_squares(xp, a: Array) -> float:
    return float((a * a).sum(dtype=xp.float64))
