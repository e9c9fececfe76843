"""The semi-supervised adversarial autoencoder: classes from few labels, and a style code beside the class.

    [a | h] = f(x),   ŷ = softmax(a)        logits of K classes, and a style h of d numbers             (B, K), (B, d)
    x̂ = g([ŷ | h])                          the decoder reconstructs x from class and style
    e ~ one-hot vectors,   z ~ p(z)         samples of both priors: of classes, and of styles
    D_Y, D_H                                discriminators of classes and of styles, one logit each

D_Y drives ŷ towards one-hot vectors, and D_H drives h towards the prior. ŷ is close to one-hot and so cannot encode
style; h is regularised, so that encoding the class there again would be wasteful. (It is not forbidden: only the
distribution of all styles is compared with p(z), not that of each class.) A few labels settle which one-hot vector
stands for which class. On every minibatch, with y_i = −1 where the label is unknown and s(u) = ln(1 + eᵘ),

    reconstruction          over θ_f, θ_g   J_R = the autoencoder's own J
    class discriminator     over θ_D_Y      1/B Σ_i [ s(−D_Y(e_i)) + s(D_Y(ŷ_i)) ]
    style discriminator     over θ_D_H      1/B Σ_i [ s(−D_H(z_i)) + s(D_H(h_i)) ]
    generator               over θ_f        J_G = 1/B Σ_i [ s(−D_Y(ŷ_i)) + s(−D_H(h_i)) ]
    supervised              over θ_f        J_Y = 1/L Σ_{i: y_i ≥ 0} −ln ŷ_{i y_i}          L labels are known

The gradient of J_G passes through both discriminators, whose parameters are fixed. That with respect to ŷ then passes
through the softmax:

    ∂J_G/∂ŷ = (∂D_Y/∂ŷ)ᵀ ∂J_G/∂D_Y,   ∂J_G/∂h = (∂D_H/∂h)ᵀ ∂J_G/∂D_H          game.generator_gradient, for each part
    ∂J_G/∂a = ŷ ⊙ (∂J_G/∂ŷ − ⟨∂J_G/∂ŷ, ŷ⟩)                                    layers.SoftmaxHead, row by row
    ∂J_G/∂θ_f = (∂[a | h]/∂θ_f)ᵀ ∂J_G/∂[a | h]

The gradient of J_R reaches the softmax through the decoder. That of J_Y starts at the logits, since softmax and loss
together have the gradient ∂J_Y/∂a_i = (ŷ_i − t_i)/L for labelled rows, with t_i the one-hot vector of y_i. It is 0 for
all other rows, and for h (losses.MaskedCrossEntropy).

J_Y is a mean over the labels in the batch; a batch without labels has no supervised gradient. So labelled samples must
occur often enough: data.oversample_labelled(x, y). (In data-parallel training every process takes the mean over the
labels in its own share of the batch.) If no label is known at all, the classes are clusters: see demos/clusters.py.

**What helps.** If class_diversity falls to 0, all samples are assigned the same one-hot vector. There the Jacobian of
the softmax is 0, so the gradient cannot move them away again. Give the generator phase a lower learning rate than the
supervised phase, and oversample the labels more. If decoded classes do not differ, the style encodes the class too: use
fewer style numbers, or train longer, until styles follow their prior.

Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, "Adversarial autoencoders", section 5 and figure 8.
"""

from typing import Any

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, Stream, array_module, as_int, empty, to_device
from npae.data.sources import as_labelled, check_source
from npae.layers import Layer, Sequential, Slice
from npae.losses import MaskedCrossEntropy
from npae.losses.softmax_cross_entropy import one_hot
from npae.models.adversarial.parts import class_and_style
from npae.models.adversarial.priors import Prior
from npae.models.autoencoder import Autoencoder
from npae.models.base import Terms
from npae.models.classifier import Classifier
from npae.models.phases import Phase
from npae.models.wrapper import Wrapper


class SemiSupervisedAutoencoder(Wrapper):
    """An autoencoder whose code is a class and a style, trained in five phases by npae.fit(model, (x, y), …).

    Labels are class numbers y (n,), −1 where unknown. Once trained, use encode, decode, reconstruct, sample, predict.
    The parts model.autoencoder and model.classifier share its parameters. As a layer the model is its autoencoder.

    Args:
        autoencoder: an Autoencoder whose encoder is Sequential(…, Dense(n, K + prior.size), SoftmaxHead(K)); its codes
            are rows [ŷ | h].
        class_discriminator: a Layer from rows (B, K) to one logit each, (B, 1), ending in a linear layer.
        style_discriminator: likewise from (B, prior.size).
        prior: of the styles (npae.models.adversarial.priors).
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError if the encoder or a discriminator ends otherwise, TypeError for a prior that is not a Prior.

    Example:
        >>> import numpy as np
        >>> from npae import Autoencoder, SemiSupervisedAutoencoder, fit
        >>> from npae.layers import Dense, Sequential, SoftmaxHead
        >>> from npae.models import GaussianPrior
        >>> x, y = np.random.default_rng(0).random((100, 16)), np.where(np.arange(100) < 10, np.arange(100) % 3, -1)
        >>> encoder = Sequential(Dense(16, 8, "relu"), Dense(8, 3 + 2), SoftmaxHead(3))  # 3 classes, 2 style numbers
        >>> decoder = Sequential(Dense(3 + 2, 8, "relu"), Dense(8, 16))
        >>> of_classes, of_styles = (Sequential(Dense(n, 8, "relu"), Dense(8, 1)) for n in (3, 2))
        >>> model = SemiSupervisedAutoencoder(Autoencoder(encoder, decoder), of_classes, of_styles, GaussianPrior(2))
        >>> history = fit(model, (x, y), epochs=2, progress="none")
        >>> classes, styles = model.encode(x)
        >>> classes.shape, styles.shape, model.predict(x).shape, model.sample(2, y=[0, 1]).shape
        ((100, 3), (100, 2), (100,), (2, 16))
    """

    stated = ("loss", "supervised_loss")

    def __init__(self, autoencoder: Autoencoder, class_discriminator: Layer, style_discriminator: Layer, prior: Prior,
                 seed: int | None = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        encoder: Any = autoencoder.encoder  # class_and_style raises unless it is a Sequential
        self.parts = class_and_style(self, encoder, class_discriminator, style_discriminator, prior)
        self.class_prior, self.prior = (part.sampler.prior for part in self.parts)
        K = self.class_prior.size
        self.autoencoder = self.inner = autoencoder
        self.class_discriminator, self.style_discriminator = class_discriminator, style_discriminator
        self.classifier = Classifier(Sequential(*encoder[:-1], Slice(0, K)), K, seed=None)
        self.loss, self.supervised_loss = autoencoder.loss, MaskedCrossEntropy(K)
        names = ("autoencoder", "class_discriminator", "style_discriminator")
        self.children = tuple((name, getattr(self, name)) for name in names)
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    @property
    def draws(self) -> tuple[Any, ...]:
        """The layers that draw random numbers, and the samplers of classes and of styles."""
        return (*super().draws, *(part.sampler for part in self.parts))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Reconstruction, the discriminators of classes and of styles, generator, supervised."""
        encoder = self.autoencoder.encoder
        return (
            Phase("reconstruction", self.autoencoder, self._reconstruction_step),
            *(part.phase(lambda batch: encoder.forward(batch[0], training=True)[0]) for part in self.parts),
            Phase("generator", encoder, self._generator_step),
            Phase("supervised", encoder, self._supervised_step),
        )

    def _reconstruction_step(self, batch: Any) -> Terms:
        return self.autoencoder.backpropagate(batch[0])

    def _generator_step(self, batch: Any) -> Terms:
        code, cache = self.autoencoder.encoder.forward(batch[0], training=True)
        dcode = empty(code.shape, code)
        terms = {name: value for part in self.parts for name, value in part.generator_gradient(code, dcode).items()}
        self.autoencoder.encoder.backward(dcode, cache, needs_dx=False)
        return terms

    def _supervised_step(self, batch: Any) -> Terms:
        x, y = batch
        logits, cache = self.classifier.forward(x, training=True)
        value, dlogits = self.supervised_loss.value_and_gradient(logits, y)
        self.classifier.backward(dlogits, cache, needs_dx=False)
        return {"supervised": value}

    # ------------------------------------------------------------------ data

    def as_data(self, data: Any, name: str = "data") -> Any:
        """The source that training takes batches from. Errors: see data.sources.

        Args:
            data: a pair (x, y), y = −1 where unknown.
            name: of the data, for the errors.
        """
        data = as_labelled(data, name)
        check_source(data.x, self.loss.check_targets, name)
        return data

    def check_targets(self, x: Array) -> None:
        """Raise ValueError for labels other than class numbers from 0 to K − 1, and −1."""
        self.supervised_loss.check_targets(x)

    def evaluate(self, data: Any, batch_size: int | None = None) -> dict[str, float]:
        """The terms of all phases and the diagnostics on `data` in inference mode; samples of the priors have seed 0.

        Accuracies and diversity of classes and of styles: see AdversarialAutoencoder. "supervised" is 0 without labels.
        """
        self.check_columns(data)
        x, y = self.as_data(data)
        self.check_targets(y)
        found, known = self.autoencoder.evaluate(x, batch_size), y >= 0
        code = to_device(self.autoencoder.encode(x, batch_size), "cpu")
        for part in self.parts:
            found |= part.diagnostics(code, lambda d, rows: self._map(d, rows, batch_size, "codes"))
        terms = self.classifier.evaluate((x[known], y[known]), batch_size) if known.any() else {"cross_entropy": 0.0}
        return found | {"supervised": terms["cross_entropy"]}

    # ------------------------------------------------------------------ use

    def predict_proba(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """ŷ: (n, K), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.classifier.predict_proba(data, batch_size)

    def predict(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """The most probable class of each sample: integers (n,).

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.classifier.predict(data, batch_size)

    def error_rate(self, data: tuple[ArrayLike, ArrayLike], batch_size: int | None = None) -> float:
        """The fraction of samples whose most probable class is not their label.

        Args:
            data: a pair (x, y); all labels must be known.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        self.check_columns(data)
        x, y = as_labelled(data)
        self.classifier.check_targets(y)
        return self.classifier.error_rate((x, y), batch_size)

    def encode(self, data: ArrayLike, batch_size: int | None = None) -> tuple[Array, ...]:
        """(ŷ, h), classes (n, K) and styles (n, d), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        code = self.autoencoder.encode(data, batch_size)
        return tuple(part.of(code) for part in self.parts)

    def decode(self, y: ArrayLike, styles: ArrayLike, batch_size: int | None = None) -> Array:
        """x̂ = g([y | h]): (n, …), on the device of the styles.

        Args:
            y: classes, numbers (n,) or rows of probabilities (n, K).
            styles: h, (n, d).
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        h, classes = as_labelled((styles, y), "decode")
        self.classifier.check_targets(classes)
        rows = classes.astype(h.dtype) if classes.ndim == 2 else one_hot(classes, self.class_prior.size, h)
        return self.autoencoder.decode(array_module(h).concatenate([rows, h], axis=1), batch_size)

    def reconstruct(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """x̂ = g(f(x)): (n, …), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self.autoencoder.reconstruct(data, batch_size)

    def sample(self, n: int, seed: int = 0, y: ArrayLike | None = None, batch_size: int | None = None) -> Array:
        """Samples g([e | z]): (n, …), on the model's device.

        Args:
            n: how many.
            seed: draws the codes; the same seed gives the same styles for all classes.
            y: their classes, see decode; None: random ones.
            batch_size: codes per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        stream, like = Stream([seed]), empty((as_int(n, "n", least=1), self.prior.size), self.theta.value)
        styles = self.prior.codes(stream, like)
        y = self.class_prior.codes(stream, empty((n, self.class_prior.size), like)) if y is None else y
        return self.decode(y, styles, batch_size)

    def config(self) -> Config:
        names = ("autoencoder", "class_discriminator", "style_discriminator", "prior")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"SemiSupervisedAutoencoder({', '.join(map(repr, self.config().values()))})"
