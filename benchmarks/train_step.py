"""How long does a training step take, beside others'?  python -m benchmarks train_step

Each contender first shows that it takes the same steps: from the same weights and batch the same J and ∂J/∂θ, and ten
steps later the same J and Σ|θ| (scikit-learn tells only J; bare matrix products are what they are). One that does not
is not timed. Then all take steps until they are warm, and are timed by turns: see alternate.py.
"""

import importlib.util
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.alternate import Contender, NotMeasured, measure, ratios, summary
from benchmarks.opponents import roster
from npae.backend import why_no_gpu


class Effort(NamedTuple):
    """How many turns each contender has, how many seconds of steps a turn, and how many seconds it warms up."""

    turns: int
    seconds: float
    warm_up: float


QUICK, FULL, FULL_GPU = Effort(3, 0.05, 0.2), Effort(15, 0.2, 1.0), Effort(9, 0.05, 0.5)

TOLERANCES = {"J": 1e-5, "∂J/∂θ": 1e-3, "J after ten steps": 1e-4, "Σ|θ| after ten steps": 1e-5}
"""Largest relative differences between two that take the same step in float32, times a group's `slack`. Where a ReLU's
input is zero but for rounding, as it is somewhere among the half million of a batch, two correct gradients differ by
what that unit contributes: 10⁻⁴ was seen, 10⁻⁷ without."""


def run(settings):
    """All groups of contenders on the devices at hand: {"groups": {name: …}, "not_measured": {contender: why}}."""
    result = {"unit": "seconds a step: median, lower and upper quartile", "groups": {}, "not_measured": {}}
    groups = [*roster.cpu_groups(), *(roster.gpu_groups() if "gpu" in settings.devices else ())]
    for group in groups:
        effort = QUICK if settings.quick else FULL_GPU if group.device == "gpu" else FULL
        result["groups"][group.name] = time_group(group, effort, settings.quick, result["not_measured"])
    if "gpu" not in settings.devices:
        why = f"Not yet run: {why_no_gpu() or 'Only the CPU was asked for.'}"
        result["not_measured"] |= {group.title: why for group in roster.gpu_groups()}
    for name, why in result["not_measured"].items():
        print(f"Not measured: {name}. {why}")
    return result


def draw(result, folder):
    """A picture of the ratios of every group."""
    from benchmarks import pictures

    paths = []
    for name, group in result["groups"].items():
        rows = {
            workload: {n: v["ratio"][roster.OURS] for n, v in numbers.items() if n not in (roster.OURS, roster.BEST)}
            for workload, numbers in group["workloads"].items()
        }
        if any(rows.values()):
            paths.append(folder / f"train_step_{name}.png")
            pictures.ratios(paths[-1], rows, "times npae's time: beyond 1, npae is faster (thin line: quartiles)",
                            f"A training step: {group['title']}")  # fmt: skip
    return paths


def time_group(group, effort, quick, not_measured):
    """{"title", "effort", "workloads": {workload: {contender: numbers}}}, printed workload by workload."""
    effort = effort._replace(turns=min(effort.turns, group.most_turns))
    with ExitStack() as stack:
        contenders = {}
        for name, entry in group.entries.items():
            if reason := why_not(entry, quick):
                not_measured[f"{group.title}: {name}"] = reason
                continue
            contenders[name] = Contender(entry.kind)
            stack.callback(contenders[name].close)
        workloads = {}
        for workload, sizes_and_batch in group.workloads.items() if contenders else ():
            ready = {}
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


def why_not(entry, quick):
    """Why a contender cannot be timed, or None."""
    if quick and entry.slow:
        return "Left out by --quick: it takes its time."
    if importlib.util.find_spec(entry.kind.package) is None:
        return f"{entry.kind.package} is not installed: python -m pip install -e '.[bench]'."
    return None


def validate(theirs, ours, slack):
    """Raise NotMeasured unless a contender's first steps, as far as it tells of them, are ours."""
    for what, b, a in zip(TOLERANCES, theirs or (), ours, strict=False):
        if b is None:
            continue
        error = np.linalg.norm(np.subtract(b, a)) / np.linalg.norm(a)
        if not error <= slack * TOLERANCES[what]:
            raise NotMeasured(f"not the same step: its {what} differs from npae's by {error:.2g}, relatively")


def compare(group, workload, times):
    """{contender: {"seconds": […], "host_seconds": […], "ratio": {ours: […]}, "target": {ours: …}}} of Turns.

    Three numbers are a median and its quartiles. "the best of the others" is the rival of least median time.
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
    head = [f"{workload}   ({group.title})", "ms a step", "quartiles", *(["ms, host"] if on_gpu else [])]
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
