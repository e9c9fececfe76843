"""The calls that the part `layers` times: each layer, loss and optimizer by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.lab.single import CASES, DIRECTIONS, Single, numbers
from npae.layers import ELU, Dense, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.optim import SGD, Adam, AdamW

DENSE = ((256, 32, 16), (256, 784, 256), (512, 784, 1000), (32, 784, 256), (256, 784, 32), (128, 784, 1000),
         (512, 1000, 500))  # fmt: skip
ACTIVATIONS, ACTIVATION_SHAPE = (ReLU, Sigmoid, ELU, LeakyReLU, Tanh, SiLU, Softplus), (512, 1000)
LOSSES, LOSS_SHAPE = (BinaryCrossEntropy, SquaredError), (512, 784)
OPTIMIZERS = (Adam(), AdamW(), SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True))
PARAMETERS = (1024, 2816)  # about as many as 784-1000-500-250-30 has


@dataclass(frozen=True)
class Call:
    """One call to be timed: `run` returns the arrays that it computed.

    comparable: a function that returns the arrays to be compared, if they are not those of `run`.
    """

    name: str
    run: Callable
    comparable: Callable | None = None

    def results(self):
        """The arrays that have to be the same on every device, and from the plain text of the formulas."""
        return (self.comparable or self.run)()


def dense(device, sizes):
    """The two Calls of a Dense layer with ReLU; sizes: (batch, n_in, n_out)."""
    B, n_in, n_out = sizes
    layer = Dense(n_in, n_out, ReLU).initialize(seed=0, device=device)
    x, dy = numbers((B, n_in), 1, device), numbers((B, n_out), 2, device)
    return both_directions(f"Dense {n_in} → {n_out}, ReLU, batch {B}", layer, x, dy)


def activation(device, kind):
    """The two Calls of an activation."""
    x, dy = (numbers(ACTIVATION_SHAPE, seed, device) for seed in (1, 2))
    return both_directions(kind.__name__, kind(), x, dy)


def both_directions(name, layer, x, dy):
    """The two Calls of a layer: y, and ∂J/∂x with ∂J/∂θ if it has parameters."""
    _, cache = layer.forward(x, training=True)
    theta = layer.theta if layer.parameters else None

    def backward():
        if theta is None:
            return (layer.backward(dy, cache),)
        with theta.fresh_grad():
            return layer.backward(dy, cache), theta.grad

    forward = Call(f"{name}: forward", lambda: (layer.forward(x, training=True)[0],))
    return [forward, Call(f"{name}: backward", backward)]


def single(device, name):
    """The two Calls of a layer of benchmarks.lab.single."""
    one = Single(CASES[name], device)
    return [
        Call(f"{name}: {direction}", getattr(one, direction), partial(one.results, direction))
        for direction in DIRECTIONS
    ]


def loss(device, kind):
    """The Call of a loss: its value and its gradient."""
    prediction, target = numbers(LOSS_SHAPE, 1, device), abs(numbers(LOSS_SHAPE, 2, device)) % 1
    return [Call(f"{kind.__name__}: value and gradient", lambda: kind().value_and_gradient(prediction, target))]


def optimizer(device, kind):
    """The Call of a step of an optimizer, a new one like `kind`, over all of θ."""
    theta = Dense(*PARAMETERS).initialize(seed=0, device=device).theta
    theta.grad[...] = numbers(theta.size, 1, device)
    config = kind.config()
    new, variant = type(kind)(**config), "Nesterov" if config.get("nesterov") else "momentum"
    name = type(kind).__name__ + (f" {variant}" if config.get("momentum") else "")

    def run():
        new.step(theta)
        return (theta.value,)

    return [Call(f"{name}: step", run)]


def groups(quick):
    """Functions device -> [Call], each making new arrays; quick: the first two of every kind."""
    kinds = {dense: DENSE, activation: ACTIVATIONS, single: CASES, loss: LOSSES, optimizer: OPTIMIZERS}
    for make, all_of_them in kinds.items():
        for kind in list(all_of_them)[: 2 if quick else None]:
            yield lambda device, make=make, kind=kind: make(device, kind)
