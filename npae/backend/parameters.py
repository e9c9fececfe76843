"""A parameter: a named array and its gradient, which backward passes add to.

    W.add_product(x.T, da)                  ∂J/∂W += xᵀ da
    b.add_sum(da)                           ∂J/∂b += Σ_i da_i
    W.add_product(x.T, da, right_sum=b)     both
    W.add(W.value, λ)                       ∂J/∂W += λ W
    W.accumulate(compute)                   ∂J/∂W += g, after compute(g)

Running statistics, such as those of BatchNorm, are Parameters too, without a gradient: no optimizer changes them.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend.formulas import elementwise
from npae.backend.memory import empty, ones
from npae.backend.products import epilogues, join, matmul, matmul_aside, run_aside
from npae.backend.typing import Array

if TYPE_CHECKING:
    from npae.backend.flat_parameters import FlatParameters


@elementwise(out=("grad",))
def _plus_scaled(grad, array, scale):
    return grad + array * scale


@elementwise
def _scaled(array, scale):
    return array * scale


def _product_and_sum(a: Array, b: Array, of_left: bool, out: Array, total: Array) -> bool:
    blas = epilogues(a)  # looked up here: on the second stream, another handle multiplies
    return blas is not None and blas.product_and_sum(a, b, of_left, out, total)


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
    least: float = -math.inf  # the smallest value that a model file may give it: 0 for a variance

    def __init__(self, name: str, shape: tuple[int, ...], initializer: Callable[[Any, tuple[int, ...]], Array]) -> None:
        self.name, self.shape, self.initializer = name, tuple(int(n) for n in shape), initializer
        self.size = math.prod(self.shape)
        self.home: FlatParameters | None = None  # in whose vectors the views lie
        self.start = 0  # where they begin
        self.trainable = self.grad_is_set = True  # grad_is_set: see FlatParameters.fresh_grad

    def add_product(self, a: Array, b: Array, left_sum: "Parameter | None" = None,
                    right_sum: "Parameter | None" = None) -> None:  # fmt: skip
        """grad += a b, a product of matrices. A sum over the common axis, of one factor, can be added elsewhere.

        Args:
            a: (m, k).
            b: (k, n).
            left_sum: left_sum.grad_i += Σ_k a_ik.
            right_sum: right_sum.grad_j += Σ_k b_kj.
        """
        bias = left_sum or right_sum
        if bias is not None and type(a) is not np.ndarray and self._add_both(a, b, bias, bias is left_sum):
            return
        if self.trainable:
            if self.grad_is_set:
                self.accumulate(lambda g: matmul(a, b, out=g))
            else:
                matmul_aside(a, b, self.grad)
                self.grad_is_set = True
        if bias is not None:
            bias.add_sum(a.T if bias is left_sum else b)

    def _add_both(self, a: Array, b: Array, bias: "Parameter", of_left: bool) -> bool:
        """Add product and sum, computed by one operation. Returns False, and adds nothing, where there is none."""
        if epilogues(a) is None or not (self.trainable and bias.trainable):
            return False
        out, total = (empty(p.shape, p.grad) if p.grad_is_set else p.grad for p in (self, bias))
        if not run_aside(_product_and_sum, a, b, of_left, out, total):
            return False
        if self.grad_is_set or bias.grad_is_set:
            join()
        for p, summand in ((self, out), (bias, total)):
            if p.grad_is_set:
                p.grad += summand
            p.grad_is_set = True
        return True

    def add_sum(self, rows: Array) -> None:
        """grad += Σ_i rows_i, the sum over the first axis: as a product, 1ᵀ rows, it is fastest."""
        if not self.trainable:
            return
        if self.grad_is_set:
            self.accumulate(lambda g: matmul(ones(len(rows), rows), rows, out=g.reshape(-1)))
        else:
            matmul_aside(ones(len(rows), rows), rows, self.grad.reshape(-1))
            self.grad_is_set = True

    def accumulate(self, compute: Callable[[Array], Any]) -> None:
        """grad += g for a gradient g that `compute` writes: into grad itself where nothing has been added to it yet.

        Args:
            compute: a function of an array of the shape of grad, which it fills with g.
        """
        if not self.trainable:
            return
        if self.grad_is_set:
            g = empty(self.shape, self.grad)
            compute(g)
            join()
            self.grad += g
        else:
            run_aside(compute, self.grad)
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
            join()
            _plus_scaled(self.grad, array, scale, out=self.grad)
        else:
            _scaled(array, scale, out=self.grad)
            self.grad_is_set = True

    def add_to_rows(self, rows: Array, array: Array) -> None:
        """grad[rows] += array.

        Args:
            rows: numbers of rows, each at most once.
            array: (len(rows), …).
        """
        if self.trainable:
            if not self.grad_is_set:
                self.grad.fill(0)
                self.grad_is_set = True
            join()
            self.grad[rows] += array

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
