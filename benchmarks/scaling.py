"""Scaling: time and memory of training against parameters, batch, depth and data, and with several processes.

Along each axis a straight line is fitted to log cost against log size, over the larger half of the points (the smaller
ones measure the cost of a call). The theoretical slope is that of the counted operations, or counted bytes, over the
same points. Memory is measured in two ways: the arrays that npae holds for a step (θ, ∂J/∂θ, Adam's two vectors and the
arena's buffers), and the peak of Python's allocations while model and buffers are made (tracemalloc). Data-parallel
processes are timed by benchmarks/workers.py, with one mpiexec per line.
"""

import math
import tracemalloc

import numpy as np

from benchmarks import report, workers
from benchmarks.clock import clock
from benchmarks.training import TrainingStep, compiled_at_once, images
from benchmarks.workloads import LARGE
from npae.backend import fit_text, module_for
from npae.models import dense_autoencoder
from npae.train import prepare

BATCH = 256
AXES = {  # name: (x label, sizes of it, size -> (sizes of the network, batch))
    "parameters": ("parameters of 784-w-w", (32, 128, 512, 1024, 2048), lambda w: ([784, w, w], BATCH)),
    "batch": ("batch size, 784-1000-500-250-30", (8, 32, 128, 512, 2048), lambda batch: (LARGE, batch)),
    "depth": ("Dense layers of 784-512-…-512", (1, 2, 4, 8, 16), lambda depth: ([784] + depth * [512], BATCH)),
}
IMAGES = (1000, 4000, 16000, 60000)  # of the data set of an epoch of 784-128-32
QUICK = 3  # points of an axis


def slope(x, y):
    """The slope of log y against log x, by least squares over the larger half of the points."""
    half = slice(len(x) // 2 if len(x) > 3 else 0, None)
    return float(np.polyfit(np.log(x[half]), np.log(y[half]), 1)[0])


def operations(step, batch):
    """Operations of the matrix products in a step: 6 B Σ I O, without ∂J/∂x of the first layer, which is not needed."""
    products = [math.prod(shape) for shape in step.sizes]
    return 6 * batch * sum(products) - 2 * batch * products[0]


def held(step, batch):
    """Counted bytes: 16 per parameter; the output of every Dense layer, and its gradient."""
    activations = sum(2 * n_out for _, n_out in step.sizes)
    return 16 * step.model.theta.size + 4 * batch * activations


def memory(sizes, batch, device):
    """Bytes of a step: {"state", "arena", "peak"}. The peak is that of tracemalloc, on a GPU of its memory pool."""
    if device == "gpu":
        pool = module_for(device).get_default_memory_pool()
        pool.free_all_blocks()
    images()  # made here, so that the peak does not include them
    tracemalloc.start()
    try:
        step = TrainingStep(sizes, batch, device)
        step()
        step()
        peak = tracemalloc.get_traced_memory()[1] if device == "cpu" else pool.total_bytes()
    finally:
        tracemalloc.stop()
    return {"state": 4 * step.model.theta.value.nbytes, "arena": step.step.arena.nbytes, "peak": peak}


def points(values, network, device, seconds):
    """[{"x", "seconds", …, memory, counts}] of training steps along an axis."""
    for value in values:
        sizes, batch = network(value)
        step = TrainingStep(sizes, batch, device)
        counted = {"parameters": step.model.theta.size, "batch": batch, "depth": len(step.sizes)}
        with compiled_at_once():
            timing = clock(step, device, seconds)
        yield timing.summary() | counted | {
            "operations": operations(step, batch), "counted_bytes": held(step, batch), **memory(sizes, batch, device),
        }  # fmt: skip


def epochs(numbers, device, seconds):
    """[{"images", "seconds", "operations"}] of epochs of 784-128-32 over these numbers of images."""
    for n in numbers:
        model = dense_autoencoder([784, 128, 32], seed=0).to(device)
        trainer = prepare(model, images()[:n], batch_size=BATCH, progress="none", data_init=False)
        with compiled_at_once():
            timing = clock(lambda trainer=trainer: trainer.run(trainer.epoch + 1), device, seconds)
        yield timing.summary() | {"images": n, "operations": n}


def along(found, x):
    """The summary of an axis: its points, and the measured and theoretical slopes of time and memory."""
    xs = [p[x] for p in found]
    result = {"x": xs, "points": found, "slope": slope(xs, [p["seconds"] for p in found]),
              "theory": slope(xs, [p["operations"] for p in found])}  # fmt: skip
    if "arena" in found[0]:
        result |= {
            "memory_slope": slope(xs, [p["state"] + p["arena"] for p in found]),
            "peak_slope": slope(xs, [p["peak"] for p in found]),
            "memory_theory": slope(xs, [p["counted_bytes"] for p in found]),
        }
    return result


def run(settings):
    """Measure every axis on every device, then the processes. Returns the contents of the JSON file."""
    result = {"what": __doc__, "not_measured": settings.missing(), "axes": {}}
    seconds, some = (0.05, slice(QUICK)) if settings.quick else (0.8, slice(None))
    for device in settings.devices:
        axes = result["axes"][device] = {}
        for name, (_, values, network) in AXES.items():
            report.progress(f"{label(name)} ({device.upper()})")
            axes[name] = show(device, name, along(list(points(values[some], network, device, seconds)), name))
        axes["images"] = show(device, "images", along(list(epochs(IMAGES[some], device, seconds)), "images"))
        settings.save(result)
    result["workers"] = workers.compare(settings.quick)
    result["not_measured"] += result["workers"]["not_measured"]
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def show(device, name, axis):
    """Print the table of an axis. Returns the axis."""
    parts = [key for key in ("state", "arena", "peak") if key in axis["points"][0]]
    rows = [[f"{x:,}", f"{1e3 * p['seconds']:.2f}", *(f"{1e-6 * p[key]:.2f}" for key in parts)]
            for x, p in zip(axis["x"], axis["points"], strict=True)]  # fmt: skip
    text = f"slope of time {axis['slope']:.2f}, by theory {axis['theory']:.2f}"
    if "memory_slope" in axis:
        text += (f"; of state and arena {axis['memory_slope']:.2f}, of the peak {axis['peak_slope']:.2f}, "
                 f"by theory {axis['memory_theory']:.2f}")  # fmt: skip
    report.table([f"{label(name)} ({device.upper()})", "ms", *(f"{key}, MB" for key in parts)], rows, text)
    return axis


def verdict(result):
    """What was found, in one line."""
    clauses = []
    for device, axes in result["axes"].items():
        powers = [f"{axis['slope']:.2f} of {name} (operations {axis['theory']:.2f})" for name, axis in axes.items()]
        clauses.append(f"{device.upper()}: the time grows with the power {', '.join(powers)}")
    return "; ".join(clauses)


def time_panel(name, axis):
    """Arguments of benchmarks.pictures.scaling: time, and the counted operations scaled to the last point."""
    seconds, counted = ([p[key] for p in axis["points"]] for key in ("seconds", "operations"))
    return (f"time against {name}", label(name), axis["x"], {
        "npae": (seconds, f"slope {axis['slope']:.2f}"),
        "theory": ([seconds[-1] * c / counted[-1] for c in counted], f"counted operations, slope {axis['theory']:.2f}"),
    }, "time")  # fmt: skip


def memory_panel(name, axis):
    """The same for memory, held and allocated."""
    state, arena, peak = ([p[key] for p in axis["points"]] for key in ("state", "arena", "peak"))
    return (f"memory against {name}", label(name), axis["x"], {
        "θ, gradient, Adam": (state, "16 bytes per parameter"),
        "buffers": (arena, "outputs and gradients of the layers"),
        "peak": (peak, f"slope {axis['peak_slope']:.2f}, theory {axis['memory_theory']:.2f}"),
    }, "size")  # fmt: skip


def label(name):
    """The x label of an axis."""
    return AXES[name][0] if name in AXES else "images, an epoch of 784-128-32"


def overview(result):
    """Markdown for the page: the slopes of every axis, and the processes."""
    tables = []
    for device, axes in result["axes"].items():
        rows = []
        for name, axis in axes.items():
            memory = [f"{axis[key]:.2f}" if key in axis else "" for key in ("memory_slope", "memory_theory")]
            rows.append([label(name), f"{axis['slope']:.2f}", f"{axis['theory']:.2f}", *memory])
        head = [f"slope ({device.upper()}), log against log", "time", "counted operations", "memory", "counted bytes"]
        tables.append(report.markdown(head, rows))
    runs = result["workers"]["runs"]
    if runs:
        times = [f"{name} {1e3 * run['seconds']:.1f}".replace("\n", " ") for name, run in runs.items()]
        tables.append(f"{result['workers']['network']}, ms per step: {'; '.join(times)}.")
    return "\n\n".join(tables)


def draw(result, folder):
    """Time and memory along all axes, one picture per device; one picture of the processes."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, axes in result["axes"].items():
        panels = [time_panel(name, axis) for name, axis in axes.items()]
        panels += [memory_panel(name, axes[name]) for name in ("parameters", "batch")]
        paths.append(folder / f"scaling_{device}.png")
        pictures.scaling(paths[-1], panels, f"Time and memory of training against its size, {device.upper()}")
    runs = result["workers"]["runs"]
    if runs:
        paths.append(folder / "scaling_workers.png")
        bars = {name: (1e3 * run["seconds"], f"{1e3 * run['seconds']:.3g} ms") for name, run in runs.items()}
        pictures.bars(paths[-1], bars, "ms per step", f"One step of {result['workers']['network']}")
    return paths
