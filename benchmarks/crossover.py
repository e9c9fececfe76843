"""When does the GPU pay?  A training step on both devices, over the batch size and over the width of the network.

A small step costs a GPU its launches, whatever is in them; a large one is arithmetic, of which it has more. Where the
curves cross is the answer. The *transfer* of the batch to the GPU is timed by itself: npae pays it once a run, not once
a step, as long as the data set fits on the GPU. On the CPU alone its curve is drawn, and the GPU's is marked as not
yet run.
"""

import math

from benchmarks import machine
from benchmarks.clock import clock
from benchmarks.formulas import compiled_at_once
from benchmarks.training import TrainingStep, images
from benchmarks.workloads import LARGE
from npae.backend import to_device

BATCHES, WIDTHS = (1, 4, 16, 64, 256, 1024, 4096, 16384), (16, 64, 256, 1024, 4096)
QUICK_BATCHES, QUICK_WIDTHS = (1, 16, 256), (16, 256, 1024)
BATCH = 256  # of the steps over the width


def axes(quick):
    """{axis: (x, x -> (sizes, batch))}: what is varied, and the network and batch that it stands for."""
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
    """Time the step along both axes on every device; returns what the JSON keeps."""
    result = {"what": __doc__, "not_measured": machine.missing(settings), "axes": {}}
    seconds = 0.1 if settings.quick else 1.0
    for name, (x, network) in axes(settings.quick).items():
        print(f"{'crossover, ' + name + '; ms a step':30}" + "".join(f"{c:>18}" for c in (*CURVES, "transfer")))
        points = []
        for value in x:
            points.append({"x": value} | point(*network(value), settings.devices, seconds))
            print(line(points[-1]), flush=True)
        crossings = {gpu: overtakes(x, of(points, "CPU"), of(points, gpu)) for gpu in list(CURVES)[1:]}
        result["axes"][name] = {"points": points, "overtakes_the_cpu_at": crossings}
        print(verdict(result["axes"][name]))
    print("\n".join(result["not_measured"]))
    return result


def point(sizes, batch, devices, seconds):
    """{curve: summary of its Timing} of one network and batch, for the curves of the devices that are there."""
    found = {}
    with compiled_at_once():
        for name, (device, graph) in CURVES.items():
            if device in devices:
                found[name] = clock(TrainingStep(sizes, batch, device, graph), device, seconds).summary()
    if "gpu" in devices:
        found["transfer"] = transfer(batch, seconds / 4).summary()
    return found


def transfer(batch, seconds):
    """The Timing of bringing `batch` images of 784 uint8 pixels to the GPU."""
    rows = images()[:batch]
    return clock(lambda: to_device(rows, "gpu"), "gpu", seconds)


def of(points, curve):
    """The median seconds of a curve, or None if it was not run."""
    return [p[curve]["seconds"] for p in points] if curve in points[0] else None


def overtakes(x, cpu, gpu):
    """From which x on the GPU is faster than the CPU, to the end: between points on a straight line of logarithms.

    None if it is not faster at the last point, or was not run.
    """
    if gpu is None or gpu[-1] >= cpu[-1]:
        return None
    gain = [math.log(c / g) for c, g in zip(cpu, gpu, strict=True)]
    k = next((k for k in reversed(range(len(x))) if gain[k] <= 0), None)
    if k is None:
        return x[0]
    part = -gain[k] / (gain[k + 1] - gain[k])
    return x[k] * (x[k + 1] / x[k]) ** part


def line(one):
    """A point as text."""
    cells = [f"{1e3 * one[c]['seconds']:,.3f}" if c in one else "not yet run" for c in (*CURVES, "transfer")]
    return f"{one['x']:<30,}" + "".join(f"{cell:>18}" for cell in cells)


def verdict(axis):
    """Where the GPU overtakes the CPU, in words."""
    if "GPU" not in axis["points"][0]:
        return "GPU: not yet run"
    return "; ".join(
        f"{name}: {'not faster' if x is None else f'faster from {x:,.0f} on'}"
        for name, x in axis["overtakes_the_cpu_at"].items()
    )


def draw(result, folder):
    """Both axes in one picture."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    labels = {"batch": "batch size, 784-1000-500-250-30", "width": f"width w of 784-w-32, batch {BATCH}"}
    panels = []
    for name, axis in result["axes"].items():
        points = axis["points"]
        curves = {curve: of(points, curve) for curve in CURVES} | {"transfer of the batch": of(points, "transfer")}
        panels.append((labels[name], [p["x"] for p in points], curves, verdict(axis) if "GPU" in points[0] else None))
    path = folder / "crossover.png"
    pictures.crossover(path, panels, "When does the GPU pay? Time of a training step of npae")
    return [path]
