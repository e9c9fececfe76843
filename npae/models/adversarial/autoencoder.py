"""The adversarial autoencoder: an autoencoder whose codes, taken together, are distributed as somebody wishes.

    h = f(x),  x̂ = g(h)                     any Autoencoder
    z ~ p(z)                                codes as they should be, from a prior
    a = D(z),  b = D(h)                     logits of a discriminator of *codes*

On every minibatch, in three phases,

    phase 1, reconstruction     over θ_f, θ_g   J_R = the autoencoder's own J: 1/B Σ_i ℓ(g(f(x_i)), x_i) + Σ_k λ_k Ω_k
    phase 2, discriminator      over θ_D        J_D = 1/B Σ_i s(−D(z_i)) + s(D(f(x_i)))
    phase 3, generator          over θ_f        J_G = 1/B Σ_i s(−D(f(x_i)))

The encoder is the generator of codes here: what it makes of the data shall not be told from draws of the prior,

    ∂J_G/∂θ_f = (∂h/∂θ_f)ᵀ (∂b/∂h)ᵀ ∂J_G/∂b                 through D, which is held fast

A variational autoencoder pulls every *single* q(z|x) towards p(z), by a divergence that needs both densities. Here only
their mixture q(z) = 1/n Σ_i q(z|x_i) is compared with p(z), and by samples: any sampler will do for a prior. If p(z) is
filled without gaps, every draw of it decodes to something like the data: `sample`.

With labels (`labelled`, trained on pairs (x, y)) the discriminator sees the class beside the code, as a one-hot row,
and the prior's draw comes from the part that belongs to the class: D([z ~ p(z|y) | y]) against D([f(x) | y]). Classes
then lie where they were asked to, and what differs within a part is what differs within a class: style.

What `evaluate` shows beside the terms: real_accuracy and fake_accuracy of the discriminator, near ½ when codes cannot
be told from draws, and `diversity`, how far codes spread relative to draws: near 1, or else the encoder has not found
the prior (below: it sits in a part of it; give D a higher learning rate. Above: it is still outside).

Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, "Adversarial autoencoders", sections 2 and 2.3.
"""

import numpy as np

from npae.backend import Stream, as_int, empty, to_device
from npae.data.sources import as_labelled, as_source, check_source
from npae.losses.softmax_cross_entropy import one_hot
from npae.models.adversarial.game import check_parts, diagnostics, discriminator_step, diversity, generator_gradient
from npae.models.base import Wrapper
from npae.models.phases import Phase


class AdversarialAutoencoder(Wrapper):
    """An Autoencoder with a discriminator of its codes and a prior, trained in three phases, with one vector θ.

    autoencoder: dense, convolutional, denoising, with penalties, as it comes; it shares its parameters with this model,
    so that model.autoencoder encodes, decodes and reconstructs. discriminator: a Layer from codes (B, prior.size), or
    with labels from rows (B, prior.size + prior.modes), to one logit each, ending in a linear layer. prior: an
    npae.models.adversarial.priors.Prior of codes of the autoencoder's size. labelled: learn from pairs (x, y), class numbers y from
    0 to prior.modes − 1. seed, dtype: as for Autoencoder. As a layer it is the autoencoder.
    Raises ValueError for labels and a prior of one part, and for a discriminator that ends in an activation; TypeError
    for a prior that is none.
    """

    def __init__(self, autoencoder, discriminator, prior, labelled=False, seed=0, dtype=np.float32):
        check_parts(self, discriminator, prior)
        if labelled and prior.modes < 2:
            raise ValueError(
                f"AdversarialAutoencoder: expected a prior with a part for each class, {prior!r} has one. "
                "Take RingPrior or SwissRollPrior with modes = the number of classes, or labelled=False."
            )
        self.autoencoder = self.inner = autoencoder
        self.discriminator, self.prior = discriminator, prior
        self.labelled, self.loss = bool(labelled), autoencoder.loss
        self.children = (("autoencoder", autoencoder), ("prior", prior), ("discriminator", discriminator))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def phases(self):
        """Reconstruction, discriminator, generator."""
        return (
            Phase("reconstruction", self.autoencoder, self._reconstruction_step),
            Phase("discriminator", self.discriminator, self._discriminator_step),
            Phase("generator", self.autoencoder.encoder, self._generator_step),
        )

    def _reconstruction_step(self, batch):
        return self.autoencoder.backpropagate(self._parts(batch)[0])

    def _discriminator_step(self, batch):
        x, y = self._parts(batch)
        h, _ = self.autoencoder.encoder.forward(x, training=True)
        z = self.prior.next(h, y)
        return {"discriminator": discriminator_step(self.discriminator, self._with_class(z, y), self._with_class(h, y))}

    def _generator_step(self, batch):
        x, y = self._parts(batch)
        h, cache = self.autoencoder.encoder.forward(x, training=True)
        value, dh = generator_gradient(self.discriminator, self._with_class(h, y))
        self.autoencoder.encoder.backward(self._without_class(dh), cache, needs_dx=False)
        return {"generator": value}

    def _parts(self, batch):
        """(x, y) of a batch, y None without labels."""
        return batch if self.labelled else (batch, None)

    def _with_class(self, h, y):
        """[h | one-hot y], a new array; h itself without labels."""
        if y is None:
            return h
        rows = empty((len(h), self.prior.size + self.prior.modes), h)
        rows[:, : self.prior.size], rows[:, self.prior.size :] = h, one_hot(y, self.prior.modes, h)
        return rows

    def _without_class(self, dh):
        """The part of the gradient that belongs to the code: the class is not the encoder's to change."""
        if not self.labelled:
            return dh
        part = empty((len(dh), self.prior.size), dh)
        part[...] = dh[:, : self.prior.size]
        return part

    # ------------------------------------------------------------------ data

    def as_data(self, data, name="data"):
        """`data` as batches are taken from it: samples, or pairs (x, y) if labelled. Errors: see data.sources."""
        if not self.labelled:
            return as_source(data, name)
        data = as_labelled(data, name)
        check_source(data.x, self.loss.check_targets, name)
        return data

    def check_targets(self, x):
        """Samples that the autoencoder's loss can compare with; with labels, class numbers that have a part."""
        if self.labelled:
            self._check_classes(x)
        else:
            self.loss.check_targets(x)

    def _check_classes(self, y):
        if y.ndim != 1:
            raise ValueError("AdversarialAutoencoder: expected class numbers as labels, got rows: rows.argmax(axis=1).")
        low, high, modes = int(y.min()), int(y.max()), self.prior.modes
        if low < 0 or high >= modes:
            raise ValueError(
                f"AdversarialAutoencoder: expected labels from 0 to {modes - 1}, got {low} to {high}: {self.prior!r} "
                "has a part for each of these."
            )

    def evaluate(self, data, batch_size=1024):
        """The terms of all phases on `data` as in inference, and signs of life; draws of the prior are of seed 0."""
        x, y = self._parts(self.as_data(data))
        if self.labelled:
            self._check_classes(y)
        h = to_device(self.autoencoder.encode(x, batch_size), "cpu")
        y = None if y is None else to_device(y, "cpu")
        z = self.prior.codes(Stream([0]), h, y)
        a, b = (self._map(self.discriminator, self._with_class(codes, y), batch_size) for codes in (z, h))
        return self.autoencoder.evaluate(x, batch_size) | diagnostics(a, b) | {"diversity": diversity(h, z)}

    # ------------------------------------------------------------------ use

    def sample(self, n, seed=0, y=None, batch_size=1024):
        """n samples g(z), z ~ p(z), where the model is; of the classes y, integers (n,), if they are given."""
        like = empty((as_int(n, "n", least=1), self.prior.size), self.theta.value)
        if y is not None:
            y = as_labelled((like, y), "y").y
            self._check_classes(y)
        z = self.prior.codes(Stream([seed]), like, y)
        return self.autoencoder.decode(z, batch_size)

    def config(self):
        return {"autoencoder": self.autoencoder, "discriminator": self.discriminator, "prior": self.prior,
                "labelled": self.labelled}  # fmt: skip

    @classmethod
    def from_config(cls, **config):
        """The model without values, as a model file needs it."""
        return cls(**config, seed=None)

    def __repr__(self):
        return f"AdversarialAutoencoder({self.autoencoder!r}, {self.discriminator!r}, {self.prior!r})"
