"""The classifier: a network whose last layer gives a logit for each class, trained with the right answers.

    z = f(x)                       logits                            (B, C)
    p(y | x) = softmax(z)_y        the probability of class y
    J(θ) = 1/B Σ_i −ln p(y_i | x_i)

Behind a pretrained encoder it is what greedy pretraining was invented for: all layers are *fine-tuned* from weights
that know the data already (Bengio, Lamblin, Popovici & Larochelle 2007).
"""

import numpy as np

from npae.backend import device_of
from npae.data.minibatches import as_batch
from npae.data.sources import as_labelled
from npae.losses import SoftmaxCrossEntropy
from npae.models.base import Wrapper


class Classifier(Wrapper):
    """A network with `classes` outputs under softmax cross-entropy, trained by fit(model, (x, labels), …).

    network: a Layer that ends in a linear one, such as Sequential(*encoder, Dense(30, 10)). As a layer the classifier
    is its network: z = f(x), the logits. seed: draws the first
    values of parameters that have none yet; None leaves them without. dtype: float32, or float64.
    Labelled data are pairs (x, y), see npae.data.sources.as_labelled.
    """

    as_data = staticmethod(as_labelled)  # what training takes its batches from: pairs (x, y)

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
        z, cache = self.forward(x, training=True)
        value, dz = self.loss.value_and_gradient(z, y)
        self.backward(dz, cache, needs_dx=False)
        return {"cross_entropy": value}

    def evaluate(self, data, batch_size=1024):
        """The terms of J on labelled data as in inference, by name: numbers, mean over the samples."""
        x, y = as_labelled(data)
        z = self._map(self, x, batch_size)
        y = y if y.ndim == 1 else as_batch(y, z.dtype, device_of(z))
        return {"cross_entropy": float(self.loss.per_sample(z, y).mean(dtype=np.float64))}

    # ------------------------------------------------------------------ use

    def predict_proba(self, data, batch_size=1024):
        """p(y | x) for `data` (n, …) of uint8, bool or floats: (n, classes), where the data is."""
        return self._map(lambda x: self.loss.output(self(x)), data, batch_size)

    def predict(self, data, batch_size=1024):
        """The most probable class of each sample: integers (n,)."""
        return self._map(lambda x: self(x).argmax(axis=1), data, batch_size)

    def error_rate(self, data, batch_size=1024):
        """The fraction of labelled data whose most probable class is not the label's."""
        x, y = as_labelled(data)
        right = y if y.ndim == 1 else y.argmax(axis=1)
        return float((self.predict(x, batch_size) != right).mean())

    def config(self):
        return {"network": self.network, "classes": self.loss.classes}

    @classmethod
    def from_config(cls, network, classes):
        """The classifier without values, as a model file needs it."""
        return cls(network, classes, seed=None)

    def __repr__(self):
        return f"Classifier({self.network!r}, classes={self.loss.classes})"
