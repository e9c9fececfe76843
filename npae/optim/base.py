"""The contract of an optimizer: one step, θ ← θ − (a function of ∂J/∂θ), over the whole vector θ at once.

A step has two parts. `coefficients` computes the few numbers that are the same for all parameters, such as Adam's
learning rate with its bias correction. Then `update` changes θ in one sweep.

An optimizer has a learning rate `lr`, a step count `t`, and `state`: named vectors as long as θ, such as a momentum.
They are made at the first step, follow θ to its device and are saved with the model.
"""

from typing import Any

from npae.backend import Array, Config, FlatParameters, Serializable, as_float, device_of, to_device, zeros_like


class Optimizer(Serializable):
    """An optimizer. Subclasses list their `state_names` and implement update, and coefficients unless it is (lr,).

    Args:
        lr: the learning rate η.

    Raises ValueError unless 0 < lr < ∞, TypeError if it is not a number.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Dense
        >>> from npae.optim import Optimizer
        >>> class SignDescent(Optimizer):
        ...     def update(self, value, grad, lr):
        ...         value -= lr * np.sign(grad)
        >>> theta = Dense(1, 1).initialize(seed=0).theta
        >>> theta.value[:], theta.grad[:] = 1, 5
        >>> SignDescent(0.25).step(theta)
        >>> theta.value.tolist()
        [0.75, 0.75]
    """

    registry = {}
    state_names: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()  # those of them that are means of squares, at least 0

    def __init__(self, lr: float) -> None:
        self.lr, self.t, self.state = as_float(lr, f"lr of {type(self).__name__}", above=0), 0, {}

    @property
    def parts(self) -> "tuple[Optimizer, ...]":
        """The optimizers of the model's phases: just this one, unless it is a Phased."""
        return (self,)

    def state_sizes(self, model: Any) -> dict[str, int]:
        """{name: size} of the vectors in `state` after a step on `model`: what a model file must contain."""
        return {name: model.parameter_count for name in self.state_names}

    def step(self, theta: FlatParameters) -> None:
        """One update of `theta`, such as model.theta, from the gradient in theta.grad. Frozen parameters stay."""
        self.prepare(theta.value)
        self.t += 1
        with theta.frozen_kept():
            self.update(theta.value, theta.grad, *self.coefficients())

    def prepare(self, value: Array) -> None:
        """Make the state vectors, or move them to the device and dtype of θ, `value`. Called at the start of a step."""
        for name in self.state_names:
            vector = self.state.get(name)
            if vector is None:
                self.state[name] = zeros_like(value)
            elif vector.shape != value.shape:
                raise ValueError(
                    f"{self!r} has taken {self.t} steps on {vector.size} parameters and cannot go on with "
                    f"{value.size}: make a new optimizer for another network."
                )
            elif type(vector) is not type(value) or vector.dtype != value.dtype:
                self.state[name] = to_device(vector, device_of(value)).astype(value.dtype)

    def coefficients(self) -> tuple[float, ...]:
        """The numbers of step self.t (1 for the first), as floats: all that changes from step to step beside arrays."""
        return (self.lr,)

    def update(self, value: Array, grad: Array, *coefficients: float) -> None:
        """Change θ in place.

        Args:
            value: θ.
            grad: ∂J/∂θ.
            *coefficients: those of this step.
        """
        raise NotImplementedError

    def config(self) -> Config:
        return {"lr": self.lr}
