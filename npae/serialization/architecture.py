"""Architectures as data: an object built from registered classes becomes a tree of names and arguments, and back.

    Sequential(Dense(784 -> 32), ReLU())
    {"family": "Layer", "class": "Sequential", "config": {"layers": [{"family": "Layer", "class": "Dense", …}, …]}}

Every class says in `config()` with which arguments it is built again. What is met a second time, such as the layer that
another one is tied to, is described by its path, {"same": "encoder.layers.0"}, and is one object again when built.
Only classes in the registries of Layer, Loss, Penalty, Optimizer and Schedule can be built, whatever a file asks for.
"""

from npae.layers import Layer
from npae.losses import Loss
from npae.optim import Optimizer, Schedule
from npae.penalties import Penalty

_FAMILIES = {family.__name__: family for family in (Layer, Loss, Penalty, Optimizer, Schedule)}


def describe(thing):
    """The tree (JSON values) of a Layer, Loss, Penalty, Optimizer or Schedule, and of all it is made of."""
    return _describe(thing, "", {})


def _describe(thing, path, known):
    for name, family in _FAMILIES.items():
        if isinstance(thing, family):
            if id(thing) in known:
                return {"same": known[id(thing)][0]}
            known[id(thing)] = path, thing  # kept, so that nothing else gets its id meanwhile
            return {"family": name, "class": type(thing).__name__, "config": _describe(thing.config(), path, known)}
    if isinstance(thing, dict):
        return {key: _describe(value, _join(path, key), known) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_describe(value, _join(path, k), known) for k, value in enumerate(thing)]
    return thing


def build(tree):
    """The object that `tree` describes, its parameters declared but without values.

    Raises ValueError for a class that is not registered and for a path that leads nowhere, TypeError for arguments that
    do not fit a class.
    """
    return _build(tree, "", {})


def _build(tree, path, built):
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
    if family not in _FAMILIES or name not in _FAMILIES[family].registry:
        raise ValueError(f"there is no {family or 'class'} {name!r}; import the module that defines it first")
    cls = _FAMILIES[family].registry[name]
    built[path] = getattr(cls, "from_config", cls)(**_build(tree["config"], path, built))
    return built[path]


def _join(path, key):
    return f"{path}.{key}" if path else str(key)
