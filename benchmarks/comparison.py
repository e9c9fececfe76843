"""Comparison of the contenders of a group: medians, quartiles, ratios and targets of one workload, and their table."""

from benchmarks import report
from benchmarks.alternate import ratios, summary
from benchmarks.opponents import roster


def compare(group, workload, rounds, beside=None):
    """{contender: {"seconds": […], "host_seconds": […], "ratio": {ours: […]}, "target": {ours: …}}} from Turns.

    Three numbers are a median and its quartiles. "processes" are the medians of the rounds, if there are several, and
    "beside" the median seconds beside another program. "the best of the others" is the rival with the least median
    time. rounds: one {contender: [Turn, …]} per round; contenders that some round lacks are left out. beside: the same
    beside another program.
    """
    result, names = {}, [name for name in rounds[0] if all(name in one for one in rounds)]
    for name in names:
        result[name] = {"seconds": _summary([t.seconds for one in rounds for t in one[name]], 7)}
        if group.device == "gpu":
            result[name]["host_seconds"] = _summary([t.host for one in rounds for t in one[name]], 7)
        if len(rounds) > 1:
            result[name]["processes"] = [_summary([t.seconds for t in one[name]], 7)[0] for one in rounds]
        if beside and name in beside:
            result[name]["beside"] = _summary([t.seconds for t in beside[name]], 7)[0]
        versus = [ours for ours in group.ours if ours in names and ours != name]
        result[name]["ratio"] = {
            ours: _summary([r for one in rounds for r in ratios(one[name], one[ours])], 3) for ours in versus
        }
    rivals = [name for name in names if name not in (*group.ours, roster.FLOOR)]
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
    several = "processes" in result[ours[0]]
    head = [f"{workload}   ({group.title})", "ms per step", "quartiles", *(["ms, host"] if on_gpu else [])]
    head += ["fastest, slowest process", "beside a program"] if several else []
    for name in ours:
        head += [f"time / {name}", "quartiles", "target"]
    rows = []
    for name, numbers in result.items():
        middle, *quartiles = (1e3 * s for s in numbers["seconds"])
        label = f"{name}: {numbers['name']}" if "name" in numbers else name
        row = [label, f"{middle:.3f}", report.spread(*quartiles, 3)]
        row += [f"{1e3 * numbers['host_seconds'][0]:.3f}"] if on_gpu else []
        if several:
            row += [report.spread(1e3 * min(numbers["processes"]), 1e3 * max(numbers["processes"]), 3)]
            row += [f"{1e3 * numbers['beside']:.3f}" if "beside" in numbers else ""]
        for one in ours:
            ratio, aim = numbers["ratio"].get(one), numbers["target"].get(one)
            row += [f"{ratio[0]:.2f}", report.spread(*ratio[1:])] if ratio else ["", ""]
            row += [f"≥ {aim}" if aim else ""]
        rows.append(row)
    report.table(head, rows)


def ratio_cell(numbers):
    """The ratio to npae's time with its quartiles, the name of the best contender, and targets that were missed."""
    parts = [report.with_quartiles(numbers["ratio"][roster.OURS]), *([numbers["name"]] if "name" in numbers else [])]
    for ours, aim in numbers["target"].items():
        reached = round(numbers["ratio"][ours][0], 2)
        if reached < aim:
            than = "" if ours == roster.OURS else f" than {ours} ({reached})"
            parts.append(f"**target {aim}{than} missed**")
    return ", ".join(parts)
