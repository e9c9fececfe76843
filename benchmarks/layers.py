"""How fast is each layer, loss and optimizer by itself, beside what the machine can do?  python -m benchmarks layers

Every call is validated first: the plain text of its formulas gives the same numbers, and so does every device. Then it
is timed, by turns with its plain version. Operations and bytes are those of benchmarks/counts.py; the percentages are
of the measured ceilings of benchmarks/machine.py, of memory that of a sweep over as many bytes (small arrays stay in a
cache, which is far faster than main memory). An exponential counts as one operation, though it takes many.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks import counts, machine
from benchmarks.clock import by_turns, check_same
from benchmarks.formulas import compiled_at_once, plainly, recorded
from npae.backend import to_device
from npae.layers import ELU, Dense, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from npae.losses import CrossEntropy, SquaredError
from npae.memory import Arena
from npae.optim import SGD, Adam, AdamW

DENSE = ((256, 32, 16), (256, 784, 256), (512, 784, 1000), (32, 784, 256), (256, 784, 32), (128, 784, 1000),
         (512, 1000, 500))  # fmt: skip
ACTIVATIONS, ACTIVATION_SHAPE = (ReLU, Sigmoid, ELU, LeakyReLU, Tanh, SiLU, Softplus), (512, 1000)
LOSSES, LOSS_SHAPE = (CrossEntropy, SquaredError), (512, 784)
OPTIMIZERS = (Adam(), AdamW(), SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True))
PARAMETERS = (1024, 2816)  # about as many as 784-1000-500-250-30 has


@dataclass(frozen=True)
class Call:
    """One thing to be timed: `run` returns the arrays that it made; `products` is its Work beside its formulas."""

    name: str
    run: object
    products: counts.Work = counts.Work()


def numbers(shape, seed, device):
    """Standard normal float32 numbers on a device, the same on all."""
    return to_device(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32), device)


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
    for make, kinds in ((dense, DENSE), (activation, ACTIVATIONS), (loss, LOSSES), (optimizer, OPTIMIZERS)):
        for kind in kinds[:2] if quick else kinds:
            yield lambda device, make=make, kind=kind: make(device, kind)


def validate(calls, device, expected):
    """Raise Disagreement unless the calls give, on their device, the expected arrays: [those of the first call, …]."""
    for call, wanted in zip(calls, expected, strict=True):
        for a, b in zip(call.run(), wanted, strict=True):
            check_same(f"{call.name} on the {device.upper()}", np.atleast_1d(to_device(a, "cpu")), np.atleast_1d(b))


def _plain(call):
    with plainly():
        return call.run()


def time_call(call, device, limits, seconds):
    """The row of a Call: seconds, rates, percentages of the ceilings, and its plain version where it has formulas."""
    arena = Arena()

    def as_in_training():
        with arena.frame(0):
            call.run()

    with recorded() as formulas:
        call.run()
    work = call.products + counts.total(map(counts.evaluation, formulas))
    calls = {"npae": as_in_training} | ({"plain": lambda: _plain(call)} if formulas else {})
    timings = by_turns(calls, device, seconds)
    median = timings["npae"].median
    gflops, gbs = 1e-9 * work.operations / median, 1e-9 * work.bytes / median
    row = timings["npae"].summary() | {
        "operations": work.operations, "bytes": work.bytes, "gflops": gflops, "gbs": gbs,
        "percent_of_arithmetic": 100 * gflops / limits["gflops"],
        "percent_of_memory": 100 * gbs / machine.memory_rate(limits["memory"], work.held),
    }  # fmt: skip
    if formulas:
        row |= {"plain_seconds": timings["plain"].median, "speed_up": timings["plain"].median / median}
    return row


def run(settings):
    """Validate, time and print every call on every device; returns what the JSON keeps."""
    result = {"what": __doc__, "not_measured": machine.missing(settings), "ceilings": {}, "rows": {}}
    for device in settings.devices:
        limits = result["ceilings"][device] = machine.ceilings(device, settings.quick)
        print(machine.describe(device, limits))
        print(f"{'layers, ' + device.upper():42}{'µs':>9}  {'GFLOP/s':>9} {'of max':>7}  {'GB/s':>7} {'of max':>7}"
              f"  {'plain, µs':>10} {'speed-up':>8}")  # fmt: skip
        with compiled_at_once():
            result["rows"][device] = dict(_rows(device, limits, settings.quick))
    print("\n".join(result["not_measured"]))
    return result


def _rows(device, limits, quick):
    for group in groups(quick):
        calls = group(device)
        validate(calls, device, [_plain(call) for call in group("cpu")])
        for call in calls:
            row = time_call(call, device, limits, 0.015 if quick else 0.2)
            print(line(call.name, row), flush=True)
            yield call.name, row


def line(name, row):
    """A row as text."""
    plain = f"  {1e6 * row['plain_seconds']:10,.1f} {row['speed_up']:8.2f}" if "speed_up" in row else ""
    return (f"{name:42}{1e6 * row['seconds']:9,.1f}  {row['gflops']:9,.1f} {row['percent_of_arithmetic']:6.0f}%"
            f"  {row['gbs']:7.1f} {row['percent_of_memory']:6.0f}%{plain}")  # fmt: skip


def draw(result, folder):
    """One picture a device: the nearest ceiling, and the gain on the plain version."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, rows in result["rows"].items():
        paths.append(folder / f"layers_{device}.png")
        pictures.layers(paths[-1], rows, f"Layers, losses, optimizers of npae on the {device.upper()}")
    return paths
