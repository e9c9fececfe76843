"""The contract of a loss, and the one rule by which all losses are reduced.

    J = 1/B Σ_i ℓ(x̂_i, x_i),     ℓ a *sum* over the features of a sample,     1/B a *mean* over the batch

The rule never varies, so that numbers can be compared: nats per image, squared error per image. Divide by the number
of features for the "per pixel" figures of tutorials. A loss compares the network's output, `prediction`, with the
`target`. The reconstruction x̂ is the prediction itself or a function of it (`output`): of logits, the sigmoid.
"""

from npae.backend import Serializable


class Loss(Serializable):
    """A loss. Subclasses implement value_and_gradient, per_sample and, if x̂ is not the prediction itself, output."""

    registry = {}

    def value_and_gradient(self, prediction, target):
        """(J, ∂J/∂prediction), for arrays of one shape (B, …). J is a scalar that stays on the device."""
        raise NotImplementedError

    def per_sample(self, prediction, target):
        """ℓ of every sample, shape (B,)."""
        raise NotImplementedError

    def output(self, prediction):
        """x̂, the reconstruction that the prediction stands for."""
        return prediction

    def check_targets(self, target):
        """Raise ValueError if the targets (a batch) cannot be right for this loss."""


def as_loss(loss, owner):
    """`loss` itself. Raises TypeError, in the name of the class `owner`, if it is not a Loss."""
    if not isinstance(loss, Loss):
        raise TypeError(f"{owner}: expected a loss such as losses.BinaryCrossEntropy(), got {loss!r}.")
    return loss
