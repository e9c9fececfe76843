"""Time of a training step, in npae and in other frameworks.  python -m benchmarks train_step

Each contender is validated first: from the same weights and batch it must find the same J and ∂J/∂θ, and after ten
steps the same J and Σ|θ| (scikit-learn returns only J; bare matrix products have nothing to compare). A contender that
differs is not timed. Then all take steps until they are warm, and are timed in turns: see alternate.py and rounds.py.
"""

from benchmarks import report
from benchmarks.comparison import ratio_cell
from benchmarks.contender import Workers
from benchmarks.opponents import roster
from benchmarks.rounds import time_group

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


def overview(result):
    """Markdown for the page: per group npae's time and the ratios to it, with the targets that were missed."""
    tables = []
    for group in measured(result):
        names = {name for numbers in group["workloads"].values() for name in numbers}
        others, rows = [name for name in SHOWN if name in names], []
        for workload, numbers in group["workloads"].items():
            cells = [ratio_cell(numbers[name]) if name in numbers else "" for name in others]
            ours = numbers[roster.OURS]
            times = [ours["seconds"][0], *([ours["beside"]] if "beside" in ours else [])]
            rows.append([workload, ", ".join(f"{1e3 * t:.2f}" for t in times), *cells])
        beside = any("beside" in numbers[roster.OURS] for numbers in group["workloads"].values())
        npae = "npae, ms, beside a program" if beside else "npae, ms"
        head = [group["title"], npae, *(f"{name.removesuffix(' alone')} / npae" for name in others)]
        tables.append(report.markdown(head, rows))
    return "\n\n".join(tables)


def verdict(result):
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
