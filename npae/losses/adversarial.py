"""The adversarial losses: what a discriminator pays for its mistakes, and a generator for being found out.

A discriminator D gives a logit to everything that it is shown; σ(a) is the probability it gives to "this is real". With
a = D(x) for what is real and b = D(x̂) for what a generator G has made, s(a) = ln(1 + eᵃ) the softplus, s′ = σ, and
ln σ(a) = −s(−a), ln(1 − σ(a)) = −s(a), the discriminator pays the cross-entropy of both answers, in nats:

    ℓ_D = −ln σ(a) − ln(1 − σ(b)) = s(−a) + s(b)         ∂ℓ_D/∂a = σ(a) − 1,     ∂ℓ_D/∂b = σ(b)

It pays 2 ln 2 = 1.386 if it cannot tell, and gives every logit as 0. A discriminator that is too sure of itself teaches
little; asked for a probability r < 1 of what is real (*one-sided label smoothing*), it pays

    −r ln σ(a) − (1 − r) ln(1 − σ(a)) = s(a) − r a = s(−a) + (1 − r) a                derivative σ(a) − r

The game of Goodfellow et al. is one of two players who want the opposite: the generator pays −ℓ_D, of which only
ln(1 − σ(b)) depends on it. It *saturates*, they noticed, and proposed another objective with the same fixed point:

    saturating          minimise  ln(1 − σ(b)) = −s(b)       derivative  −σ(b)
    non-saturating      minimise  −ln σ(b)     =  s(−b)      derivative  −σ(−b) = −(1 − σ(b))

Both push b up, by different amounts. At the beginning the discriminator finds out everything, b ≪ 0: then σ(b) ≈ eᵇ,
and the worse a sample is, the less the saturating loss says about it; σ(−b) ≈ 1, so that the other one speaks loudest
where most is wrong. (Per sample, the second is e⁻ᵇ times the first: the direction is the same, the weights are not.)

Goodfellow et al. 2014, "Generative adversarial nets", section 3; Salimans et al. 2016, "Improved techniques for
training GANs", section 3.4, for the smoothing.
"""

from npae.backend import dot, elementwise, ones, sigmoid, softplus


@elementwise
def _real(a, r, scale):
    return softplus(-a) + (1 - r) * a, (sigmoid(a) - r) * scale


@elementwise
def _made(b, scale):
    return softplus(b), sigmoid(b) * scale


@elementwise
def _fooling(b, scale):
    return softplus(-b), -sigmoid(-b) * scale


def discriminator_loss(a, b, r=1.0):
    """(J, ∂J/∂a, ∂J/∂b) with J = 1/B Σ s(−a) + (1 − r) a + s(b), from logits a of what is real and b of what is made.

    a, b: (B, …), one shape. r: the probability that is asked for what is real, 1 without smoothing.
    """
    scale = 1 / len(a)
    (for_real, da), (for_made, db) = _real(a, r, scale), _made(b, scale)
    return (_sum(for_real) + _sum(for_made)) * scale, da, db


def generator_loss(b, saturating=False):
    """(J, ∂J/∂b) with J = 1/B Σ s(−b), or −1/B Σ s(b) where `saturating`, from the logits b (B, …) of what is made."""
    scale = 1 / len(b)
    if saturating:
        terms, db = _made(b, -scale)
        return -_sum(terms) * scale, db
    terms, db = _fooling(b, scale)
    return _sum(terms) * scale, db


def _sum(terms):
    return dot(terms.reshape(-1), ones(terms.size, terms))
