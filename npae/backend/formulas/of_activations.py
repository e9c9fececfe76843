"""The formulas of an activation, each as one sweep over its arrays."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from npae.backend.formulas.formula import Formula, elementwise


class ActivationFormulas:
    """Fused operations of an activation that has f(a), derivative(a, h) and second_derivative(a, h).

        _forward(a)             f(a)
        _forward_sum(y, b)      (a, f(a)) with a = y + b, or f(a) alone if no derivative needs a
        _backward(dh, a, h)     dh * derivative(a, h)
        _derivatives(a, h)      (derivative(a, h), second_derivative(a, h))
        _epilogue               how cuBLASLt names f(x W + b), or None
    """

    f: Callable[..., Any]
    derivative: Callable[..., Any]
    second_derivative: Callable[..., Any]

    @cached_property
    def _forward(self) -> Formula:
        return elementwise(self.f)

    @cached_property
    def _forward_sum(self) -> Formula:
        def forward_sum(a, b):
            a = a + b
            return (a, self.f(a)) if "a" in self._backward.uses else self.f(a)

        return elementwise(out=("a",))(forward_sum)

    @cached_property
    def _backward(self) -> Formula:
        def backward(dh, a, h):
            return dh * self.derivative(a, h)

        return elementwise(backward)

    @cached_property
    def _derivatives(self) -> Formula:
        def derivatives(a, h):
            return self.derivative(a, h), self.second_derivative(a, h)

        return elementwise(derivatives)

    @cached_property
    def _epilogue(self) -> str | None:
        """How cuBLASLt names f(x W + b): "BIAS" for a, "RELU_BIAS" for max(a, 0). None otherwise, or if f′ needs a."""
        (a,), operations, (h,) = self._forward.traced
        if "a" in self._backward.uses:
            return None
        if h is a:
            return "BIAS"
        first, *rest = operations
        is_relu = not rest and first.op == "maximum" and first.args[0] is a and first.args[1].value == 0
        return "RELU_BIAS" if is_relu else None

    def __getstate__(self) -> dict[str, Any]:  # the compiled formulas are built again when needed
        return {k: v for k, v in self.__dict__.items() if not isinstance(getattr(type(self), k, None), cached_property)}
