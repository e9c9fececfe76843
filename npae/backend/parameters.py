"""A parameter: a named array and its gradient, which backward passes add to.

    W.add_product(x.T, da)      ∂J/∂W += xᵀ da
    b.add_sum(da)               ∂J/∂b += Σ_i da_i
    W.add(W.value, λ)           ∂J/∂W += λ W

Running statistics, such as those of BatchNorm, are Parameters too, without a gradient: no optimizer changes them.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from npae.backend.formulas import elementwise
from npae.backend.memory import empty, ones
from npae.backend.products import matmul
from npae.backend.typing import Array

if TYPE_CHECKING:
    from npae.backend.flat_parameters import FlatParameters


@elementwise(out=("grad",))
def _plus_scaled(grad, array, scale):
    return grad + array * scale


@elementwise
def _scaled(array, scale):
    return array * scale


class Parameter:
    """An array of a layer, and its gradient.

    value, grad: arrays of `shape`. They are there once the network is initialized; write into them, never replace them.
    trainable: False while the layer is frozen; then backward passes leave `grad` alone.

    Args:
        name: its name within the layer.
        shape: of the array.
        initializer: a function (rng, shape) that returns the first values, in float64. For running statistics rng is
            None.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Parameter
        >>> from npae.layers import Layer
        >>> class Scale(Layer):
        ...     def __init__(self, n):
        ...         self.s = Parameter("s", (n,), lambda rng, shape: np.ones(shape))
        ...         self.parameters = (self.s,)
        >>> Scale(3).initialize(seed=0).s.value.tolist()
        [1.0, 1.0, 1.0]
    """

    value: Array
    grad: Array

    def __init__(self, name: str, shape: tuple[int, ...], initializer: Callable[[Any, tuple[int, ...]], Array]) -> None:
        self.name, self.shape, self.initializer = name, tuple(int(n) for n in shape), initializer
        self.size = math.prod(self.shape)
        self.home: FlatParameters | None = None  # in whose vectors the views lie
        self.start = 0  # where they begin
        self.trainable = self.grad_is_set = True  # grad_is_set: see FlatParameters.fresh_grad

    def add_product(self, a: Array, b: Array) -> None:
        """grad += a b, a product of matrices.

        Args:
            a: (m, k).
            b: (k, n).
        """
        if not self.trainable:
            return
        if self.grad_is_set:
            self.grad += matmul(a, b, out=empty(self.shape, self.grad))
        else:
            matmul(a, b, out=self.grad)
            self.grad_is_set = True

    def add_sum(self, rows: Array) -> None:
        """grad += Σ_i rows_i, the sum over the first axis: as a product, 1ᵀ rows, it is fastest."""
        if not self.trainable:
            return
        if self.grad_is_set:
            total = empty(self.shape, self.grad)
            matmul(ones(len(rows), rows), rows, out=total.reshape(-1))
            self.grad += total
        else:
            matmul(ones(len(rows), rows), rows, out=self.grad.reshape(-1))
            self.grad_is_set = True

    def add(self, array: Array, scale: float = 1.0) -> None:
        """grad += scale · array.

        Args:
            array: of the shape of grad.
            scale: a number.
        """
        if not self.trainable:
            return
        if self.grad_is_set:
            _plus_scaled(self.grad, array, scale, out=self.grad)
        else:
            _scaled(array, scale, out=self.grad)
            self.grad_is_set = True

    def __getattr__(self, name: str) -> Any:  # reached only while value and grad are missing
        if name in ("value", "grad"):
            raise RuntimeError(
                f"Parameter {self.name} {self.shape} has no values yet: call initialize(seed=...) on the network."
            )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        # A copy gets new views, of the copied vectors: FlatParameters.__setstate__.
        return {k: v for k, v in self.__dict__.items() if k not in ("value", "grad")}

    def __repr__(self) -> str:
        return f"Parameter({self.name}, {self.shape})"
