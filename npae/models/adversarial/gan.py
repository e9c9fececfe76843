"""Generative adversarial networks (GAN).

    z ~ p(z),   x̂ = G(z)                    generator: fake images from random codes
    a = D(x),   b = D(x̂)                    discriminator: logits of "this image is real"

On every minibatch of B images, with new codes z in each phase, and s(u) = ln(1 + eᵘ) = −ln(1 − σ(u)) = −ln σ(−u),

    phase 1, discriminator      step in θ_D     J_D = 1/B Σ_i [ s(−a_i) + s(b_i) ]
    phase 2, generator          step in θ_G     J_G = 1/B Σ_i s(−b_i)

    ∂J_G/∂θ_G = (∂x̂/∂θ_G)ᵀ (∂b/∂x̂)ᵀ ∂J_G/∂b          through D, whose parameters are fixed

**The optimal discriminator.** Let the images have the density p, and those of a fixed G the density p_G. The mean of
J_D is ∫ [ p s(−a) + p_G s(a) ] dx. Let D choose its logit a freely at every x. The optimum D* is where the derivative
of the integrand with respect to a is 0:

    −p σ(−a) + p_G σ(a) = 0         so eᵃ = σ(a)/σ(−a) = p/p_G,         σ(a) = p/(p + p_G)

**What the generator minimises.** Let m = (p + p_G)/2. At D* the losses are s(−a) = −ln σ(a) = ln 2 − ln(p/m) and
s(a) = −ln σ(−a) = ln 2 − ln(p_G/m). So

    J_D = ∫ [ p (ln 2 − ln(p/m)) + p_G (ln 2 − ln(p_G/m)) ] dx
        = 2 ln 2 − KL(p ‖ m) − KL(p_G ‖ m) = 2 ln 2 − 2 JS(p ‖ p_G)

with JS the Jensen–Shannon divergence. The saturating generator maximises J_D. At D* the derivative of J_D with respect
to a is 0, so the dependence of D* on G adds nothing to the gradient of G: it descends 2 JS(p ‖ p_G).

The non-saturating generator minimises ∫ p_G s(−a) dx = ∫ p_G ln(2m/p) dx, with D* fixed. Its gradient is that of the
divergence 2 KL(m ‖ p) = ∫ (p + p_G) ln(m/p) dx: the derivative of this integrand with respect to p_G is ln(m/p) + 1,
and the constants ln 2 and 1 have no effect, because ∫ p_G dx is always 1.

Both divergences are ≥ 0, and 0 only if p_G = p. Then σ(a) = ½ everywhere, J_D = 2 ln 2 and J_G = ln 2.

So neither objective measures the quality of the images. They show which player is ahead; the sum of both, the
history's `loss`, has no meaning. `evaluate`, and with validation data the history, add three *diagnostics*:

    real_accuracy, fake_accuracy    of the discriminator; if both stay at 1, the generator's gradient has vanished
    diversity                       spread of the samples relative to real images; near 0 the generator has collapsed

**What helps.** If diversity falls, the generator has found one image that deceives D and produces only this (mode
collapse). Lower its learning rate, raise the discriminator's, use larger batches and Adam with beta1=0.5. If the
discriminator is always right, give it GaussianNoise or Dropout, label smoothing (real=0.9) or fewer units, and keep the
non-saturating loss. A diversity near 1 is necessary, not sufficient: npae.evaluate has a two-sample test.

**Noise on the images.** Real and fake images lie near thin sets that hardly meet. So D can be right almost everywhere,
and its gradient need not lead from one set to the other. GaussianNoise(σ) at the head of D adds σε to real and fake
images alike. D then compares p ∗ N(0, σ²) with p_G ∗ N(0, σ²), which are positive everywhere. Two single images, x₁
real and x₂ fake, for example, become two Gaussians: D* is linear, and its gradient leads straight from x₂ to x₁.

    a(x) = (‖x − x₂‖² − ‖x − x₁‖²)/2σ²          ∂a/∂x = (x₁ − x₂)/σ²

The optimum remains p_G = p. For with the characteristic functions χ and χ_G of p and p_G, equal densities after the
noise mean χ(t) e^{−σ²‖t‖²/2} = χ_G(t) e^{−σ²‖t‖²/2} for all t. The factor is never 0, so χ = χ_G.

Goodfellow et al. 2014, "Generative adversarial nets", theorem 1, and algorithm 1 with k = 1 (steps of D per step of G);
Arjovsky & Bottou 2017, "Towards principled methods for training GANs", theorem 2.5, for the non-saturating loss:
KL(p_G ‖ p) − 2 JS, which is 2 KL(m ‖ p); section 3, and Sønderby et al. 2017, "Amortised MAP inference for image
super-resolution", for the noise.
"""

from typing import Any

import numpy as np

from npae.backend import Array, Config, DTypeLike, Stream, as_float, as_int, empty, to_device
from npae.layers import Layer
from npae.models.adversarial.game import check_parts, diagnostics, discriminator_step, diversity, generator_gradient
from npae.models.adversarial.priors import Prior
from npae.models.adversarial.sampler import PriorSampler
from npae.models.base import Terms
from npae.models.phases import Phase
from npae.models.wrapper import Wrapper


class GAN(Wrapper):
    """A generator and a discriminator, trained in two phases by npae.fit(model, images, …), with one vector θ.

    Both networks may be dense or convolutional. Once trained, use sample. As a layer the model is its generator.

    Args:
        generator: a Layer from codes (B, prior.size) to images of the data's shape; for pixels in [0, 1] it ends in
            Sigmoid.
        discriminator: a Layer from images to one logit each, (B, 1), ending in a linear layer.
        prior: the distribution of codes (npae.models.adversarial.priors).
        saturating: take the saturating loss of the generator, see npae.losses.adversarial.
        real: the discriminator's target probability of real images; below 1 it is label smoothing.
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError for a discriminator that ends in an activation and for `real` outside (0.5, 1]; TypeError for a
    prior that is not a Prior.

    Example:
        >>> import numpy as np
        >>> from npae import GAN, fit
        >>> from npae.layers import Dense, Sequential
        >>> from npae.models import GaussianPrior
        >>> from npae.optim import Adam
        >>> x = np.random.default_rng(0).random((100, 16))
        >>> generator = Sequential(Dense(4, 16, "relu"), Dense(16, 16, "sigmoid"))
        >>> discriminator = Sequential(Dense(16, 16, "leaky_relu"), Dense(16, 1))
        >>> model = GAN(generator, discriminator, GaussianPrior(4))
        >>> history = fit(model, x, epochs=2, optimizer=Adam(2e-4, beta1=0.5), progress="none")  # one for each phase
        >>> model.sample(3).shape
        (3, 16)
        >>> list(model.evaluate(x))
        ['discriminator', 'generator', 'real_accuracy', 'fake_accuracy', 'diversity']
    """

    def __init__(self, generator: Layer, discriminator: Layer, prior: Prior, saturating: bool = False,
                 real: float = 1.0, seed: int | None = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        real = as_float(real, "real of GAN, a probability", above=0.5, most=1)
        check_parts(self, discriminator, prior)
        self.generator, self.discriminator = generator, discriminator
        self.prior, self.sampler = prior, PriorSampler(prior)
        self.inner = generator
        self.saturating, self.real = bool(saturating), real
        self.children = (("generator", generator), ("discriminator", discriminator))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def draws(self) -> tuple[Any, ...]:
        """The layers that draw random numbers, and the sampler of codes."""
        return (*super().draws, self.sampler)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Discriminator, then generator."""
        return (
            Phase("discriminator", self.discriminator, self._discriminator_step),
            Phase("generator", self.generator, self._generator_step),
        )

    def _discriminator_step(self, x: Array) -> Terms:
        fake, _ = self.generator.forward(self._codes(x), training=True)
        if fake.shape != x.shape:
            raise ValueError(
                f"GAN: expected a generator of images like the data's, {x.shape[1:]}, its images are {fake.shape[1:]}. "
                "Let it end in a layer of that size (and layers.Reshape)."
            )
        return {"discriminator": discriminator_step(self.discriminator, x, fake, self.real)}

    def _generator_step(self, x: Array) -> Terms:
        fake, cache = self.generator.forward(self._codes(x), training=True)
        value, d_fake = generator_gradient(self.discriminator, fake, self.saturating)
        self.generator.backward(d_fake, cache, needs_dx=False)
        return {"generator": value}

    def _codes(self, x: Array) -> Array:
        """One code z ~ p(z) per row of x."""
        return self.sampler.next(empty((len(x), self.prior.size), x))

    @property
    def reads(self) -> Layer:
        """The network that the images enter: the discriminator."""
        return self.discriminator

    def check_targets(self, x: Array) -> None:
        """Accepts any images: no loss compares with them."""

    def evaluate(self, data: Any, batch_size: int | None = None) -> dict[str, float]:
        """J_D, J_G and the diagnostics on `data` in inference mode, with as many samples (of seed 0) as data."""
        x, fake = self._map(_itself, data, batch_size), self.sample(len(data), batch_size=batch_size)
        fake = to_device(fake, "cpu")
        a, b = (self._map(self.discriminator, images, batch_size, "images") for images in (x, fake))
        x, a, b = (to_device(array, "cpu") for array in (x, a, b))
        return diagnostics(a, b, self.real, self.saturating) | {"diversity": diversity(fake, x)}

    # ------------------------------------------------------------------ use

    def sample(self, n: int, seed: int = 0, batch_size: int | None = None) -> Array:
        """Images G(z), z ~ p(z): (n, …), on the model's device.

        Args:
            n: how many.
            seed: draws the codes; the same seed gives the same images on one device.
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        z = self.prior.codes(Stream([seed]), empty((as_int(n, "n", least=1), self.prior.size), self.theta.value))
        return self._map(self.generator, z, batch_size, "codes")

    def config(self) -> Config:
        return {"generator": self.generator, "discriminator": self.discriminator, "prior": self.prior,
                "saturating": self.saturating, "real": self.real}  # fmt: skip

    def __repr__(self) -> str:
        return f"GAN(generator={self.generator!r}, discriminator={self.discriminator!r}, prior={self.prior!r})"


def _itself(x: Array) -> Array:
    return x
