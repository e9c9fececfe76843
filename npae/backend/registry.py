"""Registry: the classes that a model file can name.

Layers, losses, penalties, optimizers, schedules and augmentations are families of classes. Defining a subclass enters
it into the `registry` of its family. Its `config()` returns the arguments that build the object again. With these two,
npae.serialization.architecture turns objects into data and back.

A class may be defined again, as in a cell of a notebook that is run twice; the last definition counts. If another
source file defines a class of the same name, a model file could mean either: loading it warns.
"""

import sys
from typing import Any, ClassVar

from npae.backend.typing import Config


class Serializable:
    """Base class of the families. The head of each family defines a `registry` of its own: {class name: class}.

    Example:
        >>> from npae.layers import Dense, Layer
        >>> layer = Dense(784, 32, "relu")
        >>> layer.config()["n_out"]
        32
        >>> Layer.registry["Dense"] is Dense
        True
    """

    families: ClassVar[dict[str, type["Serializable"]]] = {}  # {name: head of a family}
    registry: ClassVar[dict[str, type[Any]]] = {}
    replaced: str | None = None  # of a class that took the name of a class from another source: "its module.its name"
    aliases: ClassVar[dict[str, Any]] = {}  # further names of classes
    example = "an object"  # what as_member expects, in words

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "registry" in cls.__dict__:  # the head of a family, which is abstract
            Serializable.families[cls.__name__] = cls
            return
        before = cls.registry.get(cls.__name__)
        if before is not None and before.__module__.startswith("npae.") and cls.__module__ != before.__module__:
            raise TypeError(
                f"npae has a class {cls.__name__} already, and model files name classes: "
                f"give {cls.__module__}.{cls.__name__} another name."
            )
        cls.replaced = None
        if before is not None:
            cls.replaced = before.replaced if _source(before) == _source(cls) else f"{before.__module__}.{cls.__name__}"
        cls.registry[cls.__name__] = cls

    def config(self) -> Config:
        """The keyword arguments that build this object again: JSON values, or other Serializable objects."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.config().items())})"


def _source(cls):
    """The file that defines a class, or the name of its module: a program's own file is also a module "__main__"."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__


def as_member(thing: Any, family: type[Any], owner: str) -> Any:
    """An object of `family`.

    Args:
        thing: an instance, a class, a function that makes an instance, or the name of a class in any case, "tanh" or
            "leaky_relu", or one of family.aliases.
        family: a class, such as Activation or Loss.
        owner: the subject of an error message.

    Raises ValueError for an unknown name, TypeError for anything else, in the name of `owner`.

    Example:
        >>> from npae.backend import as_member
        >>> from npae.layers import Activation
        >>> as_member("tanh", Activation, "MyLayer: activation")
        Tanh()
    """
    given = thing
    if isinstance(thing, str):
        classes = [cls for cls in family.registry.values() if issubclass(cls, family) and cls is not family]
        names = {cls.__name__.lower(): cls for cls in classes} | family.aliases
        thing = names.get(thing.lower().replace("_", ""))
        if thing is None:
            known = ", ".join(sorted(names))
            raise ValueError(f"{owner}: unknown {family.__name__.lower()} {given!r}. Expected one of {known}.")
    made, cause = thing, None
    if callable(thing) and not isinstance(thing, Serializable):
        try:
            made = thing()
        except TypeError as error:  # a function that needs arguments, such as np.tanh
            cause = error
    if not isinstance(made, family):
        raise TypeError(f"{owner}: expected {family.example}, got {given!r}.") from cause
    return made
