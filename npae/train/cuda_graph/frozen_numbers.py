"""What a captured step has frozen: settings of layers, terms and optimizers, compared before every launch.

A CUDA graph repeats its kernels with the Python numbers and the objects of the capture. If one of them is changed
between two steps (the weight of a penalty that a callback lets grow, a momentum, a layer that is thawed, another loss),
the graph is no longer the step of the model. So they are noted at the capture, and the step is captured again if one of
them has changed. Numbers are compared by value, all other attributes by identity, lists and dicts by length too.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from npae.backend import Parameter, Serializable
from npae.optim.base import Optimizer

NUMBERS = (bool, int, float, complex, str, np.generic, type(None))
GIVEN_IN_EVERY_STEP = {"lr", "t", "_rates"}  # of optimizers: they are in the coefficients


class FrozenNumbers:
    """The numbers in the attributes of some objects, and of all layers, losses, penalties and the like within them.

    Args:
        *roots: the objects, such as a model and its optimizer.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.penalties import L1
        >>> from npae.train.cuda_graph.frozen_numbers import FrozenNumbers
        >>> model = dense_autoencoder([8, 2], penalties=[L1(0.1)])
        >>> frozen = FrozenNumbers(model)
        >>> frozen.changed() is None
        True
        >>> model.penalties[0].strength = 0.2
        >>> frozen.changed()
        'strength of L1'
    """

    def __init__(self, *roots: Any) -> None:
        # (owner, its attributes or a container, key, value)
        self._noted: list[tuple[Any, Any, Any, Any]] = []
        self._lengths: list[tuple[Any, Any, int]] = []
        self._seen: set[int] = set()
        for root in roots:
            self._note(root, root)

    def note(self, owner: Any, name: str) -> None:
        """Note one attribute, a number, of another object.

        Args:
            owner: the object.
            name: of its attribute.
        """
        self._noted.append((owner, vars(owner), name, vars(owner)[name]))

    def changed(self) -> str | None:
        """The first setting that has changed, such as "strength of GaussianKL"; None if all are the same."""
        for owner, container, n in self._lengths:
            if len(container) != n:
                return f"the contents of {type(owner).__name__}"
        for owner, container, key, value in self._noted:
            now = container.get(key, self) if isinstance(container, dict) else container[key]
            if now is not value and not (isinstance(value, NUMBERS) and isinstance(now, NUMBERS) and now == value):
                return f"{key} of {type(owner).__name__}"
        return None

    def _note(self, owner: Any, thing: Any) -> None:
        """Note all that is in `thing`, an attribute of `owner` or `owner` itself."""
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        if isinstance(thing, Parameter):
            self._noted.append((thing, vars(thing), "trainable", thing.trainable))
        elif isinstance(thing, Serializable):
            given = GIVEN_IN_EVERY_STEP if isinstance(thing, Optimizer) else ()
            self._note_items(thing, vars(thing), [key for key in vars(thing) if key not in given])
        elif isinstance(thing, (dict, list, tuple)):
            self._lengths.append((owner, thing, len(thing)))
            self._note_items(owner, thing, list(thing) if isinstance(thing, dict) else range(len(thing)))

    def _note_items(self, owner: Any, container: Any, keys: Iterable[Any]) -> None:
        for key in keys:
            value = container[key]
            self._noted.append((owner, container, key, value))
            if not isinstance(value, NUMBERS):
                self._note(owner, value)
