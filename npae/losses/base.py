"""The contract of a loss, and the one rule by which all losses are reduced.

    J = 1/B Σ_i ℓ(x̂_i, x_i),     ℓ a *sum* over the features of a sample,     1/B a *mean* over the batch

The rule never varies, so that numbers can be compared: nats per image, squared error per image. Divide by the number
of features for the "per pixel" figures of tutorials. A loss compares the network's output, `prediction`, with the
`target`. The reconstruction x̂ is the prediction itself or a function of it (`output`): of logits, the sigmoid.
"""

from npae.backend import Serializable, rows


class Loss(Serializable):
    """A loss. To implement: value_and_gradient, per_feature; if x̂ is not the prediction, output and output_backward."""

    registry = {}

    def value_and_gradient(self, prediction, target):
        """(J, ∂J/∂prediction), for arrays of one shape (B, …). J is a scalar that stays on the device."""
        raise NotImplementedError

    def per_feature(self, prediction, target):
        """The summands of ℓ of every sample, an array of the target's shape."""
        raise NotImplementedError(f"{self!r} is not a sum over the features of a reconstruction.")

    def per_sample(self, prediction, target):
        """ℓ of every sample, shape (B,)."""
        return rows(self.per_feature(prediction, target)).sum(axis=1)

    def output(self, prediction):
        """x̂, the reconstruction that the prediction stands for."""
        return prediction

    def output_backward(self, dx_hat, prediction):
        """(∂x̂/∂prediction)ᵀ dx̂."""
        return dx_hat

    def check_targets(self, target):
        """Raise ValueError if the targets (a batch) cannot be right for this loss."""
