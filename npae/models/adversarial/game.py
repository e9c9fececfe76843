"""The duel: a discriminator learns to tell what is real from what is made, and whoever makes it learns to fool it.

    a = D(real),   b = D(made)              logits, see npae.losses.adversarial
    discriminator_step      ∂J_D/∂θ_D = (∂a/∂θ_D)ᵀ ∂J_D/∂a + (∂b/∂θ_D)ᵀ ∂J_D/∂b           `real` and `made` are held fast
    fool            ∂J_G/∂made = (∂b/∂made)ᵀ ∂J_G/∂b                              D is held fast

The second is all that a generator ever learns about the data: a derivative *through* the discriminator. In a GAN
`real` are images and `made` comes from noise (gan.py); in an adversarial autoencoder `real` is noise and `made` are
codes (adversarial.py).
"""

import math

import numpy as np

from npae.layers import Activation, Identity
from npae.losses.adversarial import discriminator_loss, generator_loss
from npae.models.adversarial.priors import Prior
from npae.models.phases import frozen


def check_parts(model, discriminator, prior):
    """Raise TypeError for a prior that is none, ValueError for a discriminator that does not end in logits.

    Behind an activation the losses would take a probability, or half a line, for a logit, and train all the same.
    """
    if not isinstance(prior, Prior):
        raise TypeError(
            f"{type(model).__name__}: expected a prior of codes such as models.GaussianPrior(2), got {prior!r}."
        )
    if not ends_linear(discriminator):
        raise ValueError(
            f"{type(model).__name__}: expected a discriminator that ends in a linear layer, "
            f"got {last(discriminator)!r} at its end. Leave it out: the loss takes logits, and has the sigmoid in it."
        )


def last(network):
    """The layer in which a network ends, however it is nested."""
    *_, (_, layer) = network.leaves()
    return layer


def ends_linear(network):
    """Can its outputs be any numbers, as logits can: does it not end in an activation?"""
    return isinstance(last(network), Identity) or not isinstance(last(network), Activation)


def discriminator_step(discriminator, real, made, r=1.0):
    """Add ∂J_D/∂θ_D to the discriminator's gradient. Returns J_D, a scalar that stays on the device.

    Raises ValueError unless the discriminator gives one logit for each of `real`, (B, 1).
    """
    a, of_real = discriminator.forward(real, training=True)
    if a.shape != (len(real), 1):
        raise ValueError(
            f"Expected a discriminator that gives one logit each, {(len(real), 1)}, got {a.shape}. "
            "Let it end in a linear layer with one output: Dense(n, 1)."
        )
    b, of_fake = discriminator.forward(made, training=True)
    value, da, db = discriminator_loss(a, b, r)
    discriminator.backward(da, of_real, needs_dx=False)
    discriminator.backward(db, of_fake, needs_dx=False)
    return value


def generator_gradient(discriminator, made, saturating=False):
    """(J_G, ∂J_G/∂made). The discriminator's gradient and running statistics are left alone."""
    with frozen(discriminator):
        b, cache = discriminator.forward(made, training=True)
        value, db = generator_loss(b, saturating)
        return value, discriminator.backward(db, cache)


def diagnostics(a, b, r=1.0, saturating=False):
    """How the duel stands, from the logits a, b (n, …) of inference: both objectives, and the discriminator's accuracy.

    real_accuracy, fake_accuracy: the fractions of a above 0 and of b below; ½ each where it can only guess.
    """
    return {
        "discriminator": float(discriminator_loss(a, b, r)[0]), "generator": float(generator_loss(b, saturating)[0]),
        "real_accuracy": float((a > 0).mean()), "fake_accuracy": float((b < 0).mean()),
    }  # fmt: skip


def diversity(made, real):
    """The mean distance between two rows of `made`, over that between two rows of `real` (root mean squares).

    For independent x and x′ of one distribution E‖x − x′‖² = 2 (E‖x‖² − ‖E x‖²) = 2 Σ_j Var x_j: no pair has to be
    looked at. 0 where all that is made is the same, 1 where it varies as much as what is real (in the same way or not).
    """
    return _spread(made) / max(_spread(real), 1e-12)


def _spread(x):
    return math.sqrt(2 * float(x.reshape(len(x), -1).var(axis=0, dtype=np.float64).sum()))
