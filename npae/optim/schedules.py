"""Learning rate schedules: η as a function of time.

A schedule is a factor of the base learning rate, η(t) = η₀ · factor(t). The time t is counted in epochs (2.5: halfway
through the third epoch). The arguments are in epochs too, so that they do not depend on the batch size.
"""

import math

from npae.backend import Serializable, as_member


class Schedule(Serializable):
    """A schedule. Subclasses implement factor(t), and config() if it differs from their attributes."""

    registry = {}
    example = 'a schedule such as optim.Cosine(10) or "cosine"'
    watches = False  # does it depend on the losses that observe() receives?

    def factor(self, t):
        """η(t)/η₀ at time t ≥ 0, in epochs."""
        raise NotImplementedError

    def observe(self, loss):
        """Receives the validation loss (or else the training loss) at the end of every epoch."""

    def config(self):
        return dict(self.__dict__)

    def state(self):
        """What a checkpoint must keep in addition to config(): JSON values."""
        return {}

    def restore(self, state):
        """Restore what state() returned."""


class Constant(Schedule):
    """η(t) = η₀."""

    def factor(self, t):
        return 1.0


class WarmUp(Schedule):
    """Linear warm-up from 0 over the first `epochs`, then the schedule `then`, whose time starts there.

    η(t) = η₀ · t/epochs · then(0) for t < epochs, else η₀ · then(t − epochs). The first step, at t = 0, does not change
    θ; it only fills the optimizer's moments.
    """

    def __init__(self, epochs, then=None):
        if epochs <= 0:
            raise ValueError(f"WarmUp: expected a duration above 0 epochs, got {epochs}.")
        self.epochs, self.then = epochs, then or Constant()

    def factor(self, t):
        return t / self.epochs * self.then.factor(0) if t < self.epochs else self.then.factor(t - self.epochs)

    @property
    def watches(self):
        """Does the schedule `then` depend on the losses?"""
        return self.then.watches

    def observe(self, loss):
        self.then.observe(loss)

    def state(self):
        return self.then.state()

    def restore(self, state):
        self.then.restore(state)


class Step(Schedule):
    """η(t) = η₀ · factor^⌊t/every⌋: multiplied by `factor` every `every` epochs."""

    def __init__(self, every, factor=0.1):
        if every <= 0 or not 0 < factor <= 1:
            raise ValueError(f"Step: expected every > 0 and 0 < factor <= 1, got {every} and {factor}.")
        self.every, self.by = every, factor

    def factor(self, t):
        return self.by ** math.floor(t / self.every)

    def config(self):
        return {"every": self.every, "factor": self.by}


class Cosine(Schedule):
    """η(t) = η₀ [ε + (1 − ε) ½(1 + cos(π t/epochs))]: from η₀ down to ε η₀ at t = epochs, where ε is `end`.

    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5, without restarts.
    """

    def __init__(self, epochs, end=0.0):
        if epochs <= 0 or not 0 <= end <= 1:
            raise ValueError(f"Cosine: expected epochs > 0 and 0 <= end <= 1, got {epochs} and {end}.")
        self.epochs, self.end = epochs, end

    def factor(self, t):
        return self.end + (1 - self.end) * 0.5 * (1 + math.cos(math.pi * min(t / self.epochs, 1)))


class Plateau(Schedule):
    """Multiply η by `factor` whenever the loss has not improved for `patience` epochs in a row.

    An improvement is a loss below best − threshold·|best|. It is for models of one phase: the sum of adversarial losses
    does not measure progress (npae.train refuses it).
    """

    watches = True

    def __init__(self, patience=5, factor=0.5, threshold=1e-4):
        if patience < 1 or not 0 < factor < 1:
            raise ValueError(f"Plateau: expected patience >= 1 and 0 < factor < 1, got {patience} and {factor}.")
        self.patience, self.by, self.threshold = patience, factor, threshold
        self.current, self.best, self.waited = 1.0, math.inf, 0

    def factor(self, t):
        return self.current

    def observe(self, loss):
        if self.best == math.inf or loss < self.best - self.threshold * abs(self.best):
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.current, self.waited = self.current * self.by, 0

    def config(self):
        return {"patience": self.patience, "factor": self.by, "threshold": self.threshold}

    def state(self):
        return {"current": self.current, "best": self.best, "waited": self.waited}

    def restore(self, state):
        self.current, self.best, self.waited = state["current"], state["best"], state["waited"]


def as_schedule(schedule, epochs):
    """A Schedule from a name, a class or an instance; None is Constant(). "cosine" falls to zero over all `epochs`.

    Raises TypeError and ValueError for anything else.
    """
    if schedule is None:
        return Constant()
    if schedule is Cosine or (isinstance(schedule, str) and schedule.lower() == "cosine"):
        if epochs is None:
            raise ValueError("schedule: expected the number of epochs beside a cosine by name. Write epochs=…")
        return Cosine(epochs)
    return as_member(schedule, Schedule, "schedule")
