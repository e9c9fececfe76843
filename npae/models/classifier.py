"""Softmax classifier: a network with one logit per class, trained on labelled data.

    a = f(x)                       logits                            (B, C)
    p(y | x) = softmax(a)_y        the probability of class y
    J(θ) = 1/B Σ_i [ −ln p(y_i | x_i) ]

The first layers may be a pretrained encoder. Then all layers are *fine-tuned*, from weights that were trained without
labels. Greedy pretraining was introduced for this (Bengio, Lamblin, Popovici & Larochelle 2007).
"""

from typing import Any

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, as_batch, device_of
from npae.data.sources import as_labelled
from npae.layers import Layer
from npae.losses import SoftmaxCrossEntropy
from npae.models.base import Terms
from npae.models.wrapper import Wrapper


class Classifier(Wrapper):
    """A network with `classes` outputs under softmax cross-entropy, trained by npae.fit(model, (x, labels), …).

    Labelled data are pairs (x, y): y are class numbers (n,), or rows of probabilities (n, classes). Once trained, use
    predict, predict_proba and error_rate. As a layer the classifier is its network, and returns logits.

    Args:
        network: a Layer from samples to logits that ends in a linear one, such as Sequential(*encoder, Dense(30, 10)).
        classes: C, the number of logits.
        seed: draws the first values of parameters that have none yet; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Example:
        >>> import numpy as np
        >>> from npae import Classifier, fit
        >>> from npae.layers import Dense, Sequential
        >>> y = np.arange(200) % 2
        >>> x = np.random.default_rng(0).normal(4.0 * y[:, None] - 2.0, 1.0, (200, 3))  # two clouds
        >>> model = Classifier(Sequential(Dense(3, 8, "relu"), Dense(8, 2)), classes=2)
        >>> history = fit(model, (x, y), epochs=50, batch_size=20, progress="none")
        >>> model.predict(x).shape, model.predict_proba(x).shape, model.error_rate((x, y)) < 0.05
        ((200,), (200, 2), True)
    """

    loss: SoftmaxCrossEntropy
    as_data = staticmethod(as_labelled)  # the source of batches: pairs (x, y)

    def __init__(self, network: Layer, classes: int, seed: int | None = 0, dtype: DTypeLike = np.float32):
        self.network = self.inner = network
        self.loss = SoftmaxCrossEntropy(classes)
        self.children = (("network", network),)
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    def backpropagate(self, batch: tuple[Array, Array]) -> Terms:
        """Add ∂J/∂θ on the batch (x, y) to theta.grad. Returns the terms of J by name, scalars on the device."""
        x, y = batch
        logits, cache = self.forward(x, training=True)
        value, d_logits = self.loss.value_and_gradient(logits, y)
        self.backward(d_logits, cache, needs_dx=False)
        return {"cross_entropy": value}

    def evaluate(self, data: Any, batch_size: int | None = None) -> dict[str, float]:
        """The terms of J on labelled data as at inference, by name: numbers, means over the samples."""
        self.check_columns(data)
        x, y = as_labelled(data)
        logits = self._map(self, x, batch_size)
        y = y if y.ndim == 1 else as_batch(y, logits.dtype, device_of(logits))
        return {"cross_entropy": float(self.loss.per_sample(logits, y).mean(dtype=np.float64))}

    # ------------------------------------------------------------------ use

    def predict_proba(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """p(y | x): (n, classes), on the data's device.

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def predict(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """The most probable class of each sample: integers (n,).

        Args:
            data: samples (n, …) of uint8, bool or floats.
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(lambda x: self(x).argmax(axis=1), data, batch_size)

    def error_rate(self, data: tuple[ArrayLike, ArrayLike], batch_size: int | None = None) -> float:
        """The fraction of the labelled data for which the most probable class is not the label.

        Args:
            data: a pair (x, y).
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        self.check_columns(data)
        x, y = as_labelled(data)
        right = y if y.ndim == 1 else y.argmax(axis=1)
        return float((self.predict(x, batch_size) != right).mean())

    def config(self) -> Config:
        return {"network": self.network, "classes": self.loss.classes}

    def __repr__(self) -> str:
        return f"Classifier({self.network!r}, classes={self.loss.classes})"
