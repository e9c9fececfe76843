"""The semi-supervised adversarial autoencoder: it is told the class of a few samples, and finds that of the others.

    [z | h] = f(x),   ŷ = softmax(z)        K scores of classes, and beside them a style            (B, K), (B, d)
    x̂ = g([ŷ | h])                          class and style together make the sample
    e ~ one-hot rows,   v ~ p(h)            classes and styles as they should be
    D_Y, D_H                                discriminators of classes and of styles, one logit each

ŷ is to look like a decision and h like a draw of p(h). So ŷ, near a corner, has no room for a style, and room in h is
scarce: what is said by ŷ is not worth saying there again. (It is not forbidden, since only all styles together are
compared with p(h), not those of each class.) What remains open is *which* corner is which class, and that a corner is
one: a few labels say it. On every minibatch, with y_i = −1 where the label is not known,

    reconstruction          over θ_f, θ_g   J_R = the autoencoder's own J
    class discriminator     over θ_D_Y      1/B Σ_i s(−D_Y(e_i)) + s(D_Y(ŷ_i))              s(a) = ln(1 + eᵃ)
    style discriminator     over θ_D_H      1/B Σ_i s(−D_H(v_i)) + s(D_H(h_i))
    generator               over θ_f        J_G = 1/B Σ_i s(−D_Y(ŷ_i)) + s(−D_H(h_i))
    supervised              over θ_f        J_Y = 1/L Σ_{i: y_i ≥ 0} −ln ŷ_{i y_i}          L of the labels are known

The derivative of J_G comes out of two discriminators, which are held fast, and that by ŷ has the softmax on its way:

    ∂J_G/∂ŷ = (∂D_Y/∂ŷ)ᵀ ∂J_G/∂D_Y,   ∂J_G/∂h = (∂D_H/∂h)ᵀ ∂J_G/∂D_H          by duel.generator_gradient, one after the other
    ∂J_G/∂z = ŷ ⊙ (∂J_G/∂ŷ − ⟨∂J_G/∂ŷ, ŷ⟩)                                    layers.Softmax, a row each
    ∂J_G/∂θ_f = (∂[z | h]/∂θ_f)ᵀ ∂J_G/∂[z | h]

So has that of J_R, through the decoder. That of J_Y stops at the scores, ∂J_Y/∂z_i = (ŷ_i − t_i)/L for those that have
a label, t_i its one-hot row, and 0 for all others, and for h (losses.MaskedCrossEntropy).

The mean is over the labels of the batch, and a batch without any would teach no class: let the data hold samples with
labels often enough, data.oversample_labelled(x, y). (Several workers take each the mean over the labels of its own share.)

What helps. class_diversity falls to 0: all samples went to one corner, where the Jacobian of the softmax is 0, so that
none comes back; give the generator a lower learning rate than the supervised phase, and show more labels. Decoded
classes do not differ: the styles say it all; give them fewer numbers, or more time to become like draws.

Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, "Adversarial autoencoders", section 5 and figure 8.
"""

import numpy as np

from npae.backend import Stream, array_module, as_int, empty, to_device
from npae.data.sources import as_labelled, check_source
from npae.layers import Sequential, Slice
from npae.losses import MaskedCrossEntropy
from npae.losses.softmax_cross_entropy import one_hot
from npae.models.adversarial.parts import class_and_style
from npae.models.base import Wrapper
from npae.models.classifier import Classifier
from npae.models.phases import Phase


class SemiSupervisedAutoencoder(Wrapper):
    """An autoencoder whose code is a class and a style, trained in five phases by fit(model, (x, y), …), one vector θ.

    autoencoder: an Autoencoder whose encoder is Sequential(…, Dense(n, K + prior.size), Softmax(K)): its codes are rows
    [ŷ | h]. class_discriminator: a Layer from rows (B, K) to one logit each, (B, 1), ending in a linear layer;
    style_discriminator: likewise from (B, prior.size). prior: of styles (npae.models.adversarial.priors). seed, dtype: as for
    Autoencoder. Labels are class numbers y (n,), −1 where not known. model.autoencoder and model.classifier share their
    parameters with it. As a layer it is the autoencoder.
    Raises ValueError for an encoder or a discriminator with another end, TypeError for a prior that is none.
    """

    def __init__(self, autoencoder, class_discriminator, style_discriminator, prior, seed=0, dtype=np.float32):
        self.parts = class_and_style(self, autoencoder.encoder, class_discriminator, style_discriminator, prior)
        K = self.parts[0].prior.size
        self.autoencoder = self.inner = autoencoder
        self.class_prior, self.prior = self.parts[0].prior, prior
        self.class_discriminator, self.style_discriminator = class_discriminator, style_discriminator
        self.classifier = Classifier(Sequential(*autoencoder.encoder[:-1], Slice(0, K)), K, seed=None)
        self.loss, self.supervised_loss = autoencoder.loss, MaskedCrossEntropy(K)
        names = ("autoencoder", "class_prior", "prior", "class_discriminator", "style_discriminator")
        self.children = tuple((name, getattr(self, name)) for name in names)
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def phases(self):
        """Reconstruction, the discriminators of classes and of styles, generator, supervised."""
        encoder = self.autoencoder.encoder
        return (
            Phase("reconstruction", self.autoencoder, self._reconstruction_step),
            *(part.phase(lambda batch: encoder.forward(batch[0], training=True)[0]) for part in self.parts),
            Phase("generator", encoder, self._generator_step),
            Phase("supervised", encoder, self._supervised_step),
        )

    def _reconstruction_step(self, batch):
        return self.autoencoder.backpropagate(batch[0])

    def _generator_step(self, batch):
        code, cache = self.autoencoder.encoder.forward(batch[0], training=True)
        dcode = empty(code.shape, code)
        terms = {name: value for part in self.parts for name, value in part.generator_gradient(code, dcode).items()}
        self.autoencoder.encoder.backward(dcode, cache, needs_dx=False)
        return terms

    def _supervised_step(self, batch):
        x, y = batch
        z, cache = self.classifier.forward(x, training=True)
        value, dz = self.supervised_loss.value_and_gradient(z, y)
        self.classifier.backward(dz, cache, needs_dx=False)
        return {"supervised": value}

    # ------------------------------------------------------------------ data

    def as_data(self, data, name="data"):
        """Pairs (x, y), y −1 where not known, as batches are taken from them. Errors: see data.sources."""
        data = as_labelled(data, name)
        check_source(data.x, self.loss.check_targets, name)
        return data

    def check_targets(self, x):
        """Raise ValueError for labels that are no class number from 0 to K − 1 nor −1."""
        self.supervised_loss.check_targets(x)

    def evaluate(self, data, batch_size=1024):
        """The terms of all phases on `data` as in inference, and signs of life; draws of the priors are of seed 0.

        real_accuracy, fake_accuracy, diversity: as for AdversarialAutoencoder, of classes and of styles. Where no label
        is known, "supervised" is 0.
        """
        x, y = self.as_data(data)
        self.check_targets(y)
        found, known = self.autoencoder.evaluate(x, batch_size), y >= 0
        code = to_device(self.autoencoder.encode(x, batch_size), "cpu")
        for part in self.parts:
            found |= part.signs(code, lambda discriminator, rows: self._map(discriminator, rows, batch_size))
        cost = self.classifier.evaluate((x[known], y[known]), batch_size) if known.any() else {"cross_entropy": 0.0}
        return found | {"supervised": cost["cross_entropy"]}

    # ------------------------------------------------------------------ use

    def predict_proba(self, data, batch_size=1024):
        """ŷ for `data` (n, …) of uint8, bool or floats: (n, K), where the data is."""
        return self.classifier.predict_proba(data, batch_size)

    def predict(self, data, batch_size=1024):
        """The most probable class of each sample: integers (n,)."""
        return self.classifier.predict(data, batch_size)

    def error_rate(self, data, batch_size=1024):
        """The fraction of data (x, y), all of whose labels are known, whose most probable class is not the label's."""
        x, y = as_labelled(data)
        self.classifier.check_targets(y)
        return self.classifier.error_rate((x, y), batch_size)

    def encode(self, data, batch_size=1024):
        """(ŷ, h), classes (n, K) and styles (n, d), of `data` (n, …), where the data is."""
        code = self.autoencoder.encode(data, batch_size)
        return tuple(part.of(code) for part in self.parts)

    def decode(self, y, styles, batch_size=1024):
        """x̂ = g([y | h]) of classes y, numbers (n,) or rows of probabilities (n, K), and styles h (n, d)."""
        styles, y = as_labelled((styles, y), "decode")
        self.classifier.check_targets(y)
        rows = y.astype(styles.dtype) if y.ndim == 2 else one_hot(y, self.class_prior.size, styles)
        return self.autoencoder.decode(array_module(styles).concatenate([rows, styles], axis=1), batch_size)

    def reconstruct(self, data, batch_size=1024):
        """x̂ = g(f(x)) for `data` (n, …) of uint8, bool or floats: (n, …), where the data is."""
        return self.autoencoder.reconstruct(data, batch_size)

    def sample(self, n, seed=0, y=None, batch_size=1024):
        """n samples g([e | v]), where the model is; of the classes y, see decode, or of any. The same seed draws the
        same styles, whatever the classes.
        """
        stream, like = Stream([seed]), empty((as_int(n, "n", least=1), self.prior.size), self.theta.value)
        styles = self.prior.codes(stream, like)
        y = self.class_prior.codes(stream, empty((n, self.class_prior.size), like)) if y is None else y
        return self.decode(y, styles, batch_size)

    def config(self):
        names = ("autoencoder", "class_discriminator", "style_discriminator", "prior")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, **config):
        """The model without values, as a model file needs it."""
        return cls(**config, seed=None)

    def __repr__(self):
        return f"SemiSupervisedAutoencoder({', '.join(map(repr, self.config().values()))})"
