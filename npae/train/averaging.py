"""The exponential moving average of θ: where the path of training has its middle.

The gradient of a minibatch is noisy, so θ does not stop at a minimum but circles around it; the mean of where it was
lies nearer. Forget slowly, by a factor β a step, and correct for the start at 0 as Adam does:

    m_t = β m_{t−1} + (1 − β) θ_t,   m_0 = 0          θ̄_t = m_t/(1 − βᵗ)

The weights of θ_1 … θ_t in θ̄_t add up to 1. The same without m: put m_{t−1} = (1 − βᵗ⁻¹) θ̄_{t−1} in, use
β (1 − βᵗ⁻¹) = (1 − βᵗ) − (1 − β), and divide by 1 − βᵗ:

    θ̄_t = θ̄_{t−1} + w_t (θ_t − θ̄_{t−1})              w_t = (1 − β)/(1 − βᵗ)

w_1 = 1: the average begins at θ_1. While t is small, w_t is about 1/t and θ̄ the plain mean of all; then it is that of
the last 1/(1 − β) steps or so.

Running statistics (of BatchNorm, npae.layers.buffers) are averaged by the same weights. Those of the last θ are not θ̄'s; but a
mean or variance of a layer's inputs, as a function of θ, is nearly linear over the small piece of the path that θ̄
averages, so that the average of the statistics is nearly the statistics of the average.

Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging" (the plain mean, w_t = 1/t); Kingma & Ba
2015, "Adam", section 7.2 (this one); Tarvainen & Valpola 2017, "Mean teachers are better role models" (another start).
"""

from npae.backend import device_of, elementwise, to_device
from npae.train.callbacks import Callback


@elementwise(out=("average",))
def _towards(average, theta, w):
    return average + w * (theta - average)


class ExponentialMovingAverage(Callback):
    """Average θ over the steps, and give the model the average θ̄ when training is over.

    decay: β, such as 0.999 for about the last thousand steps. average: θ̄ so far, or None; average_statistics: that of
    the running statistics, where there are any. What happens during training, validation and early stopping included,
    sees θ; at the end the last in the list of callbacks has the last word.
    Raises ValueError unless 0 ≤ β < 1.
    """

    def __init__(self, decay=0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: expected 0 <= decay < 1, got {decay}.")
        self.decay = float(decay)
        self._forget()

    def _forget(self):
        self.steps, self.average, self.average_statistics = 0, None, None

    def on_start(self, trainer):
        if trainer.epoch == 0:  # not what it saw in another run
            self._forget()
        place = device_of(trainer.model.theta.value)
        for name, average in self._averages().items():
            setattr(self, name, to_device(average, place))

    def on_step(self, trainer):
        self.steps += 1
        self.average = self._towards(self.average, trainer.model.theta.value)
        if trainer.model.statistics.size:
            self.average_statistics = self._towards(self.average_statistics, trainer.model.statistics.value)

    def _towards(self, average, value):
        """θ̄_t from θ̄_{t−1}, in its place."""
        if average is None:
            return value.copy()
        w = (1 - self.decay) / (1 - self.decay**self.steps)
        return _towards(average, value, w, out=average)

    def _averages(self):
        """What there is by now: {name: vector}."""
        both = {"average": self.average, "average_statistics": self.average_statistics}
        return {name: vector for name, vector in both.items() if vector is not None}

    def on_stop(self, trainer):
        if self.average is not None:
            trainer.model.theta.assign(self.average)
        if self.average_statistics is not None:
            trainer.model.statistics.assign(self.average_statistics)

    def config(self):
        return {"decay": self.decay}

    def state(self):
        return {"steps": self.steps}

    def arrays(self):
        return {name: to_device(vector, "cpu") for name, vector in self._averages().items()}

    def restore(self, state, arrays):
        self.steps = state["steps"]
        self.average, self.average_statistics = arrays.get("average"), arrays.get("average_statistics")
