"""The generative adversarial network: noise becomes images that a discriminator cannot tell from real ones.

    z ~ p(z),   x̂ = G(z)                    the generator
    a = D(x),   b = D(x̂)                    the discriminator's logits

On every minibatch of B images, each time with new noise,

    phase 1, discriminator      over θ_D        J_D = 1/B Σ_i s(−a_i) + s(b_i)         it learns to tell them apart
    phase 2, generator          over θ_G        J_G = 1/B Σ_i s(−b_i)                  it learns to fool it

    ∂J_G/∂θ_G = (∂x̂/∂θ_G)ᵀ (∂b/∂x̂)ᵀ ∂J_G/∂b          through D, which is held fast

For a fixed G, whose images have the density p_G, the best D is found at every x by itself. On average J_D is
∫ p s(−a) + p_G s(a) dx, least where its derivative by a is 0:

    −p σ(−a) + p_G σ(a) = 0         so σ(a)/σ(−a) = eᵃ = p/p_G,         σ(a) = p/(p + p_G)

Where p_G = p, that is ½ everywhere: J_D = 2 ln 2 and J_G = ln 2. So neither objective says how good the images are;
they say who is ahead (and the history's `loss`, their sum, says nothing). `evaluate`, and with validation data the
history, therefore shows three *signs of life* beside them:

    real_accuracy, fake_accuracy    of the discriminator; both 1 for long: the generator gets no derivative to speak of
    diversity                       how much samples differ, relative to real images; towards 0: it has collapsed

What helps. Diversity falls: the generator has found one image that fools D and makes nothing else; lower its learning
rate, raise the discriminator's, take larger batches, Adam with beta1=0.5. The discriminator is always right: give it
GaussianNoise or Dropout, ask it for real=0.9 only (one-sided smoothing), make it smaller, and do not let its loss
saturate. Diversity near 1 is necessary, not sufficient: npae.evaluate has a two-sample test.

Goodfellow et al. 2014, "Generative adversarial nets", algorithm 1 with k = 1.
"""

import numpy as np

from npae.backend import Stream, as_int, empty, to_device
from npae.models.adversarial.game import check_parts, diagnostics, discriminator_step, diversity, generator_gradient
from npae.models.base import Wrapper
from npae.models.phases import Phase


class GAN(Wrapper):
    """A generator and a discriminator, trained in two phases by fit(model, images, …), with one vector θ.

    generator: a Layer from codes (B, prior.size) to images as the data are (for pixels in [0, 1], ending in Sigmoid).
    discriminator: a Layer from images to one logit each, (B, 1), ending in a linear layer. prior: of the codes
    (npae.models.adversarial.priors). saturating: the generator's loss; real: the probability that the discriminator is asked for on
    real images (npae.losses.adversarial). seed, dtype: as for Autoencoder. Dense or convolutional: whatever fits
    together. As a layer it is the generator.
    Raises ValueError for a discriminator that ends in an activation, and for another `real`; TypeError for a prior that
    is none.
    """

    def __init__(self, generator, discriminator, prior, saturating=False, real=1.0, seed=0, dtype=np.float32):
        if not 0.5 < real <= 1:
            raise ValueError(f"GAN: expected a probability 0.5 < real <= 1 of real images, got {real}.")
        check_parts(self, discriminator, prior)
        self.generator, self.discriminator, self.prior = generator, discriminator, prior
        self.inner = generator
        self.saturating, self.real = bool(saturating), float(real)
        self.children = (("prior", prior), ("generator", generator), ("discriminator", discriminator))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def phases(self):
        """Discriminator, then generator."""
        return (
            Phase("discriminator", self.discriminator, self._discriminator_step),
            Phase("generator", self.generator, self._generator_step),
        )

    def _discriminator_step(self, x):
        made, _ = self.generator.forward(self._noise(x), training=True)
        if made.shape != x.shape:
            raise ValueError(
                f"GAN: expected a generator of images like the data's, {x.shape[1:]}, its images are {made.shape[1:]}. "
                "Let it end in a layer of that size (and layers.Reshape)."
            )
        return {"discriminator": discriminator_step(self.discriminator, x, made, self.real)}

    def _generator_step(self, x):
        made, cache = self.generator.forward(self._noise(x), training=True)
        value, d_made = generator_gradient(self.discriminator, made, self.saturating)
        self.generator.backward(d_made, cache, needs_dx=False)
        return {"generator": value}

    def _noise(self, x):
        return self.prior.next(empty((len(x), self.prior.size), x))

    def check_targets(self, x):
        """Any images will do."""

    def evaluate(self, data, batch_size=1024):
        """J_D, J_G and the signs of life on `data` as in inference, with as many samples (of seed 0) as data."""
        x, made = self._map(_itself, data, batch_size), self.sample(len(data), batch_size=batch_size)
        made = to_device(made, "cpu")
        a, b = (self._map(self.discriminator, images, batch_size) for images in (x, made))
        x, a, b = (to_device(array, "cpu") for array in (x, a, b))
        return diagnostics(a, b, self.real, self.saturating) | {"diversity": diversity(made, x)}

    # ------------------------------------------------------------------ use

    def sample(self, n, seed=0, batch_size=1024):
        """n images G(z), z ~ p(z): (n, …), where the model is. The same seed gives the same images on one device."""
        z = self.prior.codes(Stream([seed]), empty((as_int(n, "n", least=1), self.prior.size), self.theta.value))
        return self._map(self.generator, z, batch_size, "codes")

    def config(self):
        return {"generator": self.generator, "discriminator": self.discriminator, "prior": self.prior,
                "saturating": self.saturating, "real": self.real}  # fmt: skip

    @classmethod
    def from_config(cls, **config):
        """The GAN without values, as a model file needs it."""
        return cls(**config, seed=None)

    def __repr__(self):
        return f"GAN(generator={self.generator!r}, discriminator={self.discriminator!r}, prior={self.prior!r})"


def _itself(x):
    return x
