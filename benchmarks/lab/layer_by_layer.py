"""Time of the layers of convolutional networks beside PyTorch's.  python -m benchmarks.lab layer_by_layer

Forward and backward of every layer in single.py, each by itself. Both frameworks are validated first: they must compute
the same y, or ∂J/∂x and ∂J/∂θ, from the same weights, input and ∂J/∂y. (Dropout draws a different mask in each. There
the fraction of zeros must be right, and backward must use the mask of forward.) A layer that differs is not timed. Then
they are timed in turns: see alternate.py. PyTorch runs eagerly, once with channels first in memory, as in its
tutorials, and once with channels last.
"""

from contextlib import ExitStack, closing
from itertools import product

from benchmarks import report
from benchmarks.alternate import NotMeasured, measure, ratios, summary
from benchmarks.clock import Disagreement, check_same
from benchmarks.contender import Contender
from benchmarks.lab.pairs import NpaeLayer, TorchLayer
from benchmarks.lab.single import CASES, DIRECTIONS
from benchmarks.opponents.roster import EAGER, OURS, Entry, why_not
from benchmarks.rounds import Effort
from npae.backend import fit_text

CHANNELS_LAST = "PyTorch, channels last"
ENTRIES = {OURS: Entry(NpaeLayer), EAGER: Entry(TorchLayer), CHANNELS_LAST: Entry(TorchLayer, {"channels_last": True})}
TOLERANCE = 3e-5  # the relative error of a float32 sum of 100,352 numbers, added in order, is about ε √n = 2·10⁻⁵
QUICK, FULL = Effort(3, 0.02, 0.1), Effort(9, 0.1, 0.3)


def run(settings):
    """Validate, time and print every layer on every device. Returns the contents of the JSON file."""
    result = {
        "what": __doc__, "unit": "seconds per call: median, lower and upper quartile",
        "not_measured": settings.missing(), "rows": {},
    }  # fmt: skip
    entries = {}
    for name, entry in ENTRIES.items():
        if reason := why_not(entry, settings.quick):
            result["not_measured"].append(f"{name}: {reason}")
        else:
            entries[name] = entry
    for device in settings.devices:
        rows = result["rows"][device] = {}
        with ExitStack() as stack:
            contenders = {name: stack.enter_context(closing(Contender(entry.kind))) for name, entry in entries.items()}
            for layer, case in CASES.items():
                for direction in DIRECTIONS:
                    name, call = f"{layer}: {direction}", (case, direction, device)
                    report.progress(name)
                    ready = validated(name, call, contenders, result["not_measured"])
                    rows[name] = time_call(ready, QUICK if settings.quick else FULL)
        report.table(head(device, entries), [cells(name, entries, row) for name, row in rows.items()])
        settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def validated(name, call, contenders, not_measured):
    """The contenders that made the call, (Case, direction, device), and agree with npae.

    The reasons of the others are appended to not_measured.
    """
    ready = {}
    for who, contender in contenders.items():
        if who == CHANNELS_LAST and len(call[0].shape) != 4:
            continue  # rows have no channels
        try:
            contender.make(*call, **ENTRIES[who].options)
            for theirs, ours in zip(contender.first, contenders[OURS].first, strict=True):
                check_same("its result", theirs, ours, TOLERANCE)
        except (NotMeasured, Disagreement) as reason:
            if who == OURS:
                raise
            not_measured.append(f"{who}, {call[2].upper()}, {name}: {reason}")
        else:
            ready[who] = contender
    return ready


def time_call(contenders, effort):
    """{contender: {"seconds": […], "ratio": […]}}, each a median and its quartiles; ratio: its time by npae's."""
    for contender in contenders.values():
        contender.warm_up(effort.warm_up)
    times = measure(contenders, effort.turns, effort.seconds)
    row = {who: {"seconds": summary([t.seconds for t in turns])} for who, turns in times.items()}
    for who in list(times)[1:]:
        row[who]["ratio"] = summary(ratios(times[who], times[OURS]))
    return row


def head(device, names):
    """The head of the table of one device."""
    others = [[name, f"/ {OURS}", "quartiles"] for name in names if name != OURS]
    return [f"single calls, ms ({device.upper()})", OURS, "quartiles", *sum(others, [])]


def cells(name, names, row):
    """A row of the table."""
    middle, *quartiles = (1e3 * s for s in row[OURS]["seconds"])
    found = [name, f"{middle:.3f}", report.spread(*quartiles, 3)]
    for other in (row.get(name, {}) for name in names if name != OURS):
        if other:
            ratio, *quartiles = other["ratio"]
            found += [f"{1e3 * other['seconds'][0]:.3f}", f"{ratio:.2f}", report.spread(*quartiles)]
        else:
            found += ["", "", ""]
    return found


def verdict(result):
    """What was found, in one line."""
    clauses = []
    for device, rows in result["rows"].items():
        found = [row[EAGER]["ratio"][0] for row in rows.values() if EAGER in row]
        clauses.append(f"{device.upper()}: npae is {report.faster(found, EAGER)}")
    return "; ".join(clauses)


def overview(result):
    """Markdown for the page: PyTorch's times divided by npae's, forward and backward, channels first and last."""
    tables = []
    for device, rows in result["rows"].items():
        lines, columns = [], list(product(DIRECTIONS, (EAGER, CHANNELS_LAST)))
        for layer in dict.fromkeys(name.rpartition(": ")[0] for name in rows):
            cells = [rows[f"{layer}: {direction}"].get(who) for direction, who in columns]
            lines.append([layer, *(f"{one['ratio'][0]:.2f}" if one else "" for one in cells)])
        head = [f"PyTorch / npae ({device.upper()})", "forward", "channels last", "backward", "channels last"]
        tables.append(report.markdown(head, lines))
    return "\n\n".join(tables)


def draw(result, folder):
    """One picture per device: PyTorch's times divided by npae's."""
    from benchmarks import pictures  # matplotlib is needed here and nowhere else

    paths = []
    for device, rows in result["rows"].items():
        bars = {layer: {} for layer in CASES}
        for layer, direction in product(CASES, DIRECTIONS):
            row = rows[f"{layer}: {direction}"]
            bars[layer] |= {f"{direction}, {who}": numbers["ratio"] for who, numbers in row.items() if who != OURS}
        if any(bars.values()):
            paths.append(folder / f"layer_by_layer_{device}.png")
            pictures.ratios(paths[-1], bars, "time / npae's time: above 1, npae is faster (thin line: quartiles)",
                            f"Time of single layers, {device.upper()}")  # fmt: skip
    return paths
