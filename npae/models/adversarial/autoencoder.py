"""The adversarial autoencoder: an autoencoder whose codes follow a chosen prior distribution.

    h = f(x),  x̂ = g(h)                     any Autoencoder
    z ~ p(z)                                samples of the prior
    a = D(z),  b = D(h)                     logits of a discriminator of *codes*

Every minibatch has three phases, each a step in some of the parameters. With s(u) = ln(1 + eᵘ), they are

    phase 1, reconstruction     in θ_f, θ_g     J_R = 1/B Σ_i ℓ(g(f(x_i)), x_i) + Σ_k λ_k Ω_k, the autoencoder's own J
    phase 2, discriminator      in θ_D          J_D = 1/B Σ_i [ s(−D(z_i)) + s(D(f(x_i))) ]
    phase 3, generator          in θ_f          J_G = 1/B Σ_i s(−D(f(x_i)))

The encoder is the generator: its codes should be indistinguishable from samples of the prior.

    ∂J_G/∂θ_f = (∂h/∂θ_f)ᵀ (∂b/∂h)ᵀ ∂J_G/∂b                 through D, whose parameters are fixed

Let q(z) be the density of all codes h = f(x). By the argument of gan.py, with p(z) for the data and q(z) for the fake
samples, the optimal D outputs the logit ln(p(z)/q(z)). So D learns to estimate this log-ratio, and the generator phase
moves codes along its gradient. With this D it descends a divergence of q(z) from p(z): 2 KL(m ‖ p) with m = (p + q)/2.

A variational autoencoder pulls *each* q(z | x) towards p(z), with a divergence that needs both densities. Here only the
aggregated posterior q(z) = 1/n Σ_i q(z | x_i) is compared with p(z), and only by samples. So p(z) may be any
distribution that can be sampled. Once q(z) covers p(z), a sample of the prior decodes to a sample like the data:
`sample`.

With labels (`labelled`, trained on pairs (x, y)) the discriminator sees the class y beside the code, as a one-hot row,
and the prior's sample comes from the part of this class: D([z | y]) with z ~ p(z | y), against D([f(x) | y]). Then each
class is encoded in its own part of the prior, and the position within a part encodes the variation within a class:
style.

`evaluate` adds diagnostics to the terms of J: real_accuracy and fake_accuracy of the discriminator, near ½ if codes
cannot be told from samples of the prior, and `diversity`, the spread of codes relative to the prior. It should be near
1. Below 1, the codes cover only a part of the prior: raise D's learning rate. Above 1, they still reach outside it.

Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, "Adversarial autoencoders", sections 2 and 2.3.
"""

from typing import Any

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, Stream, as_int, as_lazy_source, empty, to_device
from npae.data.sources import as_labelled, check_source
from npae.layers import Layer
from npae.losses.softmax_cross_entropy import one_hot
from npae.models.adversarial.game import check_parts, diagnostics, discriminator_step, diversity, generator_gradient
from npae.models.adversarial.priors import Prior
from npae.models.adversarial.sampler import PriorSampler
from npae.models.autoencoder import Autoencoder
from npae.models.base import Terms
from npae.models.phases import Phase
from npae.models.wrapper import Wrapper


class AdversarialAutoencoder(Wrapper):
    """An Autoencoder with a discriminator of its codes and a prior, trained in three phases, with one vector θ.

    Train it with npae.fit. Once trained, use sample, and model.autoencoder to encode, decode and reconstruct. As a
    layer the model is its autoencoder.

    Args:
        autoencoder: any Autoencoder (dense, convolutional, denoising, with penalties). It shares its parameters with
            this model.
        discriminator: a Layer from codes (B, prior.size), or with labels from rows (B, prior.size + prior.modes), to
            one logit each, ending in a linear layer.
        prior: a Prior (npae.models.adversarial.priors) whose size is that of the codes.
        labelled: train on pairs (x, y) with class numbers y from 0 to prior.modes − 1.
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError if labelled and the prior has one part, and for a discriminator that ends in an activation;
    TypeError for a prior that is not a Prior.

    Example:
        >>> import numpy as np
        >>> from npae import AdversarialAutoencoder, dense_autoencoder, fit
        >>> from npae.layers import Dense, Sequential
        >>> from npae.models import GaussianPrior
        >>> x = np.random.default_rng(0).random((100, 16))
        >>> discriminator = Sequential(Dense(2, 16, "relu"), Dense(16, 1))
        >>> model = AdversarialAutoencoder(dense_autoencoder([16, 8, 2]), discriminator, GaussianPrior(2, std=5.0))
        >>> history = fit(model, x, epochs=2, progress="none")
        >>> model.autoencoder.encode(x).shape, model.sample(3).shape
        ((100, 2), (3, 16))
    """

    def __init__(self, autoencoder: Autoencoder, discriminator: Layer, prior: Prior, labelled: bool = False,
                 seed: int | None = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        check_parts(self, discriminator, prior)
        if labelled and prior.modes < 2:
            raise ValueError(
                f"AdversarialAutoencoder: expected a prior with a part for each class, {prior!r} has one. "
                "Use RingPrior or SwissRollPrior with modes = the number of classes, or labelled=False."
            )
        self.autoencoder = self.inner = autoencoder
        self.discriminator, self.prior, self.sampler = discriminator, prior, PriorSampler(prior)
        self.labelled, self.loss = bool(labelled), autoencoder.loss
        self.children = (("autoencoder", autoencoder), ("discriminator", discriminator))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def draws(self) -> tuple[Any, ...]:
        """The layers that draw random numbers, and the sampler of codes."""
        return (*super().draws, self.sampler)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Reconstruction, discriminator, generator."""
        return (
            Phase("reconstruction", self.autoencoder, self._reconstruction_step),
            Phase("discriminator", self.discriminator, self._discriminator_step),
            Phase("generator", self.autoencoder.encoder, self._generator_step),
        )

    def _reconstruction_step(self, batch: Any) -> Terms:
        return self.autoencoder.backpropagate(self._parts(batch)[0])

    def _discriminator_step(self, batch: Any) -> Terms:
        x, y = self._parts(batch)
        h, _ = self.autoencoder.encoder.forward(x, training=True)
        z = self.sampler.next(h, y)
        return {"discriminator": discriminator_step(self.discriminator, self._with_class(z, y), self._with_class(h, y))}

    def _generator_step(self, batch: Any) -> Terms:
        x, y = self._parts(batch)
        h, cache = self.autoencoder.encoder.forward(x, training=True)
        value, drows = generator_gradient(self.discriminator, self._with_class(h, y))
        self.autoencoder.encoder.backward(self._without_class(drows), cache, needs_dx=False)
        return {"generator": value}

    def _parts(self, batch: Any) -> tuple[Any, Any]:
        """(x, y) of a batch, y None without labels."""
        return batch if self.labelled else (batch, None)

    def _with_class(self, codes: Array, y: Array | None) -> Array:
        """[codes | one-hot y], a new array; without labels the codes themselves."""
        if y is None:
            return codes
        rows = empty((len(codes), self.prior.size + self.prior.modes), codes)
        rows[:, : self.prior.size], rows[:, self.prior.size :] = codes, one_hot(y, self.prior.modes, codes)
        return rows

    def _without_class(self, drows: Array) -> Array:
        """∂J/∂codes, the columns of ∂J/∂[codes | y] that belong to the codes."""
        if not self.labelled:
            return drows
        dh = empty((len(drows), self.prior.size), drows)
        dh[...] = drows[:, : self.prior.size]
        return dh

    # ------------------------------------------------------------------ data

    def as_data(self, data: Any, name: str = "data") -> Any:
        """The source that training takes batches from. Errors: see data.sources.

        Args:
            data: samples, or a pair (x, y) if labelled.
            name: of the data, for the errors.
        """
        if not self.labelled:
            return as_lazy_source(data, name)
        data = as_labelled(data, name)
        check_source(data.x, self.loss.check_targets, name)
        return data

    def check_targets(self, x: Array) -> None:
        """Raise ValueError for targets that do not suit the model: x are samples, or, if labelled, their labels.

        Samples must lie in the range of the autoencoder's loss, labels must be integers from 0 to prior.modes − 1.
        """
        if self.labelled:
            self._check_classes(x)
        else:
            self.loss.check_targets(x)

    def _check_classes(self, y: Array) -> None:
        if y.ndim != 1:
            raise ValueError("AdversarialAutoencoder: expected class numbers as labels, got rows: rows.argmax(axis=1).")
        low, high, modes = int(y.min()), int(y.max()), self.prior.modes
        if low < 0 or high >= modes:
            raise ValueError(
                f"AdversarialAutoencoder: expected labels from 0 to {modes - 1}, got {low} to {high}: {self.prior!r} "
                f"has {modes} parts, one per class."
            )

    def evaluate(self, data: Any, batch_size: int | None = None) -> dict[str, float]:
        """The terms of all phases and the diagnostics on `data` in inference mode; samples of the prior have seed 0."""
        self.check_columns(data)
        x, y = self._parts(self.as_data(data))
        if self.labelled:
            self._check_classes(y)
        h = to_device(self.autoencoder.encode(x, batch_size), "cpu")
        y = None if y is None else to_device(y, "cpu")
        z = self.prior.codes(Stream([0]), h, y)
        rows = (self._with_class(codes, y) for codes in (z, h))
        a, b = (self._map(self.discriminator, r, batch_size, "codes") for r in rows)
        return self.autoencoder.evaluate(x, batch_size) | diagnostics(a, b) | {"diversity": diversity(h, z)}

    # ------------------------------------------------------------------ use

    def sample(self, n: int, seed: int = 0, y: ArrayLike | None = None, batch_size: int | None = None) -> Array:
        """Samples g(z), z ~ p(z): (n, …), on the model's device.

        Args:
            n: how many.
            seed: draws the codes.
            y: their classes, integers (n,); then z ~ p(z | y).
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        like, classes = empty((as_int(n, "n", least=1), self.prior.size), self.theta.value), None
        if y is not None:
            classes = as_labelled((like, y), "y").y
            self._check_classes(classes)
        z = self.prior.codes(Stream([seed]), like, classes)
        return self.autoencoder.decode(z, batch_size)

    def config(self) -> Config:
        return {"autoencoder": self.autoencoder, "discriminator": self.discriminator, "prior": self.prior,
                "labelled": self.labelled}  # fmt: skip

    def __repr__(self) -> str:
        return f"AdversarialAutoencoder({self.autoencoder!r}, {self.discriminator!r}, {self.prior!r})"
