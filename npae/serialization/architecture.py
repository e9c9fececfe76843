"""Architectures as data: an object of registered classes becomes a tree of names and arguments, and back.

    Sequential(Dense(784 -> 32, ReLU()), Dense(32 -> 784))
    {"family": "Layer", "class": "Sequential", "config": {"layers": [{"family": "Layer", "class": "Dense", …}, …]}}

`config()` of an object returns the arguments that build it again. An object that occurs twice, such as the layer that
another layer is tied to, is described once; at its second place stands its path, {"same": "encoder.layers.0"}, and
building makes one object of the two again. A tree can name registered classes only (npae.backend.Serializable), so a
file cannot make the program build anything else.
"""

import json
import warnings
from functools import partial
from typing import Any

import numpy as np

from npae.backend import Serializable


def describe(thing: Any, to_build: bool = False) -> Any:
    """The tree of an object and of all its parts: JSON values.

    Args:
        thing: a Layer, Loss, Penalty, Prior, Optimizer or Schedule.
        to_build: raise TypeError for a part that `build` would make an object of another class, defined later.

    Example:
        >>> from npae.layers import Dropout
        >>> from npae.serialization import describe
        >>> describe(Dropout(0.5))
        {'family': 'Layer', 'class': 'Dropout', 'config': {'fraction': 0.5}}
    """
    known: dict[int, tuple[str, Serializable]] = {}
    tree = _describe(thing, "", known)
    for _, part in known.values() if to_build else ():
        cls = type(part)
        if cls.registry.get(cls.__name__) is not cls:
            raise TypeError(
                f"{cls.__name__}: another class of this name was defined after this object was made, and a file would "
                "be loaded as that one. Make the object anew, or give one class another name."
            )
    return tree


def _describe(thing: Any, path: str, known: dict[int, tuple[str, Serializable]]) -> Any:
    for name, family in Serializable.families.items():
        if isinstance(thing, family):
            if id(thing) in known:
                return {"same": known[id(thing)][0]}
            known[id(thing)] = path, thing  # kept alive, so that no other object gets its id
            return {"family": name, "class": type(thing).__name__, "config": _describe(thing.config(), path, known)}
    if isinstance(thing, dict):
        return {key: _describe(value, _join(path, key), known) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_describe(value, _join(path, k), known) for k, value in enumerate(thing)]
    return thing


def build(tree: Any) -> Any:
    """The object that `tree` describes. Its parameters are declared but have no values yet.

    Warns if two source files define a class that the tree names.

    Args:
        tree: JSON values, as `describe` returns them.

    Raises ValueError for a class that is not registered and for a path that does not exist; TypeError for arguments
    that do not fit a class.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.serialization import build, describe
        >>> model = dense_autoencoder([784, 32])
        >>> twin = build(describe(model)).initialize(seed=1)  # the same architecture, other weights
        >>> repr(twin) == repr(model), np.array_equal(twin.theta.value, model.theta.value)
        (True, False)
    """
    return _build(tree, "", {})


def _build(tree: Any, path: str, built: dict[str, Any]) -> Any:
    if isinstance(tree, list):
        return [_build(item, _join(path, k), built) for k, item in enumerate(tree)]
    if not isinstance(tree, dict):
        return tree
    if "same" in tree:
        if tree["same"] not in built:
            raise ValueError(f"{path} is the same as {tree['same']!r}, but that is not described before it")
        return built[tree["same"]]
    if "class" not in tree:
        return {key: _build(value, _join(path, key), built) for key, value in tree.items()}
    family, name = tree.get("family"), tree["class"]
    if family not in Serializable.families or name not in Serializable.families[family].registry:
        raise ValueError(f"there is no {family or 'class'} {name!r}; import the module that defines it first")
    cls = Serializable.families[family].registry[name]
    if cls.replaced is not None:
        warnings.warn(
            f"Two classes are called {name}, {cls.replaced} and {cls.__module__}.{name}. The last one defined is "
            f"built, {cls.__module__}.{name}. Give one of them another name.", stacklevel=2,
        )  # fmt: skip
    built[path] = getattr(cls, "from_config", cls)(**_build(tree["config"], path, built))
    return built[path]


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def json_text(tree: Any, owner: str) -> str:
    """A tree as JSON. A NumPy number in it, such as a learning rate from np.linspace, becomes a plain one.

    Args:
        tree: what `describe` returns, or other values.
        owner: the function in whose name TypeError is raised for values that JSON does not have.
    """
    return json.dumps(tree, default=partial(_as_number, owner))


def _as_number(owner: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{owner}: expected JSON values, got {value!r}.")
