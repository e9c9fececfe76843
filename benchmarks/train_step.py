"""Time of a training step, in npae and in other frameworks.  python -m benchmarks train_step

Each contender is validated first: from the same weights and batch it must find the same J and ∂J/∂θ, and after ten
steps the same J and Σ|θ| (scikit-learn returns only J; bare matrix products have nothing to compare). A contender that
differs is not timed. Then all take steps until they are warm, and are timed in turns: see alternate.py.
"""

from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.alternate import Contender, NotMeasured, measure, ratios, summary
from benchmarks.opponents import roster
from npae.backend import fit_text


class Effort(NamedTuple):
    """The number of turns per contender, the seconds of steps per turn, and the seconds of warm-up."""

    turns: int
    seconds: float
    warm_up: float


QUICK, FULL, FULL_GPU = Effort(3, 0.05, 0.2), Effort(15, 0.2, 1.0), Effort(9, 0.05, 0.5)

TOLERANCES = {"J": 1e-5, "∂J/∂θ": 1e-3, "J after ten steps": 1e-4, "Σ|θ| after ten steps": 1e-5}
"""Largest relative differences between two programs that take the same step in float32; a group's `slack` multiplies
them. Among the half million inputs of ReLUs in a batch some are zero up to rounding; there two correct gradients differ
by the contribution of that unit. Differences of 10⁻⁴ were measured, and 10⁻⁷ without such units."""

RIVALS = (roster.EAGER, "scikit-learn")  # of the verdict: the first one that was timed
SHOWN = (roster.CAPTURED, roster.FLOOR, roster.EAGER, "scikit-learn", roster.BEST)  # columns on the page


def run(settings):
    """Time all groups of contenders on all devices: {"groups": {name: …}, "not_measured": {contender: reason}}."""
    result = {"unit": "seconds per step: median, lower and upper quartile", "groups": {}, "not_measured": {}}
    groups = [*roster.cpu_groups(), *(roster.gpu_groups() if "gpu" in settings.devices else ())]
    for group in groups:
        effort = QUICK if settings.quick else FULL_GPU if group.device == "gpu" else FULL
        result["groups"][group.name] = time_group(group, effort, settings.quick, result["not_measured"])
    if settings.no_gpu:
        why = f"Not yet run: {settings.no_gpu}"
        result["not_measured"] |= {group.title: why for group in roster.gpu_groups()}
    for name, why in result["not_measured"].items():
        print(fit_text(f"Not measured: {name}. {why}"))
    return result


def overview(result):
    """Markdown for the page: per group npae's time and the ratios to it, with the targets that were missed."""
    tables = []
    for group in result["groups"].values():
        names = {name for numbers in group["workloads"].values() for name in numbers}
        others, rows = [name for name in SHOWN if name in names], []
        for workload, numbers in group["workloads"].items():
            cells = [ratio_cell(numbers[name]) if name in numbers else "" for name in others]
            rows.append([workload, f"{1e3 * numbers[roster.OURS]['seconds'][0]:.2f}", *cells])
        head = [group["title"], "npae, ms", *(f"{name.removesuffix(' alone')} / npae" for name in others)]
        tables.append(report.markdown(head, rows))
    return "\n\n".join(tables)


def verdict(result):
    """What was found, in one line."""
    clauses, alone, reasons = [], [], set()
    for group in result["groups"].values():
        rows, title = group["workloads"].values(), group["title"]
        rival = next((name for name in RIVALS if any(name in row for row in rows)), None)
        if rival:
            found = [row[rival]["ratio"][roster.OURS][0] for row in rows if rival in row]
            clauses.append(f"{title}: npae is {report.faster(found, rival)}")
        else:
            alone.append(title)
            reasons |= {why for name in RIVALS if (why := result["not_measured"].get(f"{title}: {name}"))}
    if alone:
        clauses.append(" ".join([f"not compared with another framework: {' and '.join(alone)}.", *sorted(reasons)]))
    return "; ".join(clauses)


def ratio_cell(numbers):
    """The ratio to npae's time with its quartiles, the name of the best contender, and targets that were missed."""
    parts = [report.with_quartiles(numbers["ratio"][roster.OURS]), *([numbers["name"]] if "name" in numbers else [])]
    for ours, aim in numbers["target"].items():
        reached = round(numbers["ratio"][ours][0], 2)
        if reached < aim:
            than = "" if ours == roster.OURS else f" than {ours} ({reached})"
            parts.append(f"**target {aim}{than} missed**")
    return ", ".join(parts)


def draw(result, folder):
    """One picture of ratios per group."""
    from benchmarks import pictures

    paths = []
    for name, group in result["groups"].items():
        rows = {
            workload: {n: v["ratio"][roster.OURS] for n, v in numbers.items() if n not in (roster.OURS, roster.BEST)}
            for workload, numbers in group["workloads"].items()
        }
        if any(rows.values()):
            paths.append(folder / f"train_step_{name}.png")
            pictures.ratios(paths[-1], rows, "time / npae's time: above 1, npae is faster (thin line: quartiles)",
                            f"Time of a training step ({group['title']})")  # fmt: skip
    return paths


def time_group(group, effort, quick, not_measured):
    """Validate and time a group, and print its tables. Returns {"title", "effort", "workloads": {workload: {…}}}."""
    effort = effort._replace(turns=min(effort.turns, group.most_turns))
    with ExitStack() as stack:
        contenders = {}
        for name, entry in group.entries.items():
            if reason := roster.why_not(entry, quick):
                not_measured[f"{group.title}: {name}"] = reason
                continue
            contenders[name] = Contender(entry.kind)
            stack.callback(contenders[name].close)
        workloads = {}
        for workload, sizes_and_batch in group.workloads.items() if contenders else ():
            ready = {}
            report.progress(f"{workload} ({group.title})")
            for name, contender in contenders.items():
                try:
                    contender.make(*sizes_and_batch, **group.entries[name].options)
                    if ready:
                        validate(contender.first, ready[group.ours[0]].first, group.slack)
                    contender.warm_up(effort.warm_up)
                except NotMeasured as reason:
                    if name == group.ours[0]:
                        raise
                    not_measured[f"{group.title}, {workload}: {name}"] = str(reason)
                else:
                    ready[name] = contender
            times = measure(ready, effort.turns, effort.seconds)
            workloads[workload] = compare(group, workload, times)
            show(group, workload, workloads[workload])
    return {"title": group.title, "effort": effort._asdict(), "workloads": workloads}


def validate(theirs, ours, slack):
    """Raise NotMeasured unless the first steps of a contender are ours. What it returns as None is not compared."""
    for what, b, a in zip(TOLERANCES, theirs or (), ours, strict=False):
        if b is None:
            continue
        error = np.linalg.norm(np.subtract(b, a)) / np.linalg.norm(a)
        if not error <= slack * TOLERANCES[what]:
            raise NotMeasured(f"not the same step: its {what} differs from npae's by {error:.2g}, relatively")


def compare(group, workload, times):
    """{contender: {"seconds": […], "host_seconds": […], "ratio": {ours: […]}, "target": {ours: …}}} from Turns.

    Three numbers are a median and its quartiles. "the best of the others" is the rival with the least median time.
    """
    result = {}
    for name, turns in times.items():
        result[name] = {"seconds": _summary([t.seconds for t in turns], 7)}
        if group.device == "gpu":
            result[name]["host_seconds"] = _summary([t.host for t in turns], 7)
        versus = [ours for ours in group.ours if ours in times and ours != name]
        result[name]["ratio"] = {ours: _summary(ratios(turns, times[ours]), 3) for ours in versus}
    rivals = [name for name in times if name not in (*group.ours, roster.FLOOR)]
    if len(rivals) > 1:
        best = min(rivals, key=lambda name: result[name]["seconds"][0])
        result[roster.BEST] = result[best] | {"name": best}
    for name, numbers in result.items():
        aims = {ours: group.target(ours, name, workload) for ours in numbers["ratio"]}
        result[name] = numbers | {"target": {ours: aim for ours, aim in aims.items() if aim}}
    return result


def _summary(values, digits):
    return [round(v, digits) for v in summary(values)]


def show(group, workload, result):
    """Print the table of one workload."""
    ours = [name for name in group.ours if name in result]
    on_gpu = group.device == "gpu"
    head = [f"{workload}   ({group.title})", "ms per step", "quartiles", *(["ms, host"] if on_gpu else [])]
    for name in ours:
        head += [f"time / {name}", "quartiles", "target"]
    rows = []
    for name, numbers in result.items():
        middle, *quartiles = (1e3 * s for s in numbers["seconds"])
        label = f"{name}: {numbers['name']}" if "name" in numbers else name
        row = [label, f"{middle:.3f}", report.spread(*quartiles, 3)]
        row += [f"{1e3 * numbers['host_seconds'][0]:.3f}"] if on_gpu else []
        for one in ours:
            ratio, aim = numbers["ratio"].get(one), numbers["target"].get(one)
            row += [f"{ratio[0]:.2f}", report.spread(*ratio[1:])] if ratio else ["", ""]
            row += [f"≥ {aim}" if aim else ""]
        rows.append(row)
    report.table(head, rows)
