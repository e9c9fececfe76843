"""The contract of a model: a Layer that knows its objective J, so that it can be trained, evaluated and asked.

    backpropagate(batch) -> terms       the terms of J on a batch by name; ∂J/∂θ is added to theta.grad
    evaluate(data)       -> terms       the same terms on any amount of data, as in inference: numbers (and others
                                        beside them, which are no part of J: an accuracy, say)

What training needs besides: `check_targets`, which says which data are possible, by default those of `loss`; `as_data`,
which makes the caller's data something that batches are taken from; and `phases`, for a model that has several
objectives (npae.models.phases).
"""

from npae.backend import device_of
from npae.data.minibatches import in_batches
from npae.data.sources import as_source
from npae.layers import Layer
from npae.models.summary import summary_table


class Model(Layer):
    """A Layer with an objective. A new one sets `loss`, and defines backpropagate and evaluate beside a layer's own."""

    as_data = staticmethod(as_source)  # what training takes its batches from: arrays, without labels

    @property
    def phases(self):
        """The steps that are taken on every minibatch: of a plain model one, its own."""
        return (self,)

    def check_targets(self, x):
        """Raise ValueError if the targets x (a batch of the data, or their labels) cannot be right for this model."""
        self.loss.check_targets(x)

    def backpropagate(self, batch):
        """Add ∂J/∂θ on the batch to theta.grad. Returns the terms of J by name, scalars that stay on the device."""
        raise NotImplementedError

    def evaluate(self, data, batch_size=1024):
        """The terms of J on `data` as in inference, by name: numbers, mean over the samples."""
        raise NotImplementedError

    def summary(self, input_shape=None):
        """A table of layers, output shapes and parameter counts, as text. input_shape: of one sample."""
        return summary_table(self, input_shape)

    def _compare(self, function, data, batch_size):
        """_map for a function that compares with the batch: raises ValueError for targets that training refuses."""

        def checked(x):
            self.check_targets(x)
            return function(x)

        return self._map(checked, data, batch_size)

    def _map(self, function, data, batch_size, name="x"):
        """function(batch) of all `data`, batch by batch where the model is; the result lies where the data is."""
        value = self.theta.value
        return in_batches(function, as_source(data, name), batch_size, value.dtype, device_of(value), name)


class Wrapper(Model):
    """A Model that is, as a layer, one of its parts: `inner`, which a new one sets in __init__."""

    inner = None

    def forward(self, x, training=False):
        """(y, cache) of the part."""
        return self.inner.forward(x, training)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x from ∂J/∂y, adding to the gradients of the part."""
        return self.inner.backward(dy, cache, needs_dx)

    def out_shape(self, shape):
        return self.inner.out_shape(shape)
