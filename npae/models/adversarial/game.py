"""One adversarial step: update D to separate real from fake samples; differentiate G's loss through a fixed D.

    a = D(real),   b = D(fake)              logits; J_D, J_G: losses of discriminator and generator, npae.losses
    discriminator_step      ∂J_D/∂θ_D = (∂a/∂θ_D)ᵀ ∂J_D/∂a + (∂b/∂θ_D)ᵀ ∂J_D/∂b           real and fake are constants
    generator_gradient      ∂J_G/∂fake = (∂b/∂fake)ᵀ ∂J_G/∂b                              θ_D is constant

The second gradient is the only information about the data that a generator receives. In a GAN, `real` are images and
`fake` are outputs of the generator (gan.py). In an adversarial autoencoder, `real` are samples of a prior and `fake`
are codes of the encoder (autoencoder.py).
"""

import math
from typing import Any

import numpy as np

from npae.backend import Array, Scalar
from npae.layers import Identity, Layer
from npae.layers.output import output_activation
from npae.losses.adversarial import discriminator_loss, generator_loss
from npae.models.adversarial.priors import Prior
from npae.models.phases import frozen


def check_parts(model: Any, discriminator: Layer, prior: Any) -> None:
    """Raise TypeError unless `prior` is a Prior, ValueError unless the discriminator ends in a linear layer.

    The losses would take the output of an activation for a logit, and training would run without an error.

    Args:
        model: in whose name the errors are.
        discriminator: of the model.
        prior: what was given as the prior.
    """
    if not isinstance(prior, Prior):
        raise TypeError(
            f"{type(model).__name__}: expected a prior of codes such as models.GaussianPrior(2), got {prior!r}."
        )
    if not ends_linear(discriminator):
        raise ValueError(
            f"{type(model).__name__}: expected a discriminator that ends in a linear layer, "
            f"got {output_activation(discriminator)!r} at its end. Leave it out: the loss takes logits and contains "
            "the sigmoid."
        )


def ends_linear(network: Layer) -> bool:
    """Whether the outputs of a network can be any real numbers, as logits can: it does not end in an activation."""
    return isinstance(output_activation(network), Identity)


def discriminator_step(discriminator: Layer, real: Array, fake: Array, r: float = 1.0) -> Scalar:
    """Add ∂J_D/∂θ_D to the discriminator's gradient. Returns J_D, a scalar that stays on the device.

    Args:
        discriminator: D.
        real: a batch of real samples, (B, …).
        fake: as many fake ones.
        r: the target probability of real samples.

    Raises ValueError unless the discriminator outputs one logit per sample, (B, 1).
    """
    a, real_cache = discriminator.forward(real, training=True)
    if a.shape != (len(real), 1):
        raise ValueError(
            f"Expected a discriminator with one logit per sample, {(len(real), 1)}, got {a.shape}. "
            "Let it end in a linear layer with one output: Dense(n, 1)."
        )
    b, fake_cache = discriminator.forward(fake, training=True)
    value, da, db = discriminator_loss(a, b, r)
    discriminator.backward(da, real_cache, needs_dx=False)
    discriminator.backward(db, fake_cache, needs_dx=False)
    return value


def generator_gradient(discriminator: Layer, fake: Array, saturating: bool = False) -> tuple[Scalar, Array]:
    """(J_G, ∂J_G/∂fake). The discriminator's gradient and running statistics stay unchanged.

    Args:
        discriminator: D.
        fake: a batch of fake samples, (B, …).
        saturating: take the saturating loss of the generator, see npae.losses.adversarial.
    """
    with frozen(discriminator):
        b, cache = discriminator.forward(fake, training=True)
        value, db = generator_loss(b, saturating)
        return value, discriminator.backward(db, cache)


def diagnostics(a: Array, b: Array, r: float = 1.0, saturating: bool = False) -> dict[str, float]:
    """Both objectives and the discriminator's accuracy, by name.

    real_accuracy, fake_accuracy: the fractions of real samples with a > 0 and of fake samples with b < 0; ½ each if the
    discriminator can only guess.

    Args:
        a: logits of real samples, (n, …).
        b: logits of fake samples, (n, …).
        r: the target probability of real samples.
        saturating: take the saturating loss of the generator.
    """
    return {
        "discriminator": float(discriminator_loss(a, b, r)[0]), "generator": float(generator_loss(b, saturating)[0]),
        "real_accuracy": float((a > 0).mean()), "fake_accuracy": float((b < 0).mean()),
    }  # fmt: skip


def diversity(fake: Array, real: Array) -> float:
    """The root mean square distance between two rows of `fake`, divided by that between two rows of `real`.

    For independent x and x′ of one distribution E‖x − x′‖² = 2 (E‖x‖² − ‖E x‖²) = 2 Σ_j Var x_j, so the variances
    suffice and no pairs are compared. 0 if all fake samples are equal, 1 if they vary as much as the real ones (not
    necessarily in the same way).

    Args:
        fake: fake samples, (n, …).
        real: real samples, (n, …).
    """
    return _spread(fake) / max(_spread(real), 1e-12)


def _spread(x: Array) -> float:
    return math.sqrt(2 * float(x.reshape(len(x), -1).var(axis=0, dtype=np.float64).sum()))
