"""Cross-entropy: how surprised a sigmoid output is by the input, in nats.

The network puts out a logit z for each pixel; x̂ = σ(z) = 1/(1 + e⁻ᶻ) is the probability of a white one, and x ∈ [0, 1]
is the pixel (0, 1, or a grey in between):

    ℓ = −Σ_j [ x_j ln x̂_j + (1 − x_j) ln(1 − x̂_j) ]

Put in ln σ(z) = z − s(z) and ln(1 − σ(z)) = −s(z), with s(z) = ln(1 + eᶻ), the softplus:

    ℓ = Σ_j s(z_j) − x_j z_j          ∂ℓ/∂z_j = σ(z_j) − x_j          since s′ = σ

The derivative is the error itself: it does not vanish where σ saturates, as that of squared error would. No logarithm
of a small probability is ever taken, so nothing overflows. A training step needs σ anyway, and gets s from it: by
s(z) = −ln(1 − σ) = z − ln σ, taking the one whose logarithm is of at least ½, s(z) = max(z, 0) − ln max(σ, 1 − σ).

For grey pixels ℓ is not zero even if x̂ = x: the floor is their entropy, −Σ x ln x + (1 − x) ln(1 − x), 45.5 nats an
image on MNIST's test set. Goodfellow, Bengio & Courville 2016, section 6.2.2.2.
"""

from npae.backend import array_module, dot, elementwise, empty, log, maximum, ones, rows, sigmoid, softplus
from npae.losses.base import Loss, check_pair


@elementwise
def _output(z):
    return sigmoid(z)


@elementwise
def _terms(z, x):
    return softplus(z) - x * z


@elementwise
def _terms_and_gradient(z, x, scale):
    p = sigmoid(z)
    return maximum(z, 0) - log(maximum(p, 1 - p)) - x * z, (p - x) * scale


class BinaryCrossEntropy(Loss):
    """ℓ = Σ softplus(z) − x z a sample, in nats, from logits z; its gradient (σ(z) − x)/B. The output is σ(z).

    The network must end in a linear layer: the sigmoid is in here. Targets must lie in [0, 1].
    """

    def value_and_gradient(self, z, x):
        """J and ∂J/∂z = (σ(z) − x)/B, in one pass."""
        check_pair(self, z, x)
        terms, dz = _terms_and_gradient(z, x, 1 / len(z), out=(empty(z.shape, z), empty(z.shape, z)))
        return dot(terms.reshape(-1), ones(z.size, z)) * (1 / len(z)), dz

    def per_sample(self, z, x):
        """Σ_j softplus(z_ij) − x_ij z_ij, shape (B,)."""
        check_pair(self, z, x)
        return rows(_terms(z, x)).sum(axis=1)

    def output(self, z):
        """x̂ = σ(z)."""
        return _output(z)

    def check_targets(self, x):
        """Targets are probabilities: raises ValueError if one lies outside [0, 1]."""
        xp = array_module(x)
        low, high = float(xp.min(x)), float(xp.max(x))
        if low < 0 or high > 1:
            raise ValueError(
                f"BinaryCrossEntropy: expected targets in [0, 1], got values from {low:g} to {high:g}. "
                "Scale the data (images: divide by 255), or use SquaredError."
            )
