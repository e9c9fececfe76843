"""Exponential moving average of the parameters.

The gradient of a minibatch is noisy, so θ does not converge to a minimum but moves around it. The average of its
positions is closer. Average with weights that decay by a factor β per step, and correct for the start at 0 as Adam
does:

    m_t = β m_{t−1} + (1 − β) θ_t,   m_0 = 0          θ̄_t = m_t/(1 − βᵗ)

The weights of θ_1 … θ_t in θ̄_t add up to 1. An equivalent form needs no m. Insert m_{t−1} = (1 − βᵗ⁻¹) θ̄_{t−1}, use
β(1 − βᵗ⁻¹) = (1 − βᵗ) − (1 − β), and divide by 1 − βᵗ:

    θ̄_t = θ̄_{t−1} + w_t (θ_t − θ̄_{t−1})              w_t = (1 − β)/(1 − βᵗ)

w_1 = 1, so the average starts at θ_1. For small t, w_t is about 1/t and θ̄ is the plain mean. Later θ̄ is the mean of
about the last 1/(1 − β) steps.

Running statistics, such as those of BatchNorm, are averaged with the same weights. They are not exactly the statistics
of a network with parameters θ̄. But the mean and variance of a layer's inputs are nearly linear functions of θ over the
short path that θ̄ averages, so the average of the statistics is close to the statistics of the average.

Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging" (the plain mean, w_t = 1/t); Kingma & Ba
2015, "Adam", section 7.2 (this one); Tarvainen & Valpola 2017, "Mean teachers are better role models" (another start).
"""

from typing import TYPE_CHECKING, Any

from npae.backend import Array, Config, as_float, device_of, elementwise, to_device
from npae.train.callbacks import Callback
from npae.train.saved_run import check_vectors

if TYPE_CHECKING:
    from npae.train.trainer import Trainer


@elementwise(out=("average",))
def _moved_towards(average, theta, w):
    return average + w * (theta - average)


class ExponentialMovingAverage(Callback):
    """Average θ over the steps, and assign the average θ̄ to the model when training stops.

    During training, validation and early stopping use θ and not θ̄. If several callbacks assign θ at the end, the last
    in the list wins.

    Args:
        decay: β, such as 0.999 for about the last thousand steps.

    Attributes:
        average: θ̄ so far, or None.
        average_statistics: the average of the running statistics, or None.

    Raises ValueError unless 0 ≤ β < 1.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import ExponentialMovingAverage
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> model, mean = dense_autoencoder([8, 3]), ExponentialMovingAverage(decay=0.9)
        >>> history = fit(model, x, epochs=5, callbacks=mean, progress="none")
        >>> mean.steps, bool((model.theta.value == mean.average).all())
        (10, True)
    """

    steps: int
    average: Array | None
    average_statistics: Array | None

    def __init__(self, decay: float = 0.999):
        self.decay = as_float(decay, "decay of ExponentialMovingAverage", least=0, below=1)
        self._reset()

    def _reset(self):
        self.steps, self.average, self.average_statistics = 0, None, None

    def on_start(self, trainer: "Trainer") -> None:
        if trainer.means.begins:  # discard the average of an earlier run
            self._reset()
        place = device_of(trainer.model.theta.value)
        for name, average in self._averages().items():
            setattr(self, name, to_device(average, place))

    def on_step(self, trainer: "Trainer") -> None:
        self.steps += 1
        self.average = self._towards(self.average, trainer.model.theta.value)
        if trainer.model.statistics.size:
            self.average_statistics = self._towards(self.average_statistics, trainer.model.statistics.value)

    def _towards(self, average: Array | None, value: Array) -> Array:
        """θ̄_t from θ̄_{t−1}, in place."""
        if average is None:
            return value.copy()
        w = (1 - self.decay) / (1 - self.decay**self.steps)
        return _moved_towards(average, value, w, out=average)

    def _averages(self) -> dict[str, Array]:
        """{name: vector} of the averages that exist so far."""
        both = {"average": self.average, "average_statistics": self.average_statistics}
        return {name: vector for name, vector in both.items() if vector is not None}

    def on_stop(self, trainer: "Trainer") -> None:
        if self.average is not None:
            trainer.model.theta.assign(self.average)
        if self.average_statistics is not None:
            trainer.model.statistics.assign(self.average_statistics)

    def config(self) -> Config:
        return {"decay": self.decay}

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def arrays(self) -> dict[str, Array]:
        return {name: to_device(vector, "cpu") for name, vector in self._averages().items()}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        self.steps = state["steps"]
        self.average, self.average_statistics = arrays.get("average"), arrays.get("average_statistics")

    def check_restored(self, trainer: "Trainer", epoch: int) -> None:
        if type(self.steps) is not int or self.steps < 0:
            raise ValueError(f"ExponentialMovingAverage: it averaged {self.steps!r} steps")
        check_vectors(self.arrays(), ("average", "average_statistics"), trainer, there=self.steps > 0)
