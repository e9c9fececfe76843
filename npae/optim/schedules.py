"""Learning rate schedules: η as a function of time.

A schedule is a factor of the base learning rate, η(t) = η₀ · factor(t). The time t is counted in epochs (2.5: halfway
through the third epoch). The arguments are in epochs too, so that they do not depend on the batch size.
"""

import math
from typing import Any

from npae.backend import Config, Serializable, as_float, as_int, as_member


class Schedule(Serializable):
    """A schedule. Subclasses implement factor(t), and config() if it differs from their attributes.

    Example:
        >>> from npae.optim import Schedule
        >>> class InverseSquareRoot(Schedule):
        ...     def factor(self, t):
        ...         return (1 + t) ** -0.5
        >>> InverseSquareRoot().factor(3)
        0.5
    """

    registry = {}
    example = 'a schedule such as optim.Cosine(10) or "cosine"'
    watches = False  # does it depend on the losses that observe() receives?

    def factor(self, t: float) -> float:
        """η(t)/η₀ at time t ≥ 0, in epochs."""
        raise NotImplementedError

    def observe(self, loss: float) -> None:
        """Receives the validation loss (or else the training loss) at the end of every epoch."""

    def config(self) -> Config:
        return dict(self.__dict__)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep in addition to config(): JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what state() returned. A file is not trusted: raise for values that are not such a state."""


class Constant(Schedule):
    """η(t) = η₀.

    Example:
        >>> from npae.optim import Constant
        >>> Constant().factor(7)
        1.0
    """

    def factor(self, t: float) -> float:
        return 1.0


class WarmUp(Schedule):
    """Linear warm-up from 0, and then another schedule, whose time starts there.

    η(t) = η₀ · t/epochs · then(0) for t < epochs, else η₀ · then(t − epochs). The first step, at t = 0, does not change
    θ; it only fills the optimizer's moments.

    Args:
        epochs: the duration of the warm-up.
        then: the schedule after it; None: Constant().

    Raises ValueError unless 0 < epochs < ∞, TypeError if `then` is not a schedule.

    Example:
        >>> from npae.optim import Cosine, WarmUp
        >>> schedule = WarmUp(2, then=Cosine(8))
        >>> [round(schedule.factor(t), 3) for t in (0, 1, 2, 6, 10)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(self, epochs: float, then: Schedule | None = None) -> None:
        self.epochs = as_float(epochs, "epochs of WarmUp", above=0)
        self.then = Constant() if then is None else as_member(then, Schedule, "then of WarmUp")

    def factor(self, t: float) -> float:
        return t / self.epochs * self.then.factor(0) if t < self.epochs else self.then.factor(t - self.epochs)

    @property
    def watches(self) -> bool:
        """Does the schedule `then` depend on the losses?"""
        return self.then.watches

    def observe(self, loss: float) -> None:
        self.then.observe(loss)

    def state(self) -> dict[str, Any]:
        return self.then.state()

    def restore(self, state: dict[str, Any]) -> None:
        self.then.restore(state)


class Step(Schedule):
    """η(t) = η₀ · factor^⌊t/every⌋: η is multiplied by the same factor at regular times.

    Args:
        every: epochs from one multiplication to the next.
        factor: above 0, at most 1.

    Raises ValueError for arguments out of range.

    Example:
        >>> from npae.optim import Step
        >>> schedule = Step(10, factor=0.5)
        >>> [schedule.factor(t) for t in (0, 9.9, 10, 25)]
        [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, every: float, factor: float = 0.1) -> None:
        self.every = as_float(every, "every of Step", above=0)
        self.by = as_float(factor, "factor of Step", above=0, most=1)

    def factor(self, t: float) -> float:
        return self.by ** math.floor(t / self.every)

    def config(self) -> Config:
        return {"every": self.every, "factor": self.by}


class Cosine(Schedule):
    """η(t) = η₀ [ε + (1 − ε) ½(1 + cos(π t/epochs))]: from η₀ down to ε η₀ at t = epochs, where ε is `end`.

    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts.

    Args:
        epochs: the duration.
        end: ε, from 0 to 1.

    Raises ValueError for arguments out of range.

    Example:
        >>> from npae.optim import Cosine
        >>> schedule = Cosine(10)
        >>> [round(schedule.factor(t), 3) for t in (0, 5, 10)]
        [1.0, 0.5, 0.0]
    """

    def __init__(self, epochs: float, end: float = 0.0) -> None:
        self.epochs = as_float(epochs, "epochs of Cosine", above=0)
        self.end = as_float(end, "end of Cosine", least=0, most=1)

    def factor(self, t: float) -> float:
        return self.end + (1 - self.end) * 0.5 * (1 + math.cos(math.pi * min(t / self.epochs, 1)))


class Plateau(Schedule):
    """Multiply η by a factor whenever the loss has not improved for some epochs in a row.

    An improvement is a loss below best − threshold·|best|. It is for models of one phase: the sum of adversarial losses
    does not measure progress (npae.train refuses it).

    Args:
        patience: so many epochs without an improvement.
        factor: above 0 and below 1.
        threshold: the least relative improvement.

    Raises ValueError for arguments out of range.

    Example:
        >>> from npae.optim import Plateau
        >>> schedule = Plateau(patience=2)
        >>> for loss in (1.0, 0.9, 0.9, 0.9):
        ...     schedule.observe(loss)
        >>> schedule.factor(4)
        0.5
    """

    watches = True

    def __init__(self, patience: int = 5, factor: float = 0.5, threshold: float = 1e-4) -> None:
        self.patience = as_int(patience, "patience of Plateau", least=1)
        self.by = as_float(factor, "factor of Plateau", above=0, below=1)
        self.threshold = as_float(threshold, "threshold of Plateau", least=0)
        self.current, self.best, self.waited = 1.0, math.inf, 0

    def factor(self, t: float) -> float:
        return self.current

    def observe(self, loss: float) -> None:
        if self.best == math.inf or loss < self.best - self.threshold * abs(self.best):
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.current, self.waited = self.current * self.by, 0

    def config(self) -> Config:
        return {"patience": self.patience, "factor": self.by, "threshold": self.threshold}

    def state(self) -> dict[str, Any]:
        return {"current": self.current, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        best, waited = state["best"], as_int(state["waited"], "waited of Plateau", least=0)
        if type(best) not in (int, float) or not best > -math.inf or waited >= self.patience:
            raise ValueError(f"Plateau: its best loss was {best!r}, {waited} of {self.patience} epochs ago")
        self.current = as_float(state["current"], "current of Plateau", least=0, most=1)
        self.best, self.waited = best, waited


def as_schedule(schedule: Any, epochs: int | None) -> Schedule:
    """A Schedule from a name, a class or an instance.

    Args:
        schedule: the name, the class or the instance; None: Constant().
        epochs: how many there will be: "cosine" falls to zero over all of them. None: unknown.

    Raises TypeError and ValueError for anything else.

    Example:
        >>> from npae.optim import as_schedule
        >>> as_schedule("cosine", epochs=20)
        Cosine(epochs=20.0, end=0.0)
    """
    if schedule is None:
        return Constant()
    if schedule is Cosine or (isinstance(schedule, str) and schedule.lower() == "cosine"):
        if epochs is None:
            raise ValueError("schedule: expected the number of epochs beside a cosine by name. Write epochs=…")
        return Cosine(epochs)
    return as_member(schedule, Schedule, "schedule")
