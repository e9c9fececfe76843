"""Discriminator rejection sampling: samples of a GAN, of which the discriminator rejects the unlikely ones.

    x̂ = G(z), z ~ p(z)          a sample, of density p_G
    a = D(x̂)                    its logit
    u ~ uniform in [0, 1)       x̂ is accepted if u < eᵃ/M

The optimal discriminator outputs a = ln(p/p_G), with p the density of the data (gan.py). Let p/p_G ≤ M everywhere. Then
the probabilities are at most 1, and the density of accepted samples is proportional to

    p_G(x) · p(x)/(M p_G(x)) = p(x)/M

and so equal to p, however bad the generator is, as long as it can draw everything that occurs. Samples are accepted
with the probability ∫ p/M dx = 1/M.

A trained D only estimates the ratio, and its largest value is one of its errors. So M is not the maximum of eᵃ, but a
`quantile` of it over samples: those above are all accepted. The accepted density is then proportional to min(p, M p_G).
The smaller the quantile, the more samples are accepted, and the less is corrected.

Azadi, Olsson, Darrell, Goodfellow & Odena 2019, "Discriminator rejection sampling".
"""

from npae.backend import Array, Stream, array_module, as_float, as_int, empty
from npae.models.adversarial.gan import GAN

DRAW = 1024  # codes at a time


def rejection_sample(model: GAN, n: int, seed: int = 0, quantile: float = 0.95, batch_size: int | None = None) -> Array:
    """n images of the generator that the discriminator accepts: (n, …), on the model's device.

    Args:
        model: the GAN, trained.
        n: how many.
        seed: draws the codes and u; the same seed gives the same images on one device.
        quantile: of eᵃ over max(n, batch_size) samples, which is M. At least the fraction 1 − quantile is accepted,
            so it must be below 1.
        batch_size: codes per draw and per forward pass; None: 1,024 per draw, in passes as for GAN.sample.

    Raises ValueError unless 0 ≤ quantile < 1.

    Example:
        >>> from npae import GAN
        >>> from npae.layers import Dense, Sequential
        >>> from npae.models import GaussianPrior, rejection_sample
        >>> generator = Sequential(Dense(4, 16, "relu"), Dense(16, 16, "sigmoid"))
        >>> model = GAN(generator, Sequential(Dense(16, 16, "leaky_relu"), Dense(16, 1)), GaussianPrior(4))
        >>> rejection_sample(model, 3).shape
        (3, 16)
    """
    n = as_int(n, "n", least=1)
    at_once = DRAW if batch_size is None else as_int(batch_size, "batch_size of rejection_sample", least=1)
    quantile = as_float(quantile, "quantile of rejection_sample", least=0, below=1)
    stream = Stream([as_int(seed, "seed of rejection_sample", least=0, most=None)])
    like = model.theta.value
    xp = array_module(like)

    def draw(count):
        z = model.prior.codes(stream, empty((count, model.prior.size), like))
        x = model._map(model.generator, z, batch_size, "codes")
        return x, model._map(model.discriminator, x, batch_size, "images")[:, 0]

    x, a = draw(max(n, at_once))
    highest, accepted, count = xp.quantile(a, quantile), [], 0
    while True:
        p = xp.exp(xp.minimum(a - highest, 0)).astype(like.dtype)
        accepted.append(x[stream.uniform(p) < p])
        count += len(accepted[-1])
        if count >= n:
            return xp.concatenate(accepted)[:n]
        x, a = draw(at_once)
