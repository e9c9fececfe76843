"""Architectures as data: an object of registered classes becomes a tree of names and arguments, and back.

    Sequential(Dense(784 -> 32, ReLU()), Dense(32 -> 784))
    {"family": "Layer", "class": "Sequential", "config": {"layers": [{"family": "Layer", "class": "Dense", …}, …]}}

`config()` of an object returns the arguments that build it again. An object that occurs twice, such as the layer that
another layer is tied to, is described once; at its second place stands its path, {"same": "encoder.layers.0"}, and
building makes one object of the two again. A tree can name registered classes only (npae.backend.Serializable), so a
file cannot make the program build anything else.

The work is bounded by the size of the tree. Its depth and the lengths of its paths are limited. Parts that are used
again are walked through again, so that n levels of which each names the one below it twice would be 2ⁿ parts; they are
counted, and limited too.
"""

import json
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from npae.backend import Serializable

DEEPEST = 100  # levels of lists and tables; a Sequential in another one is three
LONGEST = 1000  # characters of a path
MOST_REPEATED = 10_000  # parts within parts that are used again


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

    Raises ValueError for a class that is not registered, for a path that does not exist, and for a tree that is nested
    too deeply or uses parts again too often; TypeError for arguments that do not fit a class.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.serialization import build, describe
        >>> model = dense_autoencoder([784, 32])
        >>> twin = build(describe(model)).initialize(seed=1)  # the same architecture, other weights
        >>> repr(twin) == repr(model), np.array_equal(twin.theta.value, model.theta.value)
        (True, False)
    """
    check_depth(tree)
    return _build(tree, "", _Built())


@dataclass
class _Built:
    """What has been built so far: {path: (object, number of parts in it)}, and the number of all parts."""

    things: dict[str, tuple[Any, int]] = field(default_factory=dict)
    parts: int = 0
    repeated: int = 0

    def again(self, path: str, target: Any) -> Any:
        """The object at the path `target`, used again at `path`."""
        if target not in self.things:
            raise ValueError(f"{path} is the same as {target!r}, but that is not described before it")
        thing, parts = self.things[target]
        self.parts += parts
        self.repeated += parts - 1
        if self.repeated > MOST_REPEATED:
            raise ValueError(f"{path} uses {target} again, with which more than {MOST_REPEATED} parts are repeated")
        return thing


def _build(tree: Any, path: str, built: _Built) -> Any:
    if len(path) > LONGEST:
        raise ValueError(f"the path {path[:60]}… has more than {LONGEST} characters")
    if isinstance(tree, list):
        return [_build(item, _join(path, k), built) for k, item in enumerate(tree)]
    if not isinstance(tree, dict):
        return tree
    if "same" in tree:
        return built.again(path, tree["same"])
    if "class" not in tree:
        return {key: _build(value, _join(path, key), built) for key, value in tree.items()}
    family, name = tree.get("family"), tree["class"]
    if family not in Serializable.families or name not in Serializable.families[family].registry:
        raise ValueError(f"there is no {family or 'class'} {name!r}; import the module that defines it first")
    cls, before = Serializable.families[family].registry[name], built.parts
    if cls.replaced is not None:
        warnings.warn(
            f"Two classes are called {name}, {cls.replaced} and {cls.__module__}.{name}. The last one defined is "
            f"built, {cls.__module__}.{name}. Give one of them another name.", stacklevel=2,
        )  # fmt: skip
    thing = getattr(cls, "from_config", cls)(**_build(tree["config"], path, built))
    built.parts += 1
    built.things[path] = thing, built.parts - before
    return thing


def check_depth(tree: Any) -> None:
    """Raise ValueError if lists and tables are nested in `tree` more than DEEPEST levels deep."""
    level, depth = [tree], 0
    while level := [node for node in level if isinstance(node, (dict, list, tuple))]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"its description or its further values are nested more than {DEEPEST} levels deep")
        level = [value for node in level for value in (node.values() if isinstance(node, dict) else node)]


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def json_text(tree: Any, owner: str) -> str:
    """A tree as JSON. A NumPy number in it, such as a learning rate from np.linspace, becomes a plain one.

    Args:
        tree: what `describe` returns, or other values.
        owner: the function in whose name TypeError is raised for values that JSON does not have, and ValueError for
            values that are nested too deeply.
    """
    try:
        check_depth(tree)
        return json.dumps(tree, default=partial(_as_number, owner))
    except (TypeError, ValueError) as error:
        text = str(error)
        raise type(error)(text if text.startswith(owner) else f"{owner}: {text}.") from None


def _as_number(owner: str, value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, (bool, int, float, str)):  # np.longdouble has no plain number
        return number
    raise TypeError(f"{owner}: expected JSON values, got {value!r}.")
