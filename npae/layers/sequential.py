"""Layers one after the other: the chain rule as a loop.

    y = fₙ(… f₂(f₁(x)))          ∂J/∂x = J₁ᵀ (J₂ᵀ (… Jₙᵀ ∂J/∂y)),  Jₖ = ∂fₖ/∂(its input)

Forward goes through the list and keeps each layer's cache; backward goes through it from the end. An affine layer and
the activation behind it are one operation in forward, φ(x W + b): the bias is added in the sweep of φ, and x W is
passed over once, not twice.

Weights before a rectifier begin larger (he_uniform), and a rectifier may come some way behind: pooling, say, hands on
what a convolution gives. So each layer is announced to the one before it, and past transparent ones to those before.
"""

from npae.layers.activations import Activation
from npae.layers.base import Layer
from npae.layers.dense import Affine


def _pairs(layers):
    """(layer, None) for each layer in order, or (Affine, Activation) for two that are taken together."""
    k = 0
    while k < len(layers):
        after = layers[k + 1] if k + 1 < len(layers) else None
        together = type(layers[k]).forward is Affine.forward and isinstance(after, Activation)
        yield layers[k], after if together else None
        k += 1 + together


class Sequential(Layer):
    """The composition of `layers`, itself a layer: Sequential(Dense(784, 32), ReLU(), Dense(32, 784))."""

    def __init__(self, *layers):
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential: expected layers, got {layer!r}.")
        self.layers = layers
        self.children = tuple((str(k), layer) for k, layer in enumerate(layers))
        self._first_to_learn = next((k for k, layer in enumerate(layers) if layer.parameter_count), len(layers))
        for k, following in enumerate(layers):
            Sequential._announce(layers[:k], following)
        self._pairs = list(_pairs(layers))

    @staticmethod
    def _announce(layers, following):
        """Tell `layers` which one comes behind them: the last one, and those before as far as one sees through."""
        for layer in reversed(layers):
            layer.feeds(following)
            if not layer.transparent:
                return

    @property
    def transparent(self):
        return all(layer.transparent for layer in self.layers)

    def feeds(self, following):
        Sequential._announce(self.layers, following)

    def forward(self, x, training=False):
        """y = fₙ(… f₁(x)). The cache is the list of the layers' caches."""
        caches = []
        for layer, activation in self._pairs:
            if activation is None:
                x, cache = layer.forward(x, training)
                caches.append(cache)
            else:
                h, cache = activation.forward_biased(layer.product(x), layer.b.value)
                caches += [x, cache]
                x = h
        return x, caches

    def backward(self, dy, caches, needs_dx=True):
        """dy ← Jₖᵀ dy for k = n … 1."""
        for k in reversed(range(len(self.layers))):
            wanted = needs_dx or k > self._first_to_learn
            dy = self.layers[k].backward(dy, caches[k], wanted)
            if not wanted:
                return None  # nobody below has anything to learn
        return dy

    def config(self):
        return {"layers": list(self.layers)}

    @classmethod
    def from_config(cls, layers):
        """Sequential(*layers): how a model file builds it again."""
        return cls(*layers)

    def out_shape(self, shape):
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def __iter__(self):
        return iter(self.layers)

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, k):
        return self.layers[k]

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"
