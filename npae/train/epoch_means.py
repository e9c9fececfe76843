"""The epoch under way: means of the terms of J over its steps, and J on validation data."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from npae.backend import Seen, device_of, lazy_part
from npae.train.overflow import overflowed

if TYPE_CHECKING:
    from npae.models.base import Model
    from npae.train.parallel.process_group import ProcessGroup


class Diverged(ArithmeticError):
    """The objective became NaN or infinite; the message names epoch, step and term."""


class EpochMeans:
    """Means of the terms of J over the batches of an epoch, weighted by batch size. NaN raises Diverged.

    On the CPU the terms are read at every step, before it changes θ. On the GPU they stay on the device and are read
    every `read_every` steps, so that the loop does not wait for the device at every step.

    Args:
        epoch: its number, from 0.
        read_every: how often the terms are read on the GPU.
        seen: names and range of the training data, for the message of Diverged.

    Attributes:
        taken: the number of finished steps of the epoch.
        seconds: what these steps took.
    """

    def __init__(self, epoch: int, read_every: int = 100, seen: Seen | None = None):
        self.epoch, self.read_every, self.seen = epoch, read_every, seen
        self.taken, self.seconds = 0, 0.0
        self.steps = 0  # the number of the step that was read last
        self._sums: dict[str, tuple[float, int, int]] = {}  # {name: (Σ value · batch size, samples, steps)}
        self._pending: list[tuple[int, dict[str, Any]]] = []  # (batch size, terms) not read yet
        self._read_before = 0  # how many were read

    @property
    def begins(self) -> bool:
        """Has the run taken no step yet?"""
        return self.epoch == self.taken == 0

    def add(self, terms: dict[str, Any], batch_size: int) -> None:
        """Add the terms of one step, or of one of its phases.

        Args:
            terms: {name: value}, scalars on the device or floats.
            batch_size: the number of samples of which they are means.

        Raises Diverged if a term that is read is not finite.
        """
        self._pending.append((batch_size, terms))
        first = next(iter(terms.values()))
        if isinstance(first, float) or device_of(first) == "cpu" or len(self._pending) >= self.read_every:
            self._read()

    def _read(self):
        for batch_size, terms in self._pending:
            for name, value in terms.items():
                total, samples, steps = self._sums.get(name, (0.0, 0, 0))
                self.steps, value = steps + 1, float(value)
                if not math.isfinite(value):
                    raise self.diverged(name, value)
                self._sums[name] = total + value * batch_size, samples + batch_size, self.steps
            self._read_before += 1
        self._pending.clear()

    def means(self) -> dict[str, float]:
        """{"loss": J, term: mean, …} over the epoch so far. Raises Diverged as add does."""
        self._read()
        means = {name: total / samples for name, (total, samples, _) in self._sums.items()}
        return {"loss": sum(means.values())} | means

    def validate(self, model: "Model", data: Any, group: "ProcessGroup", terms: dict[str, float]) -> dict[str, float]:
        """{"val_loss": J, "val_…": a term} on validation data. Raises Diverged if one is not finite.

        Args:
            model: that is trained.
            data: to evaluate, of which each process evaluates a share.
            group: the processes.
            terms: the means of training; J is the sum of the terms of these names.
        """
        rows, weight = group.share(len(data))
        found = group.weighted_sum(model.evaluate(lazy_part(data, rows)), weight)
        for name, value in found.items():
            if not math.isfinite(value):
                raise self.diverged(f"val_{name}", value)
        loss = sum(value for name, value in found.items() if name in terms)
        return {"val_loss": float(loss)} | {f"val_{name}": float(value) for name, value in found.items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep. Raises as `add` does.

        taken, seconds; sums: {term: [Σ value · batch size, samples, steps]}.
        """
        self._read()
        return {"taken": self.taken, "seconds": self.seconds, "sums": {k: list(v) for k, v in self._sums.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, of a file that is not trusted.

        Args:
            state: the values.

        Raises ValueError for what cannot be such sums.
        """
        taken, seconds, sums = state["taken"], state["seconds"], state["sums"]
        timed = type(seconds) is float and 0 <= seconds < math.inf
        if not (type(taken) is int and taken >= 0 and timed and bool(sums) == bool(taken)):
            raise ValueError(f"{taken!r} steps of {seconds!r} seconds with the terms {list(sums)}")
        for name, (total, samples, steps) in sums.items():
            counts = all(type(n) is int and n > 0 for n in (samples, steps))
            if not (counts and type(total) is float and math.isfinite(total)):
                raise ValueError(f"the sums of its term {name!r}: {total!r}, {samples!r}, {steps!r}")
        self.taken, self.seconds = taken, seconds
        self._sums = {name: (total, samples, steps) for name, (total, samples, steps) in sums.items()}
        self.steps = self._read_before = max((steps for *_, steps in self._sums.values()), default=0)

    def diverged(self, term: str, value: Any) -> Diverged:
        """The error for the step that was read last.

        Args:
            term: the name of a term of J, or "θ".
            value: what it became.
        """
        what = f"The objective's term {term!r} became {value} in epoch {self.epoch + 1}, step {self.steps}"
        if self.epoch == 0 and self._read_before == 0:
            cause = f"{self.seen or 'Look at the data'}. Or the weights are too large, or the loss is for other data."
            return Diverged(f"{what}, before the first update of θ, so the learning rate is not the cause. {cause}")
        cure = "Lower the learning rate, clip the gradient (clip_norm=1.0), or look at the data of that step."
        return Diverged(f"{what}. {cure}{f' {self.seen}.' * bool(self.seen)} The last checkpoint is unchanged.")

    def check_state(self, phases: Iterable[tuple[Any, Any]]) -> None:
        """Raise Diverged if a state vector of an optimizer is not finite (npae.train.overflow).

        Args:
            phases: pairs of a phase and its optimizer.
        """
        for phase, optimizer in phases:
            place = overflowed(optimizer, phase.theta)
            if place is not None:
                raise Diverged(
                    f"{place} became NaN or infinite in epoch {self.epoch + 1}: a gradient was so large that its "
                    "square overflowed, and this parameter would never move again. Lower the learning rate, or "
                    f"standardise the data.{f' {self.seen}.' * bool(self.seen)} The last checkpoint is unchanged."
                )
