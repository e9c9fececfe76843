"""Where does the time of a training step go, and how far is it from what this machine allows?

For each workload: its operations and bytes (benchmarks/counts.py); its *floor*, the sum over all parts of what each
asks of the nearer ceiling (benchmarks/machine.py) if nothing else cost anything; and, timed by turns, the whole step
of npae.train and its parts, each by itself on the same arrays:

    matrix products    x W, xᵀ dy, 1ᵀ dy, dy Wᵀ of every Dense layer
    elementwise        biases and activations, forward and backward, as the step evaluates them
    loss, optimizer    value and gradient; Adam
    gather             a batch of rows, as numbers
    rest               the step less its parts: Python's calls, and what a part finds in the cache when it is alone

The rest is a difference of medians and may come out slightly negative on a noisy machine. A floor above its step says
that the ceilings were measured in a bad moment, while other programs ran: then the run says so, and should be repeated.
"""

import numpy as np

from benchmarks import counts, machine
from benchmarks.clock import by_turns
from benchmarks.formulas import compiled_at_once, recorded
from benchmarks.training import TrainingStep
from benchmarks.workloads import GPU_WORKLOADS, WORKLOADS
from npae.backend import to_device
from npae.layers import Dense
from npae.memory import Arena, empty, ones
from npae.products import matmul


class Parts:
    """The parts of a step, taken apart: `calls` {name: call} and `works` {name: [Work of each operation in it]}."""

    def __init__(self, step, device):
        self.step, self.model, self.arena = step, step.model, Arena()
        self.device, self.calls, self.works = device, {}, {}
        with self.arena.frame(0):
            x = step.batches.take(step.next_rows())
            self._products(len(x))
            self._passes(x)
        with recorded() as adam:
            step.optimizer.step(self.model.theta)
        self._add("optimizer", lambda: step.optimizer.step(self.model.theta), map(counts.evaluation, adam))
        arena, rows = Arena(), step.next_rows()

        def gather():
            with arena.frame(0):
                step.batches.take(step.next_rows())

        self._add("gather", gather, [counts.gather(len(rows), x.shape[1])])

    def _add(self, name, call, works):
        self.calls[name], self.works[name] = call, list(works)

    def _products(self, B):
        """Every matrix product, on arrays of random numbers in place of activations."""
        todo, works, rng = [], [], np.random.default_rng(0)
        for k, layer in enumerate(dense_layers(self.model)):
            n_in, n_out = layer.n_in, layer.n_out
            x, dy = (to_device(rng.random((B, n), dtype=np.float32), self.device) for n in (n_in, n_out))
            W, dW, db = layer.W.value, layer.W.grad, layer.b.grad
            todo += [(x, W, empty(dy.shape, x)), (x.T, dy, dW), (ones(B, dy), dy, db)]
            works += [counts.product(B, n_in, n_out), counts.product(n_in, B, n_out), counts.bias_gradient(B, n_out)]
            if k:  # nobody asks for the gradient of the images
                todo.append((dy, W.T, empty(x.shape, x)))
                works.append(counts.product(B, n_out, n_in))

        def products():
            for a, b, out in todo:
                matmul(a, b, out=out)

        self._add("matrix products", products, works)

    def _passes(self, x):
        """Elementwise formulas and loss, as they were met on the way through the network."""
        model, loss = self.model, self.model.loss
        with recorded() as forward:
            z, cache = model.forward(x, training=True)
        with recorded() as inside:
            _, dz = loss.value_and_gradient(z, x)
        with recorded() as backward:
            model.backward(dz, cache, needs_dx=False)
        met = forward + backward

        def elementwise():
            for one in met:
                one.again()

        arena = Arena()

        def loss_alone():
            with arena.frame(0):
                loss.value_and_gradient(z, x)

        self._add("elementwise", elementwise, map(counts.evaluation, met))
        self._add("loss", loss_alone, [*map(counts.evaluation, inside), *counts.loss_sums(loss, z.size)])


def dense_layers(model):
    """The Dense layers of a model, in order."""
    return [layer for _, layer in model.leaves() if isinstance(layer, Dense)]


def workload(sizes, batch, device, limits, seconds):
    """The row of a workload: seconds of the step, its parts and the rest; operations, bytes and floor of each."""
    step = TrainingStep(sizes, batch, device)
    step()
    parts = Parts(step, device)
    timings = by_turns(parts.calls | {"step": step}, device, seconds)
    held = 4 * step.model.theta.value.nbytes + step.step.arena.nbytes  # θ, ∂J/∂θ and Adam's M and V; all in between
    rows = {}
    for name, works in parts.works.items():
        work = counts.total(works)
        floor = sum(w.floor(limits, held) for w in works)
        rows[name] = {"operations": work.operations, "bytes": work.bytes, "floor_seconds": floor}
        rows[name] |= timings[name].summary()
    whole = timings["step"].median
    return timings["step"].summary() | {
        "operations": sum(row["operations"] for row in rows.values()),
        "bytes": sum(row["bytes"] for row in rows.values()),
        "floor_seconds": sum(row["floor_seconds"] for row in rows.values()), "parts": rows,
        "rest_seconds": whole - sum(row["seconds"] for row in rows.values()),
    }  # fmt: skip


def run(settings):
    """Take every workload apart on every device; returns what the JSON keeps."""
    result = {"what": __doc__, "not_measured": machine.missing(settings), "doubts": [], "ceilings": {}, "workloads": {}}
    for device in settings.devices:
        limits = result["ceilings"][device] = machine.ceilings(device, settings.quick)
        print(machine.describe(device, limits))
        head = "".join(f"{h:>8}" for h in ("MFLOP", "MB", "floor", "step", "prods", "elem", "loss", "optim", "gather",
                                           "rest"))  # fmt: skip
        print(f"{f'roofline, {device.upper()}; ms':34}{head}")
        rows = result["workloads"][device] = {}
        with compiled_at_once():
            for name, (sizes, batch) in (GPU_WORKLOADS if device == "gpu" else WORKLOADS).items():
                rows[name] = workload(sizes, batch, device, limits, 0.05 if settings.quick else 0.7)
                print(line(name, rows[name]), flush=True)
        result["doubts"] += doubts(device, rows)
    print("\n".join(result["not_measured"] + result["doubts"]))
    return result


def doubts(device, rows):
    """A sentence if a step was faster than its floor, which cannot be."""
    faster = [name for name, row in rows.items() if row["seconds"] < row["floor_seconds"]]
    text = f"{device.upper()}: a step below its floor ({'; '.join(faster)}): the machine was busy, run it again."
    return [text] if faster else []


def line(name, row):
    """A row as text."""
    parts = [1e3 * part["seconds"] for part in row["parts"].values()] + [1e3 * row["rest_seconds"]]
    return (f"{name:34}{1e-6 * row['operations']:8,.0f}{1e-6 * row['bytes']:8,.1f}{1e3 * row['floor_seconds']:8.2f}"
            f"{1e3 * row['seconds']:8.2f}{''.join(f'{p:8.2f}' for p in parts)}")  # fmt: skip


def draw(result, folder):
    """One picture a device: the parts of every step, and its floor."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, rows in result["workloads"].items():
        bars = {}
        for name, row in rows.items():
            parts = {part: one["seconds"] for part, one in row["parts"].items()} | {"rest": row["rest_seconds"]}
            bars[name] = (row["seconds"], parts, row["floor_seconds"])
        paths.append(folder / f"roofline_{device}.png")
        pictures.stacked(paths[-1], bars, f"Where a training step spends its time on the {device.upper()}")
    return paths
