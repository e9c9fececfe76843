"""Tables of functions by class: how the layers of a class are translated, and how a caller adds a class.

A subclass is not translated as its base class, since it may compute something else. `inherits` names the method that
says what a class computes: subclasses that do not override it are translated like their base class.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class Table:
    """Functions by the class of their first argument's object.

    Args:
        what: they are, for error messages, such as "a translation into ONNX".
        cure: a sentence that says how to write one, with {name} for the name of a class.

    Example:
        >>> from npae.export.table import Table
        >>> from npae.layers import Dense, ReLU
        >>> table = Table("a name", "Register a function for {name}.")
        >>> @table.register(ReLU)
        ... def name(layer):
        ...     return "rectifier"
        >>> table.find(ReLU())(ReLU())
        'rectifier'
    """

    def __init__(self, what: str, cure: str):
        self.what, self.cure = what, cure
        self.functions: dict[type, tuple[Callable[..., Any], str | None]] = {}

    def register(self, *classes: type, inherits: str | None = None) -> Callable[[Function], Function]:
        """A decorator that enters a function. A later one for the same class takes its place.

        Args:
            *classes: of the objects that the function is for.
            inherits: the name of a method: subclasses that do not override it are included.
        """

        def enter(function: Function) -> Function:
            for cls in classes:
                self.functions[cls] = function, inherits
            return function

        return enter

    def find(self, thing: Any) -> Callable[..., Any]:
        """The function for an object. Raises TypeError if there is none."""
        own = type(thing)
        for base in own.__mro__:
            if base in self.functions:
                function, inherits = self.functions[base]
                if base is own or inherits and getattr(own, inherits) is getattr(base, inherits):
                    return function
        raise TypeError(f"{own.__name__} has no {self.what}. {self.cure.format(name=own.__name__)}")
