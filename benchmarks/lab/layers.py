"""Time of single layers, losses and optimizers, with fused and with plain formulas.  python -m benchmarks.lab layers

Every call is validated first: the plain text of its formulas must return the same numbers up to rounding, and so must
every device. Then it is timed in turns with its plain version, if it has formulas. The ratio is the gain of fusion.

That a convolution or a pooling computes what it should is not shown by its formulas, which are a small part of it:
`layer_by_layer` compares these layers with PyTorch's, in results and in time.
"""

import numpy as np

from benchmarks import report
from benchmarks.alternate import summary
from benchmarks.clock import check_same, in_turns
from benchmarks.lab.calls import groups
from benchmarks.lab.formulas import plainly
from benchmarks.lab.single import in_a_frame
from benchmarks.training import compiled_at_once
from npae.backend import fit_text, to_device


def validate(calls, device, expected):
    """Raise Disagreement unless the calls on this device return the expected arrays: [those of the first call, …]."""
    for call, arrays in zip(calls, expected, strict=True):
        for a, b in zip(call.results(), arrays, strict=True):
            check_same(f"{call.name} on the {device.upper()}", np.atleast_1d(to_device(a, "cpu")), np.atleast_1d(b))


def _plain(function):
    with plainly():
        return function()


def time_call(call, device, seconds):
    """The row of a Call: its seconds and, if it has formulas, those of its plain version and their ratio."""
    with plainly() as formulas:
        call.run()
    calls = {"npae": in_a_frame(call.run, device)}
    if formulas:
        calls["plain"] = in_a_frame(lambda: _plain(call.run), device)
    timings = in_turns(calls, device, seconds)
    row = timings["npae"].summary()
    if formulas:
        plain = timings["plain"]
        ratio = summary([a / b for a, b in zip(plain.device, timings["npae"].device, strict=True)])
        row |= {"plain_seconds": plain.median, "ratio": ratio}
    return row


def run(settings):
    """Validate, time and print every call on every device. Returns the contents of the JSON file."""
    result = {"what": __doc__, "not_measured": settings.missing(), "rows": {}}
    for device in settings.devices:
        with compiled_at_once():
            rows = result["rows"][device] = dict(_rows(device, settings.quick))
        head = [f"single calls ({device.upper()})", "µs", "quartiles", "plain, µs", "plain / npae", "quartiles"]
        report.table(head, [cells(name, row) for name, row in rows.items()])
        settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def _rows(device, quick):
    for group in groups(quick):
        calls = group(device)
        validate(calls, device, [_plain(call.results) for call in group("cpu")])
        for call in calls:
            report.progress(call.name)
            yield call.name, time_call(call, device, 0.015 if quick else 0.2)


def cells(name, row):
    """A row of the table."""
    found = [name, f"{1e6 * row['seconds']:,.1f}", report.spread(*(1e6 * s for s in row["quartiles"]), 1)]
    if "ratio" in row:
        ratio, *quartiles = row["ratio"]
        return [*found, f"{1e6 * row['plain_seconds']:,.1f}", f"{ratio:.2f}", report.spread(*quartiles)]
    return [*found, "", "", ""]


def verdict(result):
    """What was found, in one line."""
    clauses = []
    for device, rows in result["rows"].items():
        found = [row["ratio"][0] for row in rows.values() if "ratio" in row]
        clauses.append(f"{device.upper()}: npae is {report.faster(found, 'the plain text of the formulas')}")
    return "; ".join(clauses)


def draw(result, folder):
    """One picture per device: the time of the plain version divided by npae's."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, rows in result["rows"].items():
        bars = {name: {"plain text of the formulas": row["ratio"]} for name, row in rows.items() if "ratio" in row}
        if bars:
            paths.append(folder / f"layers_{device}.png")
            pictures.ratios(paths[-1], bars, "time divided by npae's time (thin line: quartiles)",
                            f"Plain text of the formulas beside fused loops, {device.upper()}")  # fmt: skip
    return paths
