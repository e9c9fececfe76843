"""An optimizer for each phase of a model (npae.models.phases), seen from outside as one.

Each phase has moments of its own, also where two phases share parameters: an encoder's gradient for reconstruction and
its gradient for fooling a discriminator differ in size and in noise. Learning rates may differ; a schedule multiplies
all of them by the same factor, and a checkpoint keeps every vector under "phase.name".
"""

import copy

from npae.optim.base import Optimizer


class Phased(Optimizer):
    """{phase: Optimizer} as one Optimizer: copies, so that what was given stays as it is.

    lr: the learning rate of the first phase; setting it changes all of them in proportion.
    """

    def __init__(self, optimizers):
        if not optimizers:
            raise ValueError("Phased: expected an optimizer for each phase, got none.")
        for phase, optimizer in optimizers.items():
            _check(optimizer, f"Phased: expected an optimizer such as Adam() for the phase {phase!r}")
        self.optimizers = {phase: copy.deepcopy(optimizer) for phase, optimizer in optimizers.items()}
        self._rates = [optimizer.lr for optimizer in self.parts]

    @property
    def parts(self):
        """The optimizers, in the order of the phases."""
        return tuple(self.optimizers.values())

    @property
    def lr(self):
        """The learning rate of the first phase."""
        return self.parts[0].lr

    @lr.setter
    def lr(self, lr):
        factor = lr / self._rates[0]
        for optimizer, rate in zip(self.parts, self._rates, strict=True):
            optimizer.lr = rate * factor

    @property
    def t(self):
        """How many steps each of them has taken."""
        return self.parts[0].t

    @t.setter
    def t(self, t):
        for optimizer in self.parts:
            optimizer.t = t

    @property
    def state(self):
        """All vectors by "phase.name"."""
        return {f"{phase}.{name}": v for phase, o in self.optimizers.items() for name, v in o.state.items()}

    @state.setter
    def state(self, state):
        for phase, optimizer in self.optimizers.items():
            optimizer.state = {n: state[f"{phase}.{n}"] for n in optimizer.state_names if f"{phase}.{n}" in state}

    def state_sizes(self, model):
        sizes = {phase.name: phase.parameter_count for phase in model.phases}
        return {f"{phase}.{name}": sizes[phase] for phase, o in self.optimizers.items() for name in o.state_names}

    def config(self):
        return {"optimizers": self.optimizers}


def for_phases(optimizer, phases, schedule):
    """The optimizer of a model with these phases: itself for one phase, else Phased.

    optimizer: one, of which every phase gets a copy, or {phase: Optimizer}; schedule: the one of its learning rate.
    Raises ValueError if the names are others, and for several phases and a schedule that goes by the loss; TypeError
    for what is no optimizer.
    """
    several = isinstance(optimizer, (dict, Phased))
    if len(phases) == 1:
        if several:
            raise ValueError("optimizer: expected one, since this model is trained in one phase, got several.")
        _check(optimizer, "optimizer: expected an optimizer such as Adam()")
        return optimizer
    if schedule.watches:
        raise ValueError(
            "schedule: expected one that goes by time, such as Cosine, for a model trained in phases: the sum of what "
            f"adversaries pay says nothing. Got {schedule!r}."
        )
    names = [phase.name for phase in phases]
    given = optimizer.optimizers if isinstance(optimizer, Phased) else optimizer
    given = given if several else dict.fromkeys(names, given)
    if set(given) != set(names):
        got = ", ".join(given) or "none"
        raise ValueError(f"optimizer: expected one for each phase, {', '.join(names)}, got {got}.")
    return Phased({name: given[name] for name in names})


def _check(optimizer, expected):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{expected}, got {optimizer!r}.")
