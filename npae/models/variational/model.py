"""The variational autoencoder (VAE): a latent variable model, trained on a lower bound of ln p(x).

    [μ | log σ²] = f(x)             the encoder: a Gaussian q(z | x) = N(μ, σ²) for every x                 (B, 2d)
    z = μ + σ ε,  ε ~ N(0, 1)       a sample of q(z | x), see layers.sampling                               (B, d)
    a = g(z),   ℓ = −ln p(x | z)    the decoder's output a and the loss define p(x | z), with the mean x̂ = σ(a) or a
    J = 1/B Σ_i [ E_q[ℓ] + β KL(q(z | x_i) ‖ p(z)) ],        p(z) = N(0, 1)

The first term asks for codes that reconstruct x: it moves the q(z | x) of different x apart and makes them narrow. The
second pulls them all towards p(z). So neighbouring codes get similar meanings, no gaps remain between them, and a code
sampled from p(z) decodes to a sample like the data.

**The bound.** The density of the model is p(x) = ∫ p(x | z) p(z) dz. For every z, by Bayes' theorem,

    p(x) = p(x | z) p(z) / p(z | x) = w q(z | x) / p(z | x)             w = p(x | z) p(z) / q(z | x)

The logarithm of both sides, averaged over z ~ q(z | x), gives

    ln p(x) = E_q[ln w] + KL(q(z | x) ‖ p(z | x))
    E_q[ln w] = −E_q[ℓ] − KL(q(z | x) ‖ p(z))                           the evidence lower bound (ELBO)

A divergence is ≥ 0, so the ELBO is at most ln p(x), and the gap is the divergence of q from the true posterior. For
β = 1, −J is the mean ELBO of the batch. `bounds.py` has a tighter bound, that of several codes together.

**Its gradient.** E_q is estimated from `samples` codes per x, by default one; KL(q ‖ p) has a closed form
(penalties.gaussian_kl). Backpropagation passes from the loss through the decoder to z, from z to μ and log σ², where
the gradient of KL is added, and then through the encoder: `backpropagate`.

**The loss.** BinaryCrossEntropy is a likelihood of *binary* pixels. GaussianNLL and HeteroscedasticGaussianNLL are
densities of real numbers. For grey pixels x in [0, 1], BinaryCrossEntropy is no density of x, but a mean over images b
whose pixels are binarised at random: −ℓ(x) = E_b[ln p(b | z)] with b ~ Bernoulli(x). For each b the bound holds with
q(z | x) too, ln p(b) ≥ E_q[ln p(b | z)] − KL(q(z | x) ‖ p(z)), so its mean over b, the ELBO, is at most E_b[ln p(b)].
Do not compare this bound for *binarised* images with bounds of ln p(x) for a density of grey pixels (Loaiza-Ganem &
Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders").

Kingma & Welling 2014, "Auto-encoding variational Bayes"; Rezende, Mohamed & Wierstra 2014, "Stochastic backpropagation
and approximate inference in deep generative models".
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, Stream, as_batch_size, as_int, as_member, empty
from npae.layers import Dense, GaussianSample, Layer
from npae.layers.base import Cache, Gradient
from npae.layers.sampling import tile, tile_adjoint
from npae.losses import BinaryCrossEntropy, Loss, SquaredError
from npae.models.base import Model, Terms
from npae.models.variational.bounds import iwae_step
from npae.models.variational.likelihood import elbo_terms, iwae_terms, log_mean_weight
from npae.penalties import GaussianKL


class VariationalAutoencoder(Model):
    """An encoder to 2d numbers [μ | log σ²], a decoder from d numbers, and a likelihood, with one parameter vector θ.

    Train it with npae.fit. Once trained, use sample, encode, decode, reconstruct, posterior, elbo, log_likelihood and
    active_units. variational_autoencoder builds it of dense layers; conv_encoder and conv_decoder are its parts for
    images.

    Args:
        encoder: a Layer from samples to rows (B, 2d), ending in a linear layer.
        decoder: a Layer from codes (B, d) to predictions of the samples, ending in a linear layer.
        loss: −ln p(x | z), a Loss or its name. None: BinaryCrossEntropy, for data in [0, 1].
        beta: β, the strength of the KL term.
        samples: codes per sample and training step.
        objective: "elbo", or "iwae", the bound of all `samples` codes together (with β = 1).
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError for another objective, β ≤ 0, "iwae" with β ≠ 1, and for SquaredError, which is not a density;
    TypeError for a loss that is not a Loss.

    Example:
        >>> import numpy as np
        >>> from npae import VariationalAutoencoder, fit
        >>> from npae.layers import Dense, Sequential
        >>> x = np.random.default_rng(0).integers(0, 2, (100, 16)).astype(bool)
        >>> encoder = Sequential(Dense(16, 8, "relu"), Dense(8, 2 * 3))
        >>> decoder = Sequential(Dense(3, 8, "relu"), Dense(8, 16))
        >>> model = VariationalAutoencoder(encoder, decoder)
        >>> history = fit(model, x, epochs=2, progress="none")
        >>> model.encode(x).shape, model.sample(5).shape, model.elbo(x).shape
        ((100, 3), (5, 16), (100,))
        >>> bool((model.log_likelihood(x, samples=500) > model.elbo(x, samples=500)).all())
        True
    """

    stated = ("loss", "kl")

    def __init__(self, encoder: Layer, decoder: Layer, loss: Loss | type[Loss] | str | None = None, beta: float = 1.0,
                 samples: int = 1, objective: str = "elbo", seed: int | None = 0,
                 dtype: DTypeLike = np.float32):  # fmt: skip
        if objective not in ("elbo", "iwae"):
            raise ValueError(f'VariationalAutoencoder: expected objective "elbo" or "iwae", got {objective!r}.')
        if objective == "iwae" and beta != 1:
            raise ValueError(f'VariationalAutoencoder: "iwae" bounds ln p(x) with beta = 1 only, got {beta}. Omit it.')
        if isinstance(loss, SquaredError):
            raise ValueError(
                "VariationalAutoencoder: expected a likelihood in nats, got SquaredError, which lacks the constant. "
                "Use losses.GaussianNLL(std): with std = 1 its gradient is the same."
            )
        self.encoder, self.sampler, self.decoder = encoder, GaussianSample(), decoder
        self.loss = as_member(BinaryCrossEntropy if loss is None else loss, Loss, "VariationalAutoencoder")
        self.kl, self.objective = GaussianKL(beta), objective
        self.samples = as_int(samples, "samples", least=1)
        self.children = (("encoder", encoder), ("sampler", self.sampler), ("decoder", decoder))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    def backpropagate(self, x: Array) -> Terms:
        """Add ∂J/∂θ on the batch x to theta.grad. Returns "reconstruction" and "kl", scalars on the device."""
        if self.objective == "iwae":
            return iwae_step(self, x)
        k = self.samples  # codes per sample; for k = 1, tile and its adjoint return what they get
        stats, encoder_cache = self.encoder.forward(x, training=True)  # [μ | log σ²]
        z, sampler_cache = self.sampler.forward(tile(stats, k), training=True)  # z = μ + σ ε
        a, decoder_cache = self.decoder.forward(z, training=True)

        reconstruction, da = self.loss.value_and_gradient(a, tile(x, k))  # 1/B Σ_i E_q[ℓ]
        kl, dstats = self.kl.value_and_gradient(self, stats, encoder_cache)  # β/B Σ_i KL

        dz = self.decoder.backward(da, decoder_cache)
        dstats += tile_adjoint(self.sampler.backward(dz, sampler_cache), k)  # [∂J/∂μ | ∂J/∂(log σ²)]
        self.encoder.backward(dstats, encoder_cache, needs_dx=False)
        return {"reconstruction": reconstruction, "kl": kl}

    def evaluate(self, data: ArrayLike, batch_size: int | None = None, seed: int = 0) -> dict[str, float]:
        """The terms of J on `data` in inference mode, by name: numbers, mean over the samples.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
            seed: draws the codes: every call with the same batch_size uses the same codes (on one kind of device).
        """
        terms = partial(elbo_terms if self.objective == "elbo" else iwae_terms, samples=self.samples)
        means = self._sampled(terms, data, batch_size, seed, self.samples).mean(axis=0, dtype=np.float64)
        return {"reconstruction": float(means[0]), "kl": self.kl.strength * float(means[1])}

    def _sampled(self, function: Callable[..., Array], data: ArrayLike, batch_size: int | None, seed: int,
                 copies: int) -> Array:  # fmt: skip
        """function(self, batch, stream) of all data, where each sample passes through the decoder `copies` times."""
        function = partial(function, self, stream=Stream(seed))
        return self._map(function, data, batch_size, check=self.check_targets, copies=copies)

    # ------------------------------------------------------------------ as a layer

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """The decoder's output for one sampled code in training, for the mean code μ in inference."""
        stats, encoder_cache = self.encoder.forward(x, training)
        z, sampler_cache = self.sampler.forward(stats, training)
        y, decoder_cache = self.decoder.forward(z, training)
        return y, (encoder_cache, sampler_cache, decoder_cache)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂x from ∂J/∂y, adding to the gradients of encoder and decoder."""
        encoder_cache, sampler_cache, decoder_cache = cache
        dstats = self.sampler.backward(self.decoder.backward(dy, decoder_cache), sampler_cache)
        return self.encoder.backward(dstats, encoder_cache, needs_dx)

    # ------------------------------------------------------------------ likelihood

    def elbo(self, data: ArrayLike, samples: int = 1, seed: int = 0, batch_size: int | None = None) -> Array:
        """−E_q[ℓ] − KL for each sample: (n,), in nats. β has no effect.

        A lower bound of ln p(x); for grey pixels under BinaryCrossEntropy, of E_b[ln p(b)].

        Args:
            data: x, (n, …) of uint8, bool or floats.
            samples: codes per sample, from which E_q[ℓ] is estimated.
            seed: draws the codes.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.

        Raises ValueError, as training does, for data outside of the loss's range; so do evaluate and log_likelihood.
        """
        terms = partial(elbo_terms, samples=as_int(samples, "samples", least=1))
        return -self._sampled(terms, data, batch_size, seed, samples).sum(axis=1)

    def log_likelihood(self, data: ArrayLike, samples: int = 5000, seed: int = 0,
                       batch_size: int | None = None) -> Array:  # fmt: skip
        """An estimate of ln p(x) for each sample, in nats: (n,), float64. See `likelihood.py`.

        Args:
            data: x, (n, …) of uint8, bool or floats.
            samples: codes per sample. The mean of the estimate over seeds is below ln p(x), and closer to it with more.
            seed: draws the codes.
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        samples, at_once = as_int(samples, "samples", least=1), as_batch_size(batch_size, self)
        rows = None if batch_size is None else max(1, batch_size // 16)
        return self._sampled(partial(log_mean_weight, samples=samples, at_once=at_once), data, rows, seed, copies=16)

    # ------------------------------------------------------------------ use

    def posterior(self, data: ArrayLike, batch_size: int | None = None) -> tuple[Array, Array]:
        """(μ, log σ²) of q(z | x): both (n, d), on the data's device.

        Args:
            data: x, (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.sampler.split(self._map(self.encoder, data, batch_size))

    def encode(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """The mean codes μ: (n, d), on the data's device.

        Args:
            data: x, (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda x: self.sampler(self.encoder(x)), data, batch_size)

    def decode(self, codes: ArrayLike, batch_size: int | None = None) -> Array:
        """x̂, the mean of p(x | z): (n, …), on the codes' device.

        Args:
            codes: z, (n, d).
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda z: self.loss.output(self.decoder(z)), codes, batch_size, "codes", network=self.decoder)

    def reconstruct(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """decode(encode(x)): (n, …), on the data's device.

        Args:
            data: x, (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def sample(self, n: int, seed: int = 0, batch_size: int | None = None) -> Array:
        """New samples: the means x̂ of p(x | z) for codes z ~ N(0, 1). (n, …), on the model's device.

        Args:
            n: how many.
            seed: of the codes; the same seed gives the same codes on every device, up to rounding.
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        first = next((layer for _, layer in self.decoder.leaves() if layer.parameters), None)
        if not isinstance(first, Dense):
            raise ValueError("sample: expected a decoder that begins with Dense, to know the size of a code. "
                             "Sample the codes yourself: model.decode(z).")  # fmt: skip
        z = Stream(seed).normal(empty((as_int(n, "n", least=1), first.n_in), self.theta.value))
        return self.decode(z, batch_size)

    def active_units(self, data: ArrayLike, threshold: float = 0.01, batch_size: int | None = None) -> Array:
        """Which of the d code numbers depend on x: those with Var_x μ_j > threshold. (d,) of bool.

        For a number that does not help the reconstruction, the KL term leads to μ_j = 0, σ_j = 1 for all x (posterior
        collapse). Burda et al. 2016, section 5.3.

        Args:
            data: x, (n, …) of uint8, bool or floats.
            threshold: of the variance of μ_j.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.encode(data, batch_size).var(axis=0) > threshold

    def config(self) -> Config:
        return {"encoder": self.encoder, "decoder": self.decoder, "loss": self.loss, "beta": self.kl.strength,
                "samples": self.samples, "objective": self.objective}  # fmt: skip

    def __repr__(self) -> str:
        return f"VariationalAutoencoder(encoder={self.encoder!r}, decoder={self.decoder!r}, loss={self.loss!r})"
