"""How fast is each layer, loss and optimizer by itself, beside what the machine can do?  python -m benchmarks layers

Every call is validated first: the plain text of its formulas gives the same numbers, and so does every device. Then it
is timed, by turns with its plain version. Operations and bytes are those of benchmarks/counts.py; the percentages are
of the measured ceilings of benchmarks/machine.py, of memory that of a sweep over as many bytes (small arrays stay in a
cache, which is far faster than main memory). An exponential counts as one operation, though it takes many.

That a convolution is one, and a pooling, is not shown by their formulas, which are about all else: `layer_by_layer`
holds these layers against PyTorch's, in what they give and in time.
"""

import numpy as np

from benchmarks import machine
from benchmarks.calls import groups
from benchmarks.clock import by_turns, check_same, in_a_frame
from benchmarks.formulas import compiled_at_once, plainly, recorded
from npae.backend import to_device


def validate(calls, device, expected):
    """Raise Disagreement unless the calls give, on their device, the expected arrays: [those of the first call, …]."""
    for call, wanted in zip(calls, expected, strict=True):
        for a, b in zip(call.answer(), wanted, strict=True):
            check_same(f"{call.name} on the {device.upper()}", np.atleast_1d(to_device(a, "cpu")), np.atleast_1d(b))


def _plain(function):
    with plainly():
        return function()


def time_call(call, device, limits, seconds):
    """The row of a Call: seconds, rates, percentages of the ceilings, and its plain version where it has formulas."""
    with recorded() as formulas:
        call.run()
    work = call.work(formulas)
    calls = {"npae": in_a_frame(call.run)}
    if formulas:
        calls["plain"] = in_a_frame(lambda: _plain(call.run))
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
        print(f"{'layers, ' + device.upper():44}{'µs':>9}  {'GFLOP/s':>9} {'of max':>7}  {'GB/s':>7} {'of max':>7}"
              f"  {'plain, µs':>10} {'speed-up':>8}")  # fmt: skip
        with compiled_at_once():
            result["rows"][device] = dict(_rows(device, limits, settings.quick))
    print("\n".join(result["not_measured"]))
    return result


def _rows(device, limits, quick):
    for group in groups(quick):
        calls = group(device)
        validate(calls, device, [_plain(call.answer) for call in group("cpu")])
        for call in calls:
            row = time_call(call, device, limits, 0.015 if quick else 0.2)
            print(line(call.name, row), flush=True)
            yield call.name, row


def line(name, row):
    """A row as text."""
    plain = f"  {1e6 * row['plain_seconds']:10,.1f} {row['speed_up']:8.2f}" if "speed_up" in row else ""
    return (f"{name:44}{1e6 * row['seconds']:9,.1f}  {row['gflops']:9,.1f} {row['percent_of_arithmetic']:6.0f}%"
            f"  {row['gbs']:7.1f} {row['percent_of_memory']:6.0f}%{plain}")  # fmt: skip


def draw(result, folder):
    """One picture a device: the nearest ceiling, and the gain on the plain version."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, rows in result["rows"].items():
        paths.append(folder / f"layers_{device}.png")
        pictures.layers(paths[-1], rows, f"Layers, losses, optimizers of npae on the {device.upper()}")
    return paths
