"""Adversarial losses of discriminator and generator, from logits.

A discriminator D outputs one logit per sample; σ(a) is its probability that the sample is real. Let a = D(x) for real
samples x and b = D(x̂) for fake samples x̂ of a generator G. With the softplus s(a) = ln(1 + eᵃ), s′ = σ, and

    ln σ(a) = −s(−a),     ln(1 − σ(a)) = −s(a)

the discriminator's loss is the binary cross-entropy on real plus that on fake samples, in nats:

    ℓ_D = −ln σ(a) − ln(1 − σ(b)) = s(−a) + s(b)         ∂ℓ_D/∂a = σ(a) − 1,     ∂ℓ_D/∂b = σ(b)

A discriminator that cannot tell the two apart outputs logit 0 everywhere; its loss is 2 ln 2 = 1.386.

**One-sided label smoothing.** An overconfident discriminator gives the generator a small gradient. To prevent it, the
target for real samples may be a probability r < 1 instead of 1. With s(a) = s(−a) + a, their term of the loss becomes

    −r ln σ(a) − (1 − r) ln(1 − σ(a)) = r s(−a) + (1 − r) s(a) = s(−a) + (1 − r) a          derivative σ(a) − r

**The generator.** In the zero-sum game of Goodfellow et al. the generator minimises −ℓ_D. Only the term ln(1 − σ(b))
depends on G. Its gradient *saturates*, so they also propose another loss with the same fixed point:

    saturating          minimise  ln(1 − σ(b)) = −s(b)       derivative  −σ(b)
    non-saturating      minimise  −ln σ(b)     =  s(−b)      derivative  −σ(−b) = −(1 − σ(b))

Both raise b. Early in training D rejects all fake samples: b ≪ 0. Then σ(b) ≈ eᵇ, and the saturating gradient is
smallest for the worst samples. σ(−b) ≈ 1, and the non-saturating gradient is largest for the worst samples. Per sample
the second is e⁻ᵇ times the first: both have the same direction and different sizes.

Goodfellow et al. 2014, "Generative adversarial nets", section 3; Salimans et al. 2016, "Improved techniques for
training GANs", section 3.4, for the smoothing.
"""

from npae.backend import Array, Scalar, as_float, elementwise, sigmoid, softplus, total


@elementwise
def _real(a, r, scale):
    return softplus(-a) + (1 - r) * a, (sigmoid(a) - r) * scale


@elementwise
def _fake(b, scale):
    return softplus(b), sigmoid(b) * scale


@elementwise
def _non_saturating(b, scale):
    return softplus(-b), -sigmoid(-b) * scale


def discriminator_loss(a: Array, b: Array, r: float = 1.0) -> tuple[Scalar, Array, Array]:
    """(J, ∂J/∂a, ∂J/∂b) with J = 1/B Σ_i [ s(−a_i) + (1 − r) a_i + s(b_i) ], a scalar that stays on the device.

    Args:
        a: logits of real samples, (B, …); J also sums over further axes.
        b: logits of fake samples, of the same shape.
        r: the target probability of real samples, 1 without smoothing.

    Example:
        >>> import numpy as np
        >>> from npae.losses import discriminator_loss
        >>> J, da, db = discriminator_loss(np.zeros((4, 1)), np.zeros((4, 1)))
        >>> round(float(J), 3)
        1.386
    """
    scale, r = 1 / len(a), as_float(r, "r of discriminator_loss", least=0, most=1)
    (real, da), (fake, db) = _real(a, r, scale), _fake(b, scale)
    return (total(real) + total(fake)) * scale, da, db


def generator_loss(b: Array, saturating: bool = False) -> tuple[Scalar, Array]:
    """(J, ∂J/∂b) with J = 1/B Σ_i s(−b_i), or −1/B Σ_i s(b_i) if `saturating`, a scalar that stays on the device.

    Args:
        b: logits of fake samples, (B, …).
        saturating: True for the loss of the zero-sum game.

    Example:
        >>> import numpy as np
        >>> from npae.losses import generator_loss
        >>> rejected = np.array([[-5.0]])
        >>> J, db = generator_loss(rejected)
        >>> db.round(3)
        array([[-0.993]])
        >>> generator_loss(rejected, saturating=True)[1].round(3)
        array([[-0.007]])
    """
    scale = 1 / len(b)
    if saturating:
        terms, db = _fake(b, -scale)
        return -total(terms) * scale, db
    terms, db = _non_saturating(b, scale)
    return total(terms) * scale, db
