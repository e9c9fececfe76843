"""The contract of an optimizer: one step, θ ← θ − (something made of ∂J/∂θ), over the whole vector θ at once.

An optimizer has a learning rate `lr`, a count of steps `t`, and `state`: named vectors as long as θ (a momentum, say),
which are made at the first step, follow θ to its device and are saved with the model.
"""

from npae.backend import Serializable, device_of, to_device, zeros_like


class Optimizer(Serializable):
    """An optimizer. A new one lists its `state_names` and defines numbers() and update(value, grad, *numbers)."""

    registry = {}
    state_names = ()

    def __init__(self, lr):
        if not lr > 0:
            raise ValueError(f"{type(self).__name__}: expected a learning rate above 0, got {lr}.")
        self.lr = float(lr)
        self.t = 0
        self.state = {}

    @property
    def parts(self):
        """The optimizers of the model's phases: of a plain model one, itself (npae.optim.phased has several)."""
        return (self,)

    def state_sizes(self, model):
        """{name: size} of the vectors that `state` holds once a step was taken on `model`: what a file must contain."""
        return dict.fromkeys(self.state_names, model.parameter_count)

    def step(self, theta):
        """One update of `theta` (an npae.layers.parameters.Theta) from the gradient in theta.grad."""
        value, grad = theta.value, theta.grad
        self.prepare(value)
        self.t += 1
        self.update(value, grad, *self.numbers())

    def prepare(self, value):
        """Make the state vectors, or bring them to where θ, `value`, is now: the beginning of a step."""
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

    def numbers(self):
        """What changes from step to step beside arrays (the learning rate, say), as floats, at step self.t, from 1."""
        return (self.lr,)

    def update(self, value, grad, *numbers):
        """Change `value` (θ) in place, given `grad` (∂J/∂θ) and what `numbers` returned."""
        raise NotImplementedError

    def config(self):
        return {"lr": self.lr}
