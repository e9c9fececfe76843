"""The autoencoder: a network that learns to reconstruct its input from a code.

    h = f(x)            the encoder's code                       (B, code)
    a = g(h)            the decoder's output; the reconstruction is x̂ = σ(a) or x̂ = a, as the loss defines it
    J(θ) = 1/B Σ_i ℓ(g(f(x_i)), x_i)  +  Σ_k λ_k Ω_k

The derivative follows from the chain rule, through the decoder and then the encoder:

    da = ∂J/∂a                                        from the loss
    dh = (∂a/∂h)ᵀ da + Σ_k ∂(λ_k Ω_k)/∂h              from the decoder and the penalties

From dh the encoder computes the gradients of its parameters. ∂J/∂x is not needed, so it is not computed.

Goodfellow, Bengio & Courville 2016, "Deep Learning", chapter 14.
"""

import numpy as np

from npae.backend import as_member
from npae.losses import BinaryCrossEntropy, Loss
from npae.models.base import Model


class Autoencoder(Model):
    """An encoder, a decoder and a loss, with one parameter vector θ.

    encoder, decoder: Layers; loss: a Loss or its name ("mse"), by default BinaryCrossEntropy (then the decoder must end
    in a linear layer, and data lie in [0, 1]). penalties: the terms λΩ of J (npae.penalties). seed: draws the first
    values of parameters that have none yet; None leaves them without (to load a file). dtype: float32, or float64.
    Raises TypeError if loss is not a Loss, ValueError for two penalties of one name or an unknown loss.
    """

    def __init__(self, encoder, decoder, loss=None, seed=0, dtype=np.float32, penalties=()):
        self.encoder, self.decoder = encoder, decoder
        self.loss = as_member(BinaryCrossEntropy if loss is None else loss, Loss, "Autoencoder")
        self.penalties = tuple(penalties)
        terms = ["reconstruction", *(p.term for p in self.penalties)]
        if len(set(terms)) < len(terms):
            raise ValueError(f"Autoencoder: expected terms of J with different names, got {', '.join(terms)}.")
        self.children = (("encoder", encoder), ("decoder", decoder))
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ as a layer

    def forward(self, x, training=False):
        """a = g(f(x)), the decoder's output (logits under cross-entropy). The cache is those of encoder and decoder."""
        h, encoder_cache = self.encoder.forward(x, training)
        a, decoder_cache = self.decoder.forward(h, training)
        return a, (encoder_cache, decoder_cache)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x from ∂J/∂a, adding to the gradients of encoder and decoder."""
        encoder_cache, decoder_cache = cache
        return self.encoder.backward(self.decoder.backward(dy, decoder_cache), encoder_cache, needs_dx)

    # ------------------------------------------------------------------ training

    def backpropagate(self, batch):
        """Add ∂J/∂θ on the batch, x or (x, target), to theta.grad. Returns the terms of J by name, on the device."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        h, encoder_cache = self.encoder.forward(x, training=True)
        a, decoder_cache = self.decoder.forward(h, training=True)
        terms = {}
        terms["reconstruction"], da = self.loss.value_and_gradient(a, target)
        dh = self.decoder.backward(da, decoder_cache)
        for penalty in self.penalties:
            terms[penalty.term], through_h = penalty.value_and_gradient(self, h, encoder_cache)
            if through_h is not None:
                dh += through_h
        self.encoder.backward(dh, encoder_cache, needs_dx=False)
        return terms

    def evaluate_batch(self, batch):
        """The terms of J on the batch, x or (x, target), as at inference, by name."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        h, encoder_cache = self.encoder.forward(x)
        terms = {"reconstruction": self.loss.per_sample(self.decoder(h), target).mean(dtype=np.float64)}
        return terms | {p.term: p.value(self, h, encoder_cache) for p in self.penalties}

    # ------------------------------------------------------------------ use

    def encode(self, data, batch_size=1024):
        """The codes h = f(x) of `data` (n, …) of uint8, bool or floats: (n, code), where the data is."""
        return self._map(self.encoder, data, batch_size)

    def decode(self, codes, batch_size=1024):
        """The reconstructions x̂ of codes (n, code): (n, …), where the codes are."""
        return self._map(lambda h: self.loss.output(self.decoder(h)), codes, batch_size, "codes")

    def reconstruct(self, data, batch_size=1024):
        """x̂ = decode(encode(x)) for `data` (n, …) of uint8, bool or floats: (n, …), where the data is."""
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def reconstruction_error(self, data, batch_size=1024, per_feature=False):
        """ℓ(g(f(x_i)), x_i) of each sample, shape (n,), in the loss's unit (nats, or half squared distance).

        per_feature: its summands, in the data's shape. Raises ValueError, as training does, for data out of its range.
        """
        error = self.loss.per_feature if per_feature else self.loss.per_sample
        return self._map(lambda x: error(self(x), x), data, batch_size, check=self.check_targets)

    def config(self):
        return {"encoder": self.encoder, "decoder": self.decoder, "loss": self.loss, "penalties": list(self.penalties)}
