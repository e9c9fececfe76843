"""Architectures as data: an object built from registered classes becomes a tree of names and arguments, and back.

    Sequential(Dense(784 -> 32), ReLU())
    {"family": "Layer", "class": "Sequential", "config": {"layers": [{"family": "Layer", "class": "Dense", …}, …]}}

Every class says in `config()` with which arguments it is built again. Only classes in the registries of Layer, Loss,
Penalty, Optimizer and Schedule can be built, whatever a file asks for.
"""

from npae.layers import Layer
from npae.losses import Loss
from npae.optim import Optimizer, Schedule
from npae.penalties import Penalty

_FAMILIES = {family.__name__: family for family in (Layer, Loss, Penalty, Optimizer, Schedule)}


def describe(thing):
    """The tree (JSON values) of a Layer, Loss, Penalty, Optimizer or Schedule, and of all it is made of."""
    for name, family in _FAMILIES.items():
        if isinstance(thing, family):
            return {"family": name, "class": type(thing).__name__, "config": describe(thing.config())}
    if isinstance(thing, dict):
        return {key: describe(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [describe(value) for value in thing]
    return thing


def build(tree):
    """The object that `tree` describes, its parameters declared but without values.

    Raises ValueError for a class that is not registered, TypeError for arguments that do not fit it.
    """
    if isinstance(tree, list):
        return [build(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "class" not in tree:
        return {key: build(value) for key, value in tree.items()}
    family, name = tree.get("family"), tree["class"]
    if family not in _FAMILIES or name not in _FAMILIES[family].registry:
        raise ValueError(f"there is no {family or 'class'} {name!r}; import the module that defines it first")
    cls = _FAMILIES[family].registry[name]
    return getattr(cls, "from_config", cls)(**build(tree["config"]))
