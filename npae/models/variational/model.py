"""The variational autoencoder: a code that is a distribution, and a decoder that is a model of the data.

    [μ | log σ²] = f(x)             the encoder: for every x a Gaussian q(z | x) = N(μ, σ²) of codes        (B, 2d)
    z = μ + σ ε,  ε ~ N(0, 1)       a code is drawn                                                        (B, d)
    x̂ = g(z),   ℓ = −ln p(x | z)    the decoder and the loss: how likely x is, given the code
    J = 1/B Σ_i E_q[ℓ] + β KL(q ‖ N(0, 1))

Reconstruction pulls the Gaussians apart and makes them narrow; the divergence pulls them all towards N(0, 1). So codes
that are near each other mean nearly the same, there are no holes between them, and a code drawn from N(0, 1) is decoded
into something that might have been among the data. −J (β = 1) bounds ln p(x) from below: see `bounds.py`, which has the
derivations, the steps of training, and the tighter bound of K codes.

The loss is what the data are: BinaryCrossEntropy for pixels that are 0 or 1 (grey ones count as probabilities), Gaussian or
HeteroscedasticGaussianNLL for real numbers.

Kingma & Welling 2014, "Auto-encoding variational Bayes"; Rezende, Mohamed & Wierstra 2014, "Stochastic backpropagation
and approximate inference in deep generative models".
"""

import numpy as np

from npae.backend import Stream, array_module, as_int, device_of, generator, to_device
from npae.layers import Dense, GaussianSample, Identity, ReLU
from npae.losses import BinaryCrossEntropy, HeteroscedasticGaussianNLL, SquaredError
from npae.losses.base import as_loss
from npae.models.base import Model
from npae.models.dense import as_sizes, dense_stack
from npae.models.variational.bounds import elbo_step, iwae_step
from npae.models.variational.likelihood import elbo_terms, iwae_terms, log_mean_weight
from npae.penalties import GaussianKL

STEPS = {"elbo": elbo_step, "iwae": iwae_step}


class VariationalAutoencoder(Model):
    """An encoder into 2d numbers [μ | log σ²], a decoder of d numbers, and a likelihood, with one parameter vector θ.

    encoder, decoder: Layers, dense or convolutional; both end in a linear layer. loss: −ln p(x | z), by default
    BinaryCrossEntropy, Bernoulli pixels. beta: β, the price of a nat of code. samples: codes drawn for each sample and step.
    objective: "elbo", or "iwae", the bound of all `samples` codes together (with β = 1). seed, dtype: see Autoencoder.
    Raises ValueError for another objective, β ≤ 0, "iwae" with β ≠ 1, and for SquaredError, which is no density;
    TypeError for what is no loss.
    """

    def __init__(self, encoder, decoder, loss=None, beta=1.0, samples=1, objective="elbo", seed=0, dtype=np.float32):
        if objective not in STEPS:
            raise ValueError(f'VariationalAutoencoder: expected objective "elbo" or "iwae", got {objective!r}.')
        if objective == "iwae" and beta != 1:
            raise ValueError(f'VariationalAutoencoder: "iwae" bounds ln p(x) with beta = 1 only, got {beta}. Leave it.')
        if isinstance(loss, SquaredError):
            raise ValueError(
                "VariationalAutoencoder: expected a likelihood in nats, got SquaredError, which lacks the constant. "
                "Take losses.Gaussian(std): with std = 1 its gradient is the same."
            )
        self.encoder, self.sampler, self.decoder = encoder, GaussianSample(), decoder
        self.loss = as_loss(BinaryCrossEntropy() if loss is None else loss, "VariationalAutoencoder")
        self.kl, self.objective = GaussianKL(beta), objective
        self.samples = as_int(samples, "samples", least=1)
        self.children = (("encoder", encoder), ("sampler", self.sampler), ("decoder", decoder))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ as a layer

    def forward(self, x, training=False):
        """The decoder's output for one drawn code in training, for the code's mean in inference."""
        stats, encoder_cache = self.encoder.forward(x, training)
        z, sampler_cache = self.sampler.forward(stats, training)
        y, decoder_cache = self.decoder.forward(z, training)
        return y, (encoder_cache, sampler_cache, decoder_cache)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x from ∂J/∂y, adding to the gradients of both halves."""
        encoder_cache, sampler_cache, decoder_cache = cache
        dstats = self.sampler.backward(self.decoder.backward(dy, decoder_cache), sampler_cache)
        return self.encoder.backward(dstats, encoder_cache, needs_dx)

    # ------------------------------------------------------------------ training

    def backpropagate(self, x):
        """Add ∂J/∂θ on the batch x to theta.grad. Returns "reconstruction" and "kl", scalars on the device."""
        return STEPS[self.objective](self, x)

    def evaluate(self, data, batch_size=1024, seed=0):
        """The terms of J on `data` as in inference, by name: numbers, mean over the samples.

        Codes are drawn by `seed`: the same numbers at every call with the same batch_size (on one kind of device).
        """
        terms = elbo_terms if self.objective == "elbo" else iwae_terms
        means = self._drawing(terms, data, batch_size, seed, self.samples).mean(axis=0, dtype=np.float64)
        return {"reconstruction": float(means[0]), "kl": self.kl.weight * float(means[1])}

    def _drawing(self, function, data, batch_size, seed, *arguments):
        """function(self, batch, stream, *arguments) of all data."""
        stream = Stream(seed)
        return self._compare(lambda x: function(self, x, stream, *arguments), data, batch_size)

    # ------------------------------------------------------------------ likelihood

    def elbo(self, data, samples=1, seed=0, batch_size=1024):
        """−E_q[ℓ] − KL of each sample, by `samples` codes, (n,): nats, a lower bound of ln p(x) (β plays no part).

        Raises ValueError, as training does, for data out of the loss's range; so do evaluate and log_likelihood.
        """
        return -self._drawing(elbo_terms, data, batch_size, seed, as_int(samples, "samples", least=1)).sum(axis=1)

    def log_likelihood(self, data, samples=5000, seed=0, batch_size=2048):
        """ln p(x) of each sample, in nats, estimated by `samples` codes: (n,), float64. See `likelihood.py`.

        Its mean over seeds is below ln p(x), and nearer with more samples. batch_size: codes decoded at a time.
        """
        samples, batch_size = as_int(samples, "samples", least=1), as_int(batch_size, "batch_size", least=1)
        rows = max(1, batch_size // 16)
        return self._drawing(log_mean_weight, data, rows, seed, samples, batch_size)

    # ------------------------------------------------------------------ use

    def posterior(self, data, batch_size=1024):
        """(μ, log σ²) of q(z | x) for `data` (n, …) of uint8, bool or floats: both (n, d), where the data is."""
        return self.sampler.split(self._map(self.encoder, data, batch_size))

    def encode(self, data, batch_size=1024):
        """The mean codes μ of `data`: (n, d), where the data is."""
        return self._map(lambda x: self.sampler(self.encoder(x)), data, batch_size)

    def decode(self, codes, batch_size=1024):
        """x̂, the mean of p(x | z), of codes z (n, d): (n, …), where the codes are."""
        return self._map(lambda z: self.loss.output(self.decoder(z)), codes, batch_size, "codes")

    def reconstruct(self, data, batch_size=1024):
        """decode(encode(x)) for `data` (n, …) of uint8, bool or floats: (n, …), where the data is."""
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def sample(self, n, seed=0, batch_size=1024):
        """n new ones: codes z ~ N(0, 1), decoded into the means x̂ of p(x | z). (n, …), where the model is.

        The same seed draws the same codes on every device.
        """
        first = next((layer for _, layer in self.decoder.leaves() if layer.parameters), None)
        if not isinstance(first, Dense):
            raise ValueError("sample: expected a decoder that begins with Dense, to tell the size of a code. "
                             "Draw codes yourself: model.decode(z).")  # fmt: skip
        value = self.theta.value
        z = generator(seed).standard_normal((as_int(n, "n", least=1), first.n_in), value.dtype)
        return self.decode(to_device(z, device_of(value)), batch_size)

    def active_units(self, data, threshold=0.01, batch_size=1024):
        """Which of the d numbers say something: those whose mean μ varies, Var_x μ_j > threshold. (d,) of bool.

        Burda et al. 2016, section 5.3; the divergence switches off what does not pay, μ = 0 and σ = 1 for all x.
        """
        means = self.encode(data, batch_size)
        return array_module(means).var(means, axis=0) > threshold

    def config(self):
        return {"encoder": self.encoder, "decoder": self.decoder, "loss": self.loss, "beta": self.kl.weight,
                "samples": self.samples, "objective": self.objective}  # fmt: skip

    @classmethod
    def from_config(cls, encoder, decoder, loss, **settings):
        """The model without values, as a model file needs it: whatever the file says, nothing is allocated."""
        return cls(encoder, decoder, loss, seed=None, **settings)

    def __repr__(self):
        return f"VariationalAutoencoder(encoder={self.encoder!r}, decoder={self.decoder!r}, loss={self.loss!r})"


def variational_autoencoder(sizes, activation=ReLU, loss=None, **settings):
    """A VariationalAutoencoder of Dense layers: [784, 400, 20] is 784-400-2·20 and 20-400-784.

    sizes: from the data's number of features to d, at least two. activation: class of the activation after every hidden
    layer (or a function that makes one). loss and settings: those of VariationalAutoencoder.
    Raises ValueError for sizes that make no network, TypeError for sizes that are no integers.
    """
    n, *hidden, d = as_sizes(sizes, "variational_autoencoder")
    outputs = 2 * n if isinstance(loss, HeteroscedasticGaussianNLL) else n
    encoder = dense_stack([n, *hidden, 2 * d], activation, Identity)
    decoder = dense_stack([d, *hidden[::-1], outputs], activation, Identity)
    return VariationalAutoencoder(encoder, decoder, loss, **settings)
