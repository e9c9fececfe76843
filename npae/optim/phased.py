"""Optimizers for several phases: one optimizer per phase of a model (npae.models.phases), used as one.

Each phase has its own moments, even for parameters that two phases share: an encoder's gradient of the reconstruction
loss and its gradient of the adversarial loss differ in size and in noise. Learning rates may differ; a schedule
multiplies all of them by the same factor. A checkpoint keeps every state vector under "phase.name".
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from npae.backend import Array, Config, as_member
from npae.optim.base import Optimizer
from npae.optim.schedules import Schedule


class Phased(Optimizer):
    """Several optimizers as one Optimizer. It works on copies of the given ones.

    `lr` is the learning rate of the first phase; setting it changes all of them in proportion.

    Args:
        optimizers: {phase: an Optimizer, its class or its name}.

    Raises ValueError if there are none, TypeError for a Phased inside.

    Example:
        >>> from npae.optim import Adam, Phased
        >>> optimizer = Phased({"discriminator": Adam(1e-4), "generator": Adam(2e-4)})
        >>> optimizer.lr = 5e-5
        >>> [part.lr for part in optimizer.parts]
        [5e-05, 0.0001]
    """

    def __init__(self, optimizers: Mapping[str, Any]) -> None:
        if not optimizers:
            raise ValueError("Phased: expected an optimizer for each phase, got none.")
        self.optimizers: dict[str, Optimizer] = {}
        for phase, given in optimizers.items():
            optimizer = as_member(given, Optimizer, f"Phased, phase {phase!r}")
            if isinstance(optimizer, Phased):
                raise TypeError(f"Phased, phase {phase!r}: expected one optimizer, got several. Name all in one.")
            self.optimizers[phase] = copy.deepcopy(optimizer)
        self._rates = [optimizer.lr for optimizer in self.parts]

    @property
    def parts(self) -> tuple[Optimizer, ...]:
        """The optimizers, in the order of the phases."""
        return tuple(self.optimizers.values())

    @property
    def squares(self) -> tuple[str, ...]:
        """The means of squares in `state`."""
        return tuple(f"{phase}.{name}" for phase, o in self.optimizers.items() for name in o.squares)

    @property
    def lr(self) -> float:
        """The learning rate of the first phase."""
        return self.parts[0].lr

    @lr.setter
    def lr(self, lr: float) -> None:
        factor = lr / self._rates[0]
        for optimizer, rate in zip(self.parts, self._rates, strict=True):
            optimizer.lr = rate * factor

    @property
    def t(self) -> int:
        """The number of steps that each optimizer has taken."""
        return self.parts[0].t

    @t.setter
    def t(self, t: int) -> None:
        for optimizer in self.parts:
            optimizer.t = t

    @property
    def state(self) -> dict[str, Array]:
        """The state vectors of all optimizers, under "phase.name"."""
        return {f"{phase}.{name}": v for phase, o in self.optimizers.items() for name, v in o.state.items()}

    @state.setter
    def state(self, state: Mapping[str, Array]) -> None:
        for phase, optimizer in self.optimizers.items():
            optimizer.state = {n: state[f"{phase}.{n}"] for n in optimizer.state_names if f"{phase}.{n}" in state}

    def state_sizes(self, model: Any) -> dict[str, int]:
        sizes = {phase.name: phase.parameter_count for phase in model.phases}
        return {f"{phase}.{name}": sizes[phase] for phase, o in self.optimizers.items() for name in o.state_names}

    def config(self) -> Config:
        return {"optimizers": self.optimizers}


def for_phases(optimizer: Any, phases: Sequence[Any], schedule: Schedule) -> Optimizer:
    """The optimizer for a model with these phases: the given one for a single phase, else a Phased.

    Args:
        optimizer: an Optimizer, its class or its name, of which every phase gets a copy; or {phase: Optimizer}.
        phases: of the model; each has a `name`.
        schedule: of the learning rate.

    Raises ValueError for names that are not those of the phases, and for several phases with a schedule that depends on
    the loss; TypeError for anything that is not an Optimizer.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.optim import Constant, for_phases
        >>> model = dense_autoencoder([5, 2])
        >>> for_phases("adam", model.phases, Constant()).lr
        0.001
    """
    several = isinstance(optimizer, (dict, Phased))
    if len(phases) == 1:
        if several:
            raise ValueError("optimizer: expected one, since this model is trained in one phase, got several.")
        return as_member(optimizer, Optimizer, "optimizer")
    if schedule.watches:
        raise ValueError(
            "schedule: expected one that goes by time, such as Cosine, for a model trained in phases: the sum of "
            f"adversarial losses does not measure progress. Got {schedule!r}."
        )
    names = [phase.name for phase in phases]
    given = optimizer.optimizers if isinstance(optimizer, Phased) else optimizer
    given = given if several else dict.fromkeys(names, as_member(optimizer, Optimizer, "optimizer"))
    if set(given) != set(names):
        got = ", ".join(given) or "none"
        raise ValueError(f"optimizer: expected one for each phase, {', '.join(names)}, got {got}.")
    return Phased({name: given[name] for name in names})
