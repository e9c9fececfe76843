"""Activations in JavaScript: the layer's own formula, operation by operation.

    f(a) = maximum(a, 0) + expm1(minimum(a, 0))

    a => { const t0 = Math.max(a, 0.0), t1 = Math.min(a, 0.0), t2 = Math.expm1(t1), t3 = t0 + t2; return t3; }

So an activation of the caller's works without further code, and none is written twice. Only operations and numbers are
written, no text of the caller's.
"""

from npae.backend import Formula
from npae.layers import Activation

OPERATIONS = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "negative": "-{0}",
    "maximum": "Math.max({0}, {1})", "minimum": "Math.min({0}, {1})", "absolute": "Math.abs({0})",
    "greater": "+({0} > {1})", "less": "+({0} < {1})", "greater_equal": "+({0} >= {1})",
    "less_equal": "+({0} <= {1})",
} | {name: f"Math.{name}({{0}})" for name in "exp expm1 log log1p sqrt sin cos tanh".split()}  # fmt: skip


def javascript(activation: Activation) -> str:
    """φ as the text of a JavaScript function of a number.

    Args:
        activation: the layer.

    Example:
        >>> from npae.export.page import javascript
        >>> from npae.layers import ReLU
        >>> javascript(ReLU())
        'a => { const t0 = Math.max(a, 0.0); return t0; }'
    """
    (a,), operations, (h,) = Formula(activation.f).traced
    names = {id(a): "a"}

    def name(symbol):
        return _number(symbol.value) if symbol.op == "constant" else names[id(symbol)]

    lines = []
    for k, step in enumerate(operations):
        lines.append(f"t{k} = {OPERATIONS[step.op].format(*map(name, step.args))}")
        names[id(step)] = f"t{k}"
    body = f"const {', '.join(lines)}; " if lines else ""
    return f"a => {{ {body}return {name(h)}; }}"


def _number(value: float) -> str:
    text = repr(value).replace("inf", "Infinity").replace("nan", "NaN")
    return f"({text})" if text.startswith("-") else text
