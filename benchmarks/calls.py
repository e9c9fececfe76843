"""What the part `layers` times: each layer, loss and optimizer as Calls, with the Work that is in them."""

from dataclasses import dataclass
from functools import partial

from benchmarks import counts
from benchmarks.single import CASES, DIRECTIONS, Single, numbers
from npae.layers import ELU, BatchNorm, Dense, Dropout, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from npae.layers.conv import Convolution
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
    """One thing to be timed: `run` returns the arrays that it made.

    products: its Work beside its formulas. whole: all of its Work, where it is not the sum of these. told: a function
    that gives the arrays to be compared, where they are not those of `run`.
    """

    name: str
    run: object
    products: counts.Work = counts.Work()
    whole: counts.Work | None = None
    told: object = None

    def answer(self):
        """The arrays that have to be the same on every device."""
        return (self.told or self.run)()

    def work(self, formulas):
        """Its Work, if these Evaluations are met in it."""
        return self.whole or self.products + counts.total(map(counts.evaluation, formulas))


def dense(device, sizes):
    """The two Calls of a Dense layer; sizes: (batch, n_in, n_out)."""
    B, n_in, n_out = sizes
    layer = Dense(n_in, n_out).initialize(seed=0, device=device)
    x, dy = numbers((B, n_in), 1, device), numbers((B, n_out), 2, device)

    def backward():
        layer.theta.zero_grad()
        return layer.backward(dy, x), layer.theta.grad

    name = f"Dense {n_in} → {n_out}, batch {B}"
    return [
        Call(f"{name}: forward", lambda: (layer(x),), counts.product(B, n_in, n_out)),
        Call(f"{name}: backward", backward, counts.dense_backward(B, n_in, n_out)),
    ]


def activation(device, kind):
    """The two Calls of an activation."""
    layer, x, dy = kind(), *(numbers(ACTIVATION_SHAPE, seed, device) for seed in (1, 2))
    _, cache = layer.forward(x)
    return [
        Call(f"{kind.__name__}: forward", lambda: (layer(x),)),
        Call(f"{kind.__name__}: backward", lambda: (layer.backward(dy, cache),)),
    ]


def single(device, name):
    """The two Calls of a layer of benchmarks.single."""
    one = Single(CASES[name], device)
    return [
        Call(f"{name}: {direction}", getattr(one, direction), told=partial(one.results, direction), **work)
        for direction, work in works(one).items()
    ]


def works(one):
    """{"forward": …, "backward": …}: what Calls are told of the Work of a Single."""
    layer, x, y = one.layer, one.x.size, one.y.size
    match layer:
        case Convolution():
            size = counts.places(one.x, one.y), layer.W.size, x, y
            back = counts.convolution_backward(*size, layer.c_out, one.case.needs_dx)
            told = {"products": counts.convolution(*size)}, {"products": back}
        case BatchNorm():
            sums = counts.bias_gradient(x // layer.features, layer.features)
            told = {"products": sums + sums}, {"products": sums + sums}
        case Dropout():
            told = {"products": counts.drawn(x)}, {}
        case _:
            told = tuple({"whole": work} for work in counts.windows(layer, x, y))
    return dict(zip(DIRECTIONS, told, strict=True))


def loss(device, kind):
    """The Call of a loss: its value and its gradient."""
    z, x = numbers(LOSS_SHAPE, 1, device), abs(numbers(LOSS_SHAPE, 2, device)) % 1
    sums = counts.total(counts.loss_sums(kind(), z.size))
    return [Call(f"{kind.__name__}: value and gradient", lambda: kind().value_and_gradient(z, x), sums)]


def optimizer(device, kind):
    """The Call of a step of an optimizer, a fresh one like `kind`, over all of θ."""
    theta = Dense(*PARAMETERS).initialize(seed=0, device=device).theta
    theta.grad[...] = numbers(theta.size, 1, device)
    fresh = type(kind)(**kind.config())
    name = type(kind).__name__ + (" Nesterov" if kind.config().get("nesterov") else
                                  " momentum" if kind.config().get("momentum") else "")  # fmt: skip

    def run():
        fresh.step(theta)
        return (theta.value,)

    return [Call(f"{name}: step", run)]


def groups(quick):
    """Functions device -> [Call], each making its arrays anew; quick: the first two of every kind."""
    kinds = {dense: DENSE, activation: ACTIVATIONS, single: CASES, loss: LOSSES, optimizer: OPTIMIZERS}
    for make, all_of_them in kinds.items():
        for kind in list(all_of_them)[: 2 if quick else None]:
            yield lambda device, make=make, kind=kind: make(device, kind)
