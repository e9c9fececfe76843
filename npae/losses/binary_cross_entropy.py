"""Binary cross-entropy from logits: −ln p(x) of pixels that are 0 or 1, in nats.

The network's output is a logit a for each pixel; x̂ = σ(a) = 1/(1 + e⁻ᵃ) is the probability that it is white, and
x ∈ [0, 1] is the pixel (0, 1, or a grey in between):

    ℓ = −Σ_j [ x_j ln x̂_j + (1 − x_j) ln(1 − x̂_j) ]

Insert ln σ(a) = a − s(a) and ln(1 − σ(a)) = −s(a), with the softplus s(a) = ln(1 + eᵃ):

    ℓ = Σ_j [ s(a_j) − x_j a_j ]          ∂ℓ/∂a_j = σ(a_j) − x_j          since s′ = σ

The derivative is the error itself: it does not vanish where σ saturates, as that of squared error would. That is why
the loss takes logits. Besides, it never takes the logarithm of a probability that was rounded to 0. A training step
needs σ anyway, and computes s from it. Of the two forms s(a) = −ln(1 − σ) = a − ln σ it takes the first for a < 0 and
the second for a > 0, where the argument of ln is at least ½: together, s(a) = max(a, 0) − ln max(σ, 1 − σ).

For grey pixels ℓ = KL(x ‖ x̂) + H(x), each pixel being a distribution over {0, 1}. KL is 0 at best, so the entropy
H(x) = −Σ_j [ x_j ln x_j + (1 − x_j) ln(1 − x_j) ] is the least possible loss: 45.5 nats per image on MNIST's test set.

Goodfellow, Bengio & Courville 2016, "Deep Learning", section 6.2.2.2.
"""

from npae.backend import Array, check_in_0_1, check_pair, elementwise, empty, log, maximum, sigmoid, softplus
from npae.losses.base import Loss, Scalar


@elementwise
def _output(a):
    return sigmoid(a)


@elementwise
def _terms(a, x):
    return softplus(a) - x * a


@elementwise
def _terms_and_gradient(a, x, scale):
    p = sigmoid(a)
    return maximum(a, 0) - log(maximum(p, 1 - p)) - x * a, (p - x) * scale


class BinaryCrossEntropy(Loss):
    """ℓ = Σ_j [ s(a_j) − x_j a_j ] per sample, in nats, from logits a; its gradient (σ(a) − x)/B. The output is σ(a).

    The network must end in a linear layer: the sigmoid is in here. Targets must lie in [0, 1]. One that rounding put
    outside, by 1e-5 at most, is used as it is: value and gradient above are exact for every real x_j.

    Example:
        >>> import numpy as np
        >>> from npae.losses import BinaryCrossEntropy
        >>> logits, x = np.array([[0.0, 4.0]]), np.array([[1.0, 1.0]])
        >>> BinaryCrossEntropy().per_feature(logits, x).round(3)
        array([[0.693, 0.018]])
        >>> BinaryCrossEntropy().output(logits).round(3)
        array([[0.5  , 0.982]])
    """

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J and ∂J/∂a = (σ(a) − x)/B, in one pass."""
        check_pair(self, prediction, target)
        a, B = prediction, len(prediction)
        return _terms_and_gradient.total(a, target, 1 / B, scale=1 / B, out=(empty(a.shape, a),))

    def per_feature(self, prediction: Array, target: Array) -> Array:
        """s(a_ij) − x_ij a_ij, of the shape of x."""
        check_pair(self, prediction, target)
        return _terms(prediction, target)

    def output(self, prediction: Array) -> Array:
        """x̂ = σ(a)."""
        return _output(prediction)

    def output_backward(self, dx_hat: Array, prediction: Array) -> Array:
        """σ′(a) dx̂ = x̂(1 − x̂) dx̂."""
        x_hat = _output(prediction)
        return dx_hat * (x_hat * (1 - x_hat))

    def check_targets(self, target: Array) -> None:
        """Raise ValueError if a target lies outside [0, 1], by more than rounding."""
        check_in_0_1(target)
