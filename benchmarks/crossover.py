"""Crossover between CPU and GPU: the time of a training step over the batch size and over the width of the network.

A small step costs a GPU as much as its kernel launches; a large step costs what its arithmetic costs, where the GPU is
faster. The curves cross at the size from which on it pays off. The *transfer* of the batch to the GPU is timed
separately: while the data set fits on the GPU, npae copies it once per run, not once per step. Without a GPU only the
curve of the CPU is drawn, and the others are marked as not yet run.
"""

import math

from benchmarks import report
from benchmarks.clock import clock
from benchmarks.settings import NO_TIME
from benchmarks.training import TrainingStep, compiled_at_once, images
from benchmarks.workloads import LARGE
from npae.backend import fit_text, to_device

BATCHES, WIDTHS = (1, 4, 16, 64, 256, 1024, 4096, 16384), (16, 64, 256, 1024, 4096)
QUICK_BATCHES, QUICK_WIDTHS = (1, 16, 256), (16, 256, 1024)
BATCH = 256  # of the steps over the width
LABELS = {"batch": "batch size, 784-1000-500-250-30", "width": f"width w of 784-w-32, batch {BATCH}"}


def axes(quick):
    """{axis: (x, x -> (sizes, batch))}: the values that are varied, and the network and batch of each."""
    return {
        "batch": (QUICK_BATCHES if quick else BATCHES, lambda batch: (LARGE, batch)),
        "width": (QUICK_WIDTHS if quick else WIDTHS, lambda width: ([784, width, 32], BATCH)),
    }


CURVES = {  # name: (device, as a CUDA graph?)
    "CPU": ("cpu", False),
    "GPU": ("gpu", False),
    "GPU, CUDA graph": ("gpu", True),
}


def run(settings):
    """Time the step along both axes on every device. Returns the contents of the JSON file.

    A run with --minutes takes the points of --quick, on a GPU all points, for as long as time is left.
    """
    result = {"what": __doc__, "not_measured": settings.missing(), "axes": {}}
    short_turns = settings.quick or settings.short
    seconds = 0.1 if short_turns else 1.0
    for name, (x, network) in axes(settings.quick or (settings.short and "gpu" not in settings.devices)).items():
        points = []

        def leave_out(value, name=name):
            result["not_measured"].append(f"{LABELS[name]}: {value:,}. {NO_TIME}")

        settings.rows.clear()  # the smallest network of the next axis is faster than the largest of this one
        for value in settings.in_time(x, leave_out):
            report.progress(f"{LABELS[name]}: {value:,}")
            points.append({"x": value} | point(*network(value), settings.devices, seconds))
            result["axes"][name] = summary(points)
            settings.save(result)
        if points:
            head = [f"{LABELS[name]}; ms per step", *CURVES, "transfer"]
            report.table(head, list(map(cells, points)), crossings(result["axes"][name]))
            settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def summary(points):
    """The points of an axis, and where the GPU overtakes the CPU."""
    x = [p["x"] for p in points]
    found = {gpu: overtakes(x, of(points, "CPU"), of(points, gpu)) for gpu in list(CURVES)[1:]}
    return {"points": points, "overtakes_the_cpu_at": found}


def point(sizes, batch, devices, seconds):
    """{curve: summary of its Timing} of one network and batch, for the curves of the devices present."""
    found = {}
    with compiled_at_once():
        for name, (device, graph) in CURVES.items():
            if device in devices:
                found[name] = clock(TrainingStep(sizes, batch, device, graph), device, seconds).summary()
    if "gpu" in devices:
        found["transfer"] = transfer(batch, seconds / 4).summary()
    return found


def transfer(batch, seconds):
    """The Timing of copying `batch` images of 784 uint8 pixels to the GPU."""
    rows = images()[:batch]
    return clock(lambda: to_device(rows, "gpu"), "gpu", seconds)


def of(points, curve):
    """The median seconds of a curve, or None if it was not run."""
    return [p[curve]["seconds"] for p in points] if curve in points[0] else None


def overtakes(x, cpu, gpu):
    """The x from which on the GPU is faster than the CPU, by linear interpolation between the logarithms.

    None if the GPU is not faster at the last point, or was not run.
    """
    if gpu is None or gpu[-1] >= cpu[-1]:
        return None
    gain = [math.log(c / g) for c, g in zip(cpu, gpu, strict=True)]
    k = next((k for k in reversed(range(len(x))) if gain[k] <= 0), None)
    if k is None:
        return x[0]
    part = -gain[k] / (gain[k + 1] - gain[k])
    return x[k] * (x[k + 1] / x[k]) ** part


def cells(one):
    """A point as a row of the table."""
    times = [f"{1e3 * one[c]['seconds']:,.3f}" if c in one else "not yet run" for c in (*CURVES, "transfer")]
    return [f"{one['x']:,}", *times]


def verdict(result):
    """What was found, in one line."""
    if all("GPU" not in axis["points"][0] for axis in result["axes"].values()):
        return "GPU: not yet run"
    return "; ".join(f"{name}: {crossings(axis)}" for name, axis in result["axes"].items())


def crossings(axis):
    """The crossings of an axis, as text."""
    if "GPU" not in axis["points"][0]:
        return "GPU: not yet run"
    return "; ".join(
        f"{name}: {'not faster than the CPU' if x is None else f'faster than the CPU from {x:,.0f} on'}"
        for name, x in axis["overtakes_the_cpu_at"].items()
    )


def overview(result):
    """Markdown for the page: the times of the smallest, a middle and the largest point of both axes."""
    rows = []
    for name, axis in result["axes"].items():
        points = axis["points"]
        few = [points[0], points[len(points) // 2], points[-1]]
        cells = [", ".join(f"{1e3 * p[curve]['seconds']:,.1f}" for p in few) if curve in few[0] else "not yet run"
                 for curve in CURVES]  # fmt: skip
        rows.append([f"{LABELS[name]}: {', '.join(map(str, [p['x'] for p in few]))}", *cells])
    return report.markdown(["ms per step", *CURVES], rows)


def draw(result, folder):
    """Both axes in one picture."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    panels = []  # none if no time was left
    for name, axis in result["axes"].items():
        points = axis["points"]
        curves = {curve: of(points, curve) for curve in CURVES} | {"transfer of the batch": of(points, "transfer")}
        panels.append((LABELS[name], [p["x"] for p in points], curves, crossings(axis) if "GPU" in points[0] else None))
    path = folder / "crossover.png"
    if panels:
        pictures.crossover(path, panels, "Time of a training step on the CPU and the GPU")
    return [path] if panels else []
