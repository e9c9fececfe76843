"""Squared error: how far the reconstruction is from the input, as a distance.

    ℓ(x̂, x) = ½ ‖x̂ − x‖² = ½ Σ_j (x̂_j − x_j)²        J = 1/B Σ_i ℓ(x̂_i, x_i)
    ∂J/∂x̂_ij = (x̂_ij − x_ij) / B

It is −ln p(x | x̂) of a Gaussian of unit variance around x̂, less a constant. The ½ is there for the derivative; the
"squared error an image" of the literature (Hinton & Salakhutdinov 2006) is 2ℓ, and "MSE" is 2ℓ/features.
"""

from npae.backend import dot, elementwise, flat, rows
from npae.losses.base import Loss, check_pair


@elementwise
def _scaled_difference(x_hat, x, scale):
    return (x_hat - x) * scale


class SquaredError(Loss):
    """ℓ = ½‖x̂ − x‖² a sample; its gradient (x̂ − x)/B. The output of the network is the reconstruction itself."""

    def value_and_gradient(self, z, x):
        """J = B/2 Σ dz², since dz = (z − x)/B; and dz."""
        check_pair(self, z, x)
        dz = _scaled_difference(z, x, 1 / len(z))
        errors = flat(dz)
        return dot(errors, errors) * (0.5 * len(z)), dz

    def per_sample(self, z, x):
        """½‖z_i − x_i‖², shape (B,)."""
        check_pair(self, z, x)
        difference = rows(z - x)
        return 0.5 * (difference * difference).sum(axis=1)
