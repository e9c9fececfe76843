"""Squared error: the squared distance between reconstruction and input.

    ℓ(x̂, x) = ½ ‖x̂ − x‖² = ½ Σ_j (x̂_j − x_j)²        J = 1/B Σ_i ℓ(x̂_i, x_i)
    ∂ℓ/∂x̂_j = x̂_j − x_j                               ∂J/∂x̂_ij = (x̂_ij − x_ij)/B

It is −ln p(x | x̂) of a Gaussian of unit variance around x̂, up to a constant. The ½ makes the derivative simple; the
"squared error per image" of the literature (Hinton & Salakhutdinov 2006) is 2ℓ, and "MSE" is 2ℓ/features.

With linear layers the best code is PCA. Let x have mean 0 and x̂ = x W V, with a code of d numbers. For a fixed V, the
best x̂ is the point nearest to x in the span of V's rows, x̂ = x P with P = Pᵀ = P², by W = Vᵀ(V Vᵀ)⁻¹. Then ‖x − xP‖² =
‖x‖² − ‖xP‖², and the mean of ‖xP‖² = xPxᵀ is tr(P C), with the covariance C. It is largest if P projects onto the d
leading eigenvectors of C (Baldi & Hornik 1989, "Neural networks and principal component analysis"): see demos/pca.py.
"""

from npae.backend import Array, Scalar, check_pair, dot, elementwise, flat
from npae.losses.base import Loss


@elementwise
def _gradient(x_hat, x, scale):
    return (x_hat - x) * scale


class SquaredError(Loss):
    """ℓ = ½‖x̂ − x‖² per sample, with gradient (x̂ − x)/B. The prediction is the reconstruction x̂ itself.

    Example:
        >>> import numpy as np
        >>> from npae.losses import SquaredError
        >>> x_hat, x = np.array([[0.0, 3.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
        >>> SquaredError().per_sample(x_hat, x)
        array([2. , 0.5])
        >>> J, dx_hat = SquaredError().value_and_gradient(x_hat, x)
        >>> float(J)
        1.25
    """

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J and dx̂ = (x̂ − x)/B; since ‖x̂ − x‖² = B² ‖dx̂‖², J = B/2 ‖dx̂‖²."""
        check_pair(self, prediction, target)
        B = len(prediction)
        dx_hat = _gradient(prediction, target, 1 / B)  # ∂J/∂x̂ = (x̂ − x)/B
        errors = flat(dx_hat)
        return dot(errors, errors) * (0.5 * B), dx_hat

    def per_feature(self, prediction: Array, target: Array) -> Array:
        """½(x̂_ij − x_ij)², of the shape of x."""
        check_pair(self, prediction, target)
        return 0.5 * (prediction - target) ** 2
