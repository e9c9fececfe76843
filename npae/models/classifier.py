"""Softmax classifier: a network with one logit per class, trained on labelled data.

    a = f(x)                       logits                            (B, C)
    p(y | x) = softmax(a)_y        the probability of class y
    J(θ) = 1/B Σ_i [ −ln p(y_i | x_i) ]

The first layers may be a pretrained encoder. Then all layers are *fine-tuned*, from weights that were trained without
labels. Greedy pretraining was introduced for this (Bengio, Lamblin, Popovici & Larochelle 2007).
"""

import numpy as np

from npae.backend import as_batch, device_of
from npae.data.sources import as_labelled
from npae.losses import SoftmaxCrossEntropy
from npae.models.wrapper import Wrapper


class Classifier(Wrapper):
    """A network with `classes` outputs under softmax cross-entropy, trained by fit(model, (x, labels), …).

    network: a Layer that ends in a linear one, such as Sequential(*encoder, Dense(30, 10)). As a layer the classifier
    is its network, and returns logits. seed: draws the first values of parameters that have none yet; None leaves them
    without. dtype: float32, or float64. Labelled data are pairs (x, y), see npae.data.sources.as_labelled.
    """

    as_data = staticmethod(as_labelled)  # the source of batches: pairs (x, y)

    def __init__(self, network, classes, seed=0, dtype=np.float32):
        self.network = self.inner = network
        self.loss = SoftmaxCrossEntropy(classes)
        self.children = (("network", network),)
        if seed is not None:
            self.initialize(seed, dtype)

    # ------------------------------------------------------------------ training

    def backpropagate(self, batch):
        """Add ∂J/∂θ on the batch (x, y) to theta.grad. Returns the terms of J by name, scalars on the device."""
        x, y = batch
        logits, cache = self.forward(x, training=True)
        value, d_logits = self.loss.value_and_gradient(logits, y)
        self.backward(d_logits, cache, needs_dx=False)
        return {"cross_entropy": value}

    def evaluate(self, data, batch_size=1024):
        """The terms of J on labelled data as at inference, by name: numbers, means over the samples."""
        self.check_columns(data)
        x, y = as_labelled(data)
        logits = self._map(self, x, batch_size)
        y = y if y.ndim == 1 else as_batch(y, logits.dtype, device_of(logits))
        return {"cross_entropy": float(self.loss.per_sample(logits, y).mean(dtype=np.float64))}

    # ------------------------------------------------------------------ use

    def predict_proba(self, data, batch_size=1024):
        """p(y | x) for `data` (n, …) of uint8, bool or floats: (n, classes), where the data is."""
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def predict(self, data, batch_size=1024):
        """The most probable class of each sample: integers (n,)."""
        return self._map(lambda x: self(x).argmax(axis=1), data, batch_size)

    def error_rate(self, data, batch_size=1024):
        """The fraction of the labelled data for which the most probable class is not the label."""
        self.check_columns(data)
        x, y = as_labelled(data)
        right = y if y.ndim == 1 else y.argmax(axis=1)
        return float((self.predict(x, batch_size) != right).mean())

    def config(self):
        return {"network": self.network, "classes": self.loss.classes}

    def __repr__(self):
        return f"Classifier({self.network!r}, classes={self.loss.classes})"
