"""Where does the time of a training step go, and how far is it from what this machine allows?

For each workload: its operations and bytes (benchmarks/counts.py); its *floor*, the sum over all parts of what each
asks of the nearer ceiling (benchmarks/machine.py) if nothing else cost anything; and, timed by turns, the whole step
of npae.train and its parts, each by itself on the same arrays:

    products           x W, xᵀ dy, 1ᵀ dy, dy Wᵀ of every Dense layer; those of every convolution, with its patches
    windows            poolings and upsamplings, forward and backward
    elementwise        biases and activations, forward and backward, as the step evaluates them
    loss, optimizer    value and gradient; Adam
    gather             a batch of rows, as numbers
    rest               the step less its parts: Python's calls, and what a part finds in the cache when it is alone

The rest is a difference of medians and may come out slightly negative on a noisy machine. A floor above its step says
that the ceilings were measured in a bad moment, while other programs ran: then the run says so, and should be repeated.
"""

from benchmarks import counts, machine
from benchmarks.clock import by_turns
from benchmarks.formulas import compiled_at_once
from benchmarks.parts import Parts
from benchmarks.training import TrainingStep
from benchmarks.workloads import CONVOLUTIONAL, GPU_WORKLOADS, WORKLOADS


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
        head = "".join(f"{h:>8}" for h in ("MFLOP", "MB", "floor", "step", "prods", "windows", "elem", "loss",
                                           "optim", "gather", "rest"))  # fmt: skip
        print(f"{f'roofline, {device.upper()}; ms':34}{head}")
        rows = result["workloads"][device] = {}
        with compiled_at_once():
            for name, (sizes, batch) in workloads(device).items():
                rows[name] = workload(sizes, batch, device, limits, 0.05 if settings.quick else 0.7)
                print(line(name, rows[name]), flush=True)
        result["doubts"] += doubts(device, rows)
    print("\n".join(result["not_measured"] + result["doubts"]))
    return result


def workloads(device):
    """{name: (sizes, batch)} of the networks for a device."""
    return (GPU_WORKLOADS if device == "gpu" else WORKLOADS) | CONVOLUTIONAL


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
