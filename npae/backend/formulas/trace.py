"""Tracing: a Python function of arrays becomes a list of elementwise operations.

The function is called once, with Symbols in the place of arrays. A Symbol has no values: each operator applied to it
only records that operation. So the list has the operations in the order in which the function computes them.

    def f(dy, h): return dy * (1 - h * h)

    trace(f, ["dy", "h"])  ->  t0 = multiply(h, h);  t1 = subtract(1, t0);  t2 = multiply(dy, t1)

Compilers call such a list three-address code: each line names one operation, its operands and its result.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias


class Symbol:
    """A placeholder for an array in a formula. `op` is "input", "constant" or the name of an operation on `args`."""

    __array_ufunc__ = None  # NumPy scalars step aside: np.float32(2) * symbol comes to __rmul__

    def __init__(
        self, tape: "Tape", op: str, args: "tuple[Symbol, ...]" = (), name: str = "", value: float | None = None
    ) -> None:
        self.tape, self.op, self.args, self.name, self.value = tape, op, args, name, value

    def apply(self, op: str, *others: Any) -> "Symbol":
        """The Symbol for op(self, *others), recorded on the tape.

        Args:
            op: the name of an operation.
            *others: Symbols or numbers.
        """
        return self.tape.record(op, (self, *others))

    def __add__(self, other): return self.apply("add", other)  # noqa: E704
    def __sub__(self, other): return self.apply("subtract", other)  # noqa: E704
    def __mul__(self, other): return self.apply("multiply", other)  # noqa: E704
    def __truediv__(self, other): return self.apply("divide", other)  # noqa: E704
    def __radd__(self, other): return self.tape.record("add", (other, self))  # noqa: E704
    def __rsub__(self, other): return self.tape.record("subtract", (other, self))  # noqa: E704
    def __rmul__(self, other): return self.tape.record("multiply", (other, self))  # noqa: E704
    def __rtruediv__(self, other): return self.tape.record("divide", (other, self))  # noqa: E704
    def __neg__(self): return self.apply("negative")  # noqa: E704
    def __gt__(self, other): return self.apply("greater", other)  # noqa: E704
    def __lt__(self, other): return self.apply("less", other)  # noqa: E704
    def __ge__(self, other): return self.apply("greater_equal", other)  # noqa: E704
    def __le__(self, other): return self.apply("less_equal", other)  # noqa: E704

    __hash__ = object.__hash__

    def __eq__(self, other):
        raise TypeError("An elementwise formula has no == and !=: write (a >= b) * (a <= b), or its complement.")

    def __pow__(self, other):
        raise TypeError("An elementwise formula has no **: write a square as a * a, a root as sqrt(a).")

    def __bool__(self):
        raise TypeError(
            "An elementwise formula cannot branch on its values (if, and, or, not): every element may differ. "
            "Multiply by a comparison, or use maximum and minimum."
        )


class Tape:
    """The operations of a formula in the order in which they are written; a repeated operation is recorded once."""

    def __init__(self) -> None:
        self.operations: list[Symbol] = []
        self._known: dict[tuple, Symbol] = {}

    def record(self, op: str, args: Sequence[Any]) -> Symbol:
        """The Symbol for op(*args): a new one, or the one that was recorded for the same operation before.

        Args:
            op: the name of an operation.
            args: Symbols and numbers.
        """
        args = tuple(self._symbol(a) for a in args)
        key = (op, *map(id, args))
        if key not in self._known:
            self._known[key] = Symbol(self, op, args)
            self.operations.append(self._known[key])
        return self._known[key]

    def _symbol(self, value: Any) -> Symbol:
        if isinstance(value, Symbol):
            return value
        if not isinstance(value, (int, float)):
            raise TypeError(f"An elementwise formula mixes its inputs with Python numbers only, got {value!r}.")
        key = ("constant", repr(float(value)))  # the text: 0.0 == −0.0, and NaN is not equal to itself
        if key not in self._known:
            self._known[key] = Symbol(self, "constant", value=float(value))
        return self._known[key]


Traced: TypeAlias = tuple[list[Symbol], list[Symbol], list[Symbol]]


def trace(function: Callable[..., Any], input_names: Sequence[str]) -> Traced:
    """Run a function on Symbols. Returns (inputs, operations, outputs), lists of Symbols.

    Operations that no output depends on are left out.

    Args:
        function: of as many arguments as there are names.
        input_names: the names of the Symbols.
    """
    tape = Tape()
    inputs = [Symbol(tape, "input", name=name) for name in input_names]
    result = function(*inputs)
    outputs = [tape._symbol(s) for s in (result if isinstance(result, tuple) else (result,))]
    needed = set()
    stack = list(outputs)
    while stack:
        symbol = stack.pop()
        if id(symbol) not in needed:
            needed.add(id(symbol))
            stack.extend(symbol.args)
    return inputs, [s for s in tape.operations if id(s) in needed], outputs
