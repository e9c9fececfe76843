"""The content of a model file: first what it describes, then its values.

All that a file describes is checked before any memory is allocated for values: the architecture is built without
values, and every array is declared with the size that the architecture, or the optimizer, has. A file that is written
is checked in the same way before it replaces an older one.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npae.backend import Array, Parameter
from npae.layers import Layer
from npae.optim import Optimizer, Phased
from npae.serialization.architecture import build, check_depth
from npae.serialization.archive import Archive, ModelFileError
from npae.serialization.checks import check_state, check_values, remember

FORMAT = 2
BY_HAND = "The file is damaged or was assembled by hand."


@dataclass
class Saved:
    """The content of a model file.

    Attributes:
        model: with its values.
        optimizer: with its state, or None.
        extra: JSON values.
        arrays: by name.

    Example:
        >>> from npae import dense_autoencoder, save
        >>> from npae.serialization import load_all
        >>> path = save("model", dense_autoencoder([8, 2]), extra={"note": "first try"})
        >>> saved = load_all(path)
        >>> saved.extra, saved.optimizer, saved.arrays
        ({'note': 'first try'}, None, {})
    """

    model: Any
    optimizer: Optimizer | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


class Content:
    """The content of an open file.

    Args:
        archive: the arrays of the file.

    Raises ModelFileError, and other kinds of errors for arbitrary values, if the file does not describe a model, or if
    its arrays do not fit the description.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.state: list[str] = []  # the names of the optimizer's vectors
        try:
            about = json.loads(bytes(archive.array("about")))
            check_depth(about)
        except RecursionError:
            raise ModelFileError(f"its description is nested too deeply. {BY_HAND}") from None
        if about["format"] != FORMAT:
            raise ModelFileError(
                f"it has format {about['format']}, this version of npae reads format {FORMAT}: "
                "load it with the version that wrote it, or update npae."
            )
        self.model = _built(about["model"], Layer)  # declares parameters, allocates none
        self.dtype = self._check_vectors(about)
        if "seen" in about:
            remember(self.model, about["seen"])
        self.optimizer = self._optimizer(about["optimizer"]) if "optimizer" in about else None
        self.extra = about["extra"]
        if not isinstance(self.extra, dict):
            raise ModelFileError(f"its further values are {type(self.extra).__name__}, not a table. {BY_HAND}")
        known = {"about", "theta", *self.beside, *(f"optimizer.{name}" for name in self.state)}
        self.others = [name for name in archive.members if name not in known]
        for name in self.others:
            if not name.startswith("extra."):
                raise ModelFileError(f"it holds an array {name!r}, which npae does not write. The file is damaged.")
            archive.header(name)

    def _check_vectors(self, about: dict[str, Any]) -> np.dtype:
        """The dtype of θ, after a comparison of the declared vectors with the architecture."""
        named, buffers = self.model.named_parameters(), self.model.named_buffers()
        count, statistics = (sum(p.size for _, p in some) for some in (named, buffers))
        shape, dtype = self.archive.header("theta")
        if shape != (count,) or dtype not in (np.float32, np.float64):
            raise ModelFileError(
                f"its architecture has {count} parameters, its vector θ has shape {shape} and dtype {dtype}. {BY_HAND}"
            )
        self.beside = ["statistics"] if statistics else []
        found, kind = self.archive.header("statistics") if statistics else ((0,), dtype)
        if found != (statistics,) or kind != dtype:
            raise ModelFileError(
                f"its architecture has {statistics} running statistics of {dtype}, its vector of them has shape "
                f"{found} and dtype {kind}. {BY_HAND}"
            )
        if about["table"] != _table(named) or about.get("statistics", []) != _table(buffers):
            raise ModelFileError(f"its vectors have other names or another order than its architecture. {BY_HAND}")
        return dtype

    def _optimizer(self, tree: Any) -> Optimizer:
        """The optimizer, after a comparison of the declared vectors of its state with the architecture."""
        optimizer, t = _built(tree, Optimizer), tree["t"]
        if type(t) is not int or not 0 <= t < 2**63:
            raise ModelFileError(f"its optimizer has taken {t!r} steps: expected an integer of 0 or more. {BY_HAND}")
        optimizer.t = t
        if isinstance(optimizer, Phased):
            _check_phases(optimizer, self.model)
        sizes = optimizer.state_sizes(self.model)
        self.state = [name for name in sizes if t or f"optimizer.{name}" in self.archive.members]
        for name in self.state:
            shape, dtype = self.archive.header(f"optimizer.{name}")
            if shape != (sizes[name],) or dtype != self.dtype:
                raise ModelFileError(
                    f"The optimizer's {name} is {dtype} {shape}, θ is {self.dtype} {(sizes[name],)}. The optimizer "
                    "is that of another model, or the file is damaged."
                )
        return optimizer

    def saved(self) -> Saved:
        """The Saved with all values, on the CPU. Raises ModelFileError for values that are not numbers."""
        model, array = self.model, self.archive.array
        model.allocate(self.dtype)
        model.theta.assign(array("theta"))
        if self.beside:
            model.statistics.assign(array("statistics"))
        check_values(model)
        if self.optimizer is not None:
            self.optimizer.state = {name: array(f"optimizer.{name}") for name in self.state}
            check_state(self.optimizer)
        return Saved(model, self.optimizer, self.extra, {n.removeprefix("extra."): array(n) for n in self.others})


def _check_phases(optimizer: Phased, model: Any) -> None:
    """Raise ModelFileError unless the optimizers are those of the model's phases."""
    phases = getattr(model, "phases", ())
    expected = [phase.name for phase in phases] if len(phases) > 1 else []
    if set(optimizer.optimizers) != set(expected):
        wanted = f"one for each phase, {', '.join(expected)}" if expected else "a single one, as it has no phases"
        raise ModelFileError(
            f"the model of class {type(model).__name__} has optimizers for {', '.join(optimizer.optimizers)}: expected "
            f"{wanted}. Save the model with the optimizer that trained it."
        )


def _built(tree: Any, kind: type[Any]) -> Any:
    thing = build(tree)
    if not isinstance(thing, kind):
        raise ModelFileError(f"it describes {thing!r} where a {kind.__name__} belongs.")
    return thing


def _table(named: Iterable[tuple[str, Parameter]]) -> list[list[Any]]:
    """[[name, shape, start]] as JSON returns the table of a vector."""
    table, start = [], 0
    for name, p in named:
        table.append([name, list(p.shape), start])
        start += p.size
    return table
