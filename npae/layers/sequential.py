"""Sequential networks: layers one after the other, and the chain rule as a loop.

    y = fₙ(… f₂(f₁(x)))          ∂J/∂x = A₁ᵀ (A₂ᵀ (… Aₙᵀ ∂J/∂y)),   A_k = ∂f_k/∂(its input)

Forward goes through the list and keeps each layer's cache; backward goes through it from the end, and each layer
multiplies by its A_kᵀ.
"""

from collections.abc import Iterator
from typing import Any

from npae.backend import Array, Config
from npae.layers.base import Cache, Gradient, Layer


class Sequential(Layer):
    """The composition of layers, itself a layer. Raises TypeError for anything that is not a Layer.

    Args:
        *layers: f₁ … fₙ, in the order in which x passes through them.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Dense, Dropout, Sequential
        >>> network = Sequential(Dense(784, 500, "relu"), Dropout(0.5), Dense(500, 30)).initialize(seed=0)
        >>> network(np.ones((5, 784), np.float32)).shape
        (5, 30)
        >>> network[0]
        Dense(784 -> 500, ReLU())
    """

    def __init__(self, *layers: Layer):
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential: expected layers, got {layer!r}.")
        self.layers = layers
        self.children = tuple((str(k), layer) for k, layer in enumerate(layers))
        self._first = next((k for k, layer in enumerate(layers) if layer.parameter_count), len(layers))

    def forward(self, x: Array, training: bool = False) -> tuple[Array, list[Cache]]:
        """y = fₙ(… f₁(x)). The cache is the list of the layers' caches."""
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, training)
            caches.append(cache)
        return x, caches

    def backward(self, dy: Array, caches: list[Cache], needs_dx: bool = True) -> Gradient:
        """dy ← A_kᵀ dy for k = n … 1; without needs_dx, down to the first layer that has parameters."""
        last = 0 if needs_dx else self._first
        for k in range(len(self.layers) - 1, last - 1, -1):
            dy = self.layers[k].backward(dy, caches[k], needs_dx or k > last)
        return dy if needs_dx else None

    def config(self) -> Config:
        return {"layers": list(self.layers)}

    @classmethod
    def from_config(cls, layers: list[Layer]) -> "Sequential":
        """Sequential(*layers): how a model file builds it again."""
        return cls(*layers)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.layers:
            shape = layer.out_shape(shape)
        return shape

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, k: int) -> Any:
        return self.layers[k]

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"
