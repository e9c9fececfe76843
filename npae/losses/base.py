"""The contract of a loss, and the one rule by which all of them are reduced.

    J = 1/B Σ_i ℓ(z_i, x_i),     ℓ a *sum* over the features of a sample,     1/B a *mean* over the batch

z is what the network puts out, x the target. The rule never varies, so that numbers can be compared: nats an image,
squared error an image. Divide by the number of features for the "per pixel" figures of tutorials.
"""

from npae.backend import Serializable, array_module


class Loss(Serializable):
    """A loss. A new one defines value_and_gradient, per_sample and, if z is not the reconstruction itself, output."""

    registry = {}

    def value_and_gradient(self, z, x):
        """(J, ∂J/∂z) for outputs z and targets x of one shape (B, …). J is a scalar that stays on the device."""
        raise NotImplementedError

    def per_sample(self, z, x):
        """ℓ(z_i, x_i) for every sample, shape (B,)."""
        raise NotImplementedError

    def output(self, z):
        """x̂, the reconstruction that the outputs z stand for."""
        return z

    def check_targets(self, x):
        """Raise ValueError if the targets x (a batch) cannot be right for this loss."""


def as_loss(loss, owner):
    """`loss` itself. Raises TypeError, in the name of the class `owner`, for what is no Loss."""
    if not isinstance(loss, Loss):
        raise TypeError(f"{owner}: expected a loss such as losses.BinaryCrossEntropy(), got {loss!r}.")
    return loss


def check_pair(loss, z, x):
    """Raise ValueError unless outputs and targets have one shape, TypeError unless one dtype and device."""
    if z.shape == x.shape and z.dtype == x.dtype and array_module(z) is array_module(x):
        return
    if z.shape != x.shape:
        fix = "reshape them." if z.size == x.size else "the network must end in the shape that it begins with."
        if z.ndim == x.ndim == 4:
            fix += " (Images whose size the strides do not divide come back larger, 7 -> 4 -> 8: pad or crop them.)"
        raise ValueError(f"{loss!r}: expected targets of the outputs' shape {z.shape}, got {x.shape}: {fix}")
    raise TypeError(
        f"{loss!r}: expected targets like the outputs ({array_module(z).__name__}, {z.dtype}), "
        f"got ({array_module(x).__name__}, {x.dtype}): convert with astype, move with to_device."
    )
