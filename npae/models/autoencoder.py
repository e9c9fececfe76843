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

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, as_member
from npae.layers.base import Cache, Gradient, Layer
from npae.losses import BinaryCrossEntropy, Loss
from npae.models.base import Model, Terms

if TYPE_CHECKING:
    from npae.penalties import Penalty


class Autoencoder(Model):
    """An encoder, a decoder and a loss, with one parameter vector θ.

    Train it with npae.fit. Once trained, use encode, decode, reconstruct and reconstruction_error, on any amount of
    data; see also evaluate, summary, to and npae.save. The other methods are those that training calls.

    Args:
        encoder: a Layer from samples to codes.
        decoder: a Layer from codes to predictions of the samples.
        loss: a Loss or its name ("mse"). None: BinaryCrossEntropy, for which data lie in [0, 1] and the decoder ends
            in a linear layer.
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.
        penalties: the terms λΩ of J (npae.penalties).

    Raises TypeError if loss is not a Loss, ValueError for two penalties of one name or an unknown loss.

    Example:
        >>> import numpy as np
        >>> from npae import Autoencoder, fit
        >>> from npae.layers import Dense, Sequential
        >>> x = np.random.default_rng(0).random((100, 8))
        >>> encoder = Sequential(Dense(8, 6, "relu"), Dense(6, 2))
        >>> decoder = Sequential(Dense(2, 6, "relu"), Dense(6, 8))
        >>> model = Autoencoder(encoder, decoder, loss="mse")
        >>> history = fit(model, x, epochs=5, progress="none")
        >>> history["loss"][-1] < history["loss"][0]
        True
        >>> model.encode(x).shape, model.reconstruct(x).shape, model.reconstruction_error(x).shape
        ((100, 2), (100, 8), (100,))
    """

    encoder: Any  # a Layer, mostly a Sequential; Any, so that type checkers accept encoder[0].W
    decoder: Any

    def __init__(self, encoder: Layer, decoder: Layer, loss: Loss | type[Loss] | str | None = None,
                 seed: int | None = 0, dtype: DTypeLike = np.float32, penalties: "Sequence[Penalty]" = ()):  # fmt: skip
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

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """a = g(f(x)), the decoder's output (logits under cross-entropy). The cache is those of encoder and decoder."""
        h, encoder_cache = self.encoder.forward(x, training)
        a, decoder_cache = self.decoder.forward(h, training)
        return a, (encoder_cache, decoder_cache)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂x from ∂J/∂a, adding to the gradients of encoder and decoder."""
        encoder_cache, decoder_cache = cache
        return self.encoder.backward(self.decoder.backward(dy, decoder_cache), encoder_cache, needs_dx)

    # ------------------------------------------------------------------ training

    def backpropagate(self, batch: Array | tuple[Array, Array]) -> Terms:
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

    def evaluate_batch(self, batch: Array | tuple[Array, Array]) -> Terms:
        """The terms of J on the batch, x or (x, target), as at inference, by name."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        h, encoder_cache = self.encoder.forward(x)
        terms = {"reconstruction": self.loss.per_sample(self.decoder(h), target).mean(dtype=np.float64)}
        return terms | {p.term: p.value(self, h, encoder_cache) for p in self.penalties}

    # ------------------------------------------------------------------ use

    def encode(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """The codes h = f(x): (n, code), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(self.encoder, data, batch_size)

    def decode(self, codes: ArrayLike, batch_size: int | None = None) -> Array:
        """The reconstructions x̂: (n, …), on the codes' device.

        Args:
            codes: h, (n, code).
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda h: self.loss.output(self.decoder(h)), codes, batch_size, "codes", network=self.decoder)

    def reconstruct(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """x̂ = decode(encode(x)): (n, …), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def reconstruction_error(self, data: ArrayLike, batch_size: int | None = None, per_feature: bool = False) -> Array:
        """ℓ(g(f(x_i)), x_i) of each sample, shape (n,), in the loss's unit (nats, or half squared distance).

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
            per_feature: return the summands of ℓ, in the data's shape.

        Raises ValueError, as training does, for data outside of the loss's range.
        """
        error = self.loss.per_feature if per_feature else self.loss.per_sample
        return self._map(lambda x: error(self(x), x), data, batch_size, check=self.check_targets)

    def config(self) -> Config:
        return {"encoder": self.encoder, "decoder": self.decoder, "loss": self.loss, "penalties": list(self.penalties)}
