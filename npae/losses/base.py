"""The contract of a loss, and the one rule by which all losses are reduced.

    J = 1/B Σ_i ℓ(x̂_i, x_i),     ℓ a *sum* over the features of a sample,     1/B a *mean* over the batch

The rule never varies, so that numbers can be compared: nats per image, squared error per image. Divide by the number
of features for the "per pixel" figures of tutorials. A loss compares the network's output, `prediction`, with the
`target`. The reconstruction x̂ is the prediction itself or a function of it (`output`): of logits, the sigmoid.
"""

from npae.backend import Array, Scalar, Serializable, rows


class Loss(Serializable):
    """A loss. To implement: value_and_gradient, per_feature; if x̂ is not the prediction, output and output_backward.

    Example:
        >>> import numpy as np
        >>> from npae.gradcheck import check_loss
        >>> from npae.losses import Loss
        >>> class L1Distance(Loss):  # Σ_j |x̂_j − x_j|
        ...     def value_and_gradient(self, prediction, target):
        ...         error, B = prediction - target, len(target)
        ...         return abs(error).sum() / B, np.sign(error) / B
        ...     def per_feature(self, prediction, target):
        ...         return abs(prediction - target)
        >>> check_loss(L1Distance(), np.array([[0.2, 0.9]]), np.array([[0.0, 1.0]])) < 1e-6
        True
    """

    registry = {}

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """(J, ∂J/∂prediction). J is a scalar that stays on the device.

        Args:
            prediction: the network's output, (B, …).
            target: of the same shape.
        """
        raise NotImplementedError

    def per_feature(self, prediction: Array, target: Array) -> Array:
        """The summands of ℓ of every sample, an array of the target's shape.

        Args:
            prediction, target: as for value_and_gradient.
        """
        raise NotImplementedError(f"{self!r} is not a sum over the features of a reconstruction.")

    def per_sample(self, prediction: Array, target: Array) -> Array:
        """ℓ of every sample, shape (B,).

        Args:
            prediction, target: as for value_and_gradient.
        """
        return rows(self.per_feature(prediction, target)).sum(axis=1)

    def output(self, prediction: Array) -> Array:
        """x̂, the reconstruction that the prediction stands for."""
        return prediction

    def output_backward(self, dx_hat: Array, prediction: Array) -> Array:
        """(∂x̂/∂prediction)ᵀ dx̂.

        Args:
            dx_hat: dx̂ = ∂J/∂x̂.
            prediction: the network's output.
        """
        return dx_hat

    def check_targets(self, target: Array) -> None:
        """Raise ValueError if the targets (a batch) cannot be right for this loss."""
