"""Time of a training step, in npae and in other frameworks.  python -m benchmarks train_step

Each contender is validated first: from the same weights and batch it must find the same J and ∂J/∂θ, and after ten
steps the same J and Σ|θ| (scikit-learn returns only J; bare matrix products have nothing to compare). A contender that
differs is not timed. Then all take steps until they are warm, and are timed in turns: see alternate.py.
"""

from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.alternate import FEWEST, NotMeasured, measure
from benchmarks.comparison import compare, ratio_cell, show
from benchmarks.contender import Contender, Workers
from benchmarks.opponents import roster
from benchmarks.settings import NO_TIME


class Effort(NamedTuple):
    """The number of turns per contender, the seconds of steps per turn, and the seconds of warm-up."""

    turns: int
    seconds: float
    warm_up: float


QUICK, FULL, FULL_GPU = Effort(3, 0.05, 0.2), Effort(15, 0.2, 1.0), Effort(9, 0.05, 0.5)
SHORT = Effort(7, 0.12, 0.3)  # with --minutes
RESERVE = 5  # times the seconds of the fewest turns that must be left when contenders have been made

TOLERANCES = {"J": 1e-5, "∂J/∂θ": 1e-3, "J after ten steps": 1e-4, "Σ|θ| after ten steps": 1e-5}
"""Largest relative differences between two programs that take the same step in float32; a group's `slack` multiplies
them. Among the half million inputs of ReLUs in a batch some are zero up to rounding; there two correct gradients differ
by the contribution of that unit. Differences of 10⁻⁴ were measured, and 10⁻⁷ without such units."""

RIVALS = (roster.EAGER, "scikit-learn")  # of the verdict: the first one that was timed
SHOWN = (roster.CAPTURED, roster.FLOOR, roster.EAGER, "scikit-learn", roster.BEST)  # columns on the page


def run(settings):
    """Time all groups of contenders on all devices: {"groups": {name: …}, "not_measured": {contender: reason}}.

    A run with --minutes on a GPU times the groups of the GPU only.
    """
    result = {"unit": "seconds per step: median, lower and upper quartile", "groups": {}, "not_measured": {}}
    on_gpu = "gpu" in settings.devices
    groups = [*(() if settings.short and on_gpu else roster.cpu_groups()), *(roster.gpu_groups() if on_gpu else ())]
    with Workers(settings) as workers:
        for group in groups:
            time_group(group, settings, workers, result)
    if settings.no_gpu:
        why = f"Not yet run: {settings.no_gpu}"
        result["not_measured"] |= {group.title: why for group in roster.gpu_groups()}
    report.not_measured(result["not_measured"])
    return result


def effort_of(group, settings):
    """The Effort of a group."""
    effort = FULL_GPU if group.device == "gpu" else FULL
    effort = QUICK if settings.quick else SHORT if settings.short else effort
    return effort._replace(turns=min(effort.turns, group.most_turns))


def overview(result):
    """Markdown for the page: per group npae's time and the ratios to it, with the targets that were missed."""
    tables = []
    for group in measured(result):
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
    """What was found, in one line: the ratios, then once what was not compared and why."""
    clauses, alone, reasons, not_measured = [], [], set(), result["not_measured"]
    if not measured(result):
        return "nothing was measured"
    for group in result["groups"].values():
        rows, title = group["workloads"].values(), group["title"]
        rival = next((name for name in RIVALS if any(name in row for row in rows)), None)
        why = {not_measured[key] for name in RIVALS if (key := f"{title}: {name}") in not_measured}
        if rival:
            found = [row[rival]["ratio"][roster.OURS][0] for row in rows if rival in row]
            clauses.append(f"{title}: npae is {report.faster(found, rival)}")
        elif rows or why:
            alone.append(title)
            reasons |= why
    if alone:
        clauses.append(" ".join([f"not compared with another framework: {' and '.join(alone)}.", *sorted(reasons)]))
    return "; ".join(clauses)


def measured(result):
    """The groups of which workloads were measured."""
    return [group for group in result["groups"].values() if group["workloads"]]


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


def time_group(group, settings, workers, result):
    """Validate and time a group, print its tables, and add it to the result: {"title", "effort", "workloads"}.

    The result is saved after every workload.
    """
    effort, not_measured, contenders = effort_of(group, settings), result["not_measured"], {}
    for name, entry in group.entries.items():
        if reason := roster.why_not(entry, settings.quick or settings.short):
            not_measured[f"{group.title}: {name}"] = reason
        else:
            contenders[name] = Contender(entry.kind, workers.of(entry.kind.package))
    times = result["groups"][group.name] = {"title": group.title, "effort": effort._asdict(), "workloads": {}}

    def leave_out(item):
        not_measured[f"{group.title}, {item[0]}"] = NO_TIME

    with ExitStack() as stack:
        for contender in contenders.values():
            stack.callback(contender.close)
        chosen = group.chosen(settings.short) if contenders else {}
        for workload, sizes_and_batch in settings.in_time(chosen.items(), leave_out):
            report.progress(f"{group.title}: {workload}")
            failed = {}
            workers.end_by(settings.deadline - RESERVE * FEWEST * effort.seconds * len(contenders))
            ready = prepared(group, contenders, sizes_and_batch, effort, failed)
            workers.end_by(settings.deadline)
            if group.ours[0] in failed and not settings.short:
                raise NotMeasured(failed[group.ours[0]])
            turns = measure(ready, effort.turns, effort.seconds, settings.deadline, failed)
            not_measured |= {f"{group.title}, {workload}: {name}": reason for name, reason in failed.items()}
            if group.ours[0] in turns:
                times["workloads"][workload] = compare(group, workload, turns)
                show(group, workload, times["workloads"][workload])
            settings.save(result)


def prepared(group, contenders, sizes_and_batch, effort, failed):
    """The contenders that take the same step as npae, warm. The reasons of the others are added to `failed`.

    If the failure of one has ended the process of others, these are made once more.
    """
    ready, reference = {}, group.ours[0]
    for again in (False, True):
        for name, contender in contenders.items():
            if name in failed or (again and not contender.lost):
                continue
            try:
                contender.make(*sizes_and_batch, **group.entries[name].options)
                if reference in ready:
                    validate(contender.first, ready[reference].first, group.slack)
                contender.warm_up(effort.warm_up)
            except NotMeasured as reason:
                failed[name] = str(reason)
                ready.pop(name, None)
                if name == reference:
                    return {}
            else:
                ready[name] = contender
    return ready


def validate(theirs, ours, slack):
    """Raise NotMeasured unless the first steps of a contender are ours. What it returns as None is not compared."""
    for what, b, a in zip(TOLERANCES, theirs or (), ours, strict=False):
        if b is None:
            continue
        error = np.linalg.norm(np.subtract(b, a)) / np.linalg.norm(a)
        if not error <= slack * TOLERANCES[what]:
            raise NotMeasured(f"not the same step: its {what} differs from npae's by {error:.2g}, relatively")
