"""Time of an epoch of MNIST with its data path, and of training to a given error.  python -m benchmarks epoch

An epoch is one of npae's Trainer on uint8 digits, as users start it: it gathers rows in a new order, converts them and
trains on them. PyTorch, eager, indexes one uint8 tensor. Both start from the same weights and use the same rows, Adam's
defaults and cross-entropy. The time to take all batches without training is an upper bound of what gathering the next
batch in parallel could save; matrix products use all cores, so that it would save less.
Epochs are timed after warm-up and compilation. Training to an error starts in a new process and includes both.
"""

import importlib.util
import math
from contextlib import ExitStack, contextmanager

from benchmarks import report
from benchmarks.alternate import NotMeasured, measure, ratios, summary
from benchmarks.contender import Contender, Workers
from benchmarks.opponents.ours import NpaeTraining
from benchmarks.opponents.pytorch import TorchTraining
from benchmarks.opponents.roster import CAPTURED, EAGER, OURS, QUICK, Entry
from benchmarks.settings import NO_TIME
from benchmarks.to_error import REACH, to_error
from benchmarks.workloads import DEEP, LARGE, SMALL
from npae import mnist
from npae.backend import counted, fit_text, missing

ENTRIES = {
    OURS: Entry(NpaeTraining),
    CAPTURED: Entry(NpaeTraining, {"graph": True}),  # on a GPU only
    EAGER: Entry(TorchTraining),
}
EPOCHS = {  # name: (sizes to the code, batch)
    "784-32, batch 256": (SMALL, 256),
    "deep 784-…-4, batch 256": (DEEP, 256),
    "784-1000-500-250-30, batch 500": (LARGE, 500),
}
GPU_TARGET = {"784-1000-500-250-30, batch 500": 0.15}  # seconds, on the full set


def run(settings):
    """Time epochs and training to an error on every device. Returns the contents of the JSON file.

    A quick run times the first epochs only, one with --minutes all: on a GPU of the full set, on the CPU of the
    embedded sample.
    """
    which, count = _data(settings.quick or (settings.short and "gpu" not in settings.devices))
    chosen = dict(list(EPOCHS.items())[:QUICK]) if settings.quick else EPOCHS
    print(fit_text(f"{count:,} digits ({'all of MNIST' if which == 'full' else 'the embedded sample'})."))
    turns = 2 if settings.quick else 4
    result = {"digits": count, "turns": turns, "unit": "seconds: median, lower and upper quartile", "devices": {}}
    reasons = result["not_measured"] = {}
    entries = {name: entry for name, entry in ENTRIES.items() if importlib.util.find_spec(entry.kind.package)}
    if EAGER not in entries:
        reasons[EAGER] = missing("PyTorch", "bench")
    if settings.no_gpu:
        reasons["GPU"] = f"Not yet run: {settings.no_gpu}"
    for device in settings.devices[-1:] if settings.short else settings.devices:
        here = {name: entry for name, entry in entries.items() if name != CAPTURED or device == "gpu"}
        measured = result["devices"][device] = {"epochs": {}}
        if settings.short:
            _most_important(here, which, device, settings, result)
            continue
        with processes(here) as contenders:
            for name, work in chosen.items():
                report.progress(f"{name}: epochs ({device.upper()})")
                measured["epochs"][name] = time_epochs(begin(contenders, (*work, which, device), reasons), turns)
        show(device, measured["epochs"], count)
        settings.save(result)
        if settings.quick:
            continue
        report.progress(f"{REACH[0]}: training to an error ({device.upper()})")
        with processes(here) as contenders:
            measured["to_error"] = to_error(begin(contenders, (*REACH[1], which, device), reasons), which, device)
        settings.save(result)
    report.not_measured(reasons)
    return result


def _most_important(entries, which, device, settings, result):
    """Time the epochs for which time is left; on a GPU the largest network first. Frameworks have one process each."""
    reasons, epochs = result["not_measured"], result["devices"][device]["epochs"]

    def leave_out(item):
        reasons[f"{item[0]} on the {device.upper()}"] = NO_TIME

    with Workers(settings) as workers, processes(entries, workers) as contenders:
        order = reversed(EPOCHS.items()) if device == "gpu" else EPOCHS.items()
        for name, work in settings.in_time(order, leave_out):
            report.progress(f"{name}: epochs ({device.upper()})")
            try:
                ready = begin(contenders, (*work, which, device), reasons)
                epochs[name] = time_epochs(ready, result["turns"], settings.deadline)
                show(device, {name: epochs[name]}, result["digits"])
            except NotMeasured as reason:
                reasons[f"{name} on the {device.upper()}"] = str(reason)
            settings.save(result)


def overview(result):
    """Markdown for the page: epochs, and training to an error."""
    tables = []
    for device, measured in result["devices"].items():
        rows = []
        for workload, one in measured["epochs"].items():
            row = [workload, f"{one[OURS]['seconds'][0]:.2f}", f"{100 * one[OURS]['share_of_taking']:.1f} %"]
            ratio = one.get(EAGER, {}).get("ratio")
            rows.append([*row, report.with_quartiles(ratio) if ratio else ""])
        head = [f"An epoch of {result['digits']:,} digits ({device.upper()})", "npae, s", "of it taking batches",
                "PyTorch eager / npae (quartiles)"]  # fmt: skip
        tables.append(report.markdown(head, rows))
        reached, times = measured.get("to_error"), []
        if reached is None:  # a quick run, or one with --minutes
            continue
        for name, one in reached["contenders"].items():
            seconds = "not reached" if one["seconds"] is None else f"{one['seconds']:.2f} s"
            times.append(f"{name} {seconds} in {counted(one['epochs'], 'epoch')}")
        tables.append(f"{reached['workload']} to {reached['error']} nats per test pixel: {'; '.join(times)}.")
    return "\n\n".join(tables)


def verdict(result):
    """What was found, in one line."""
    clauses = []
    for device, measured in result["devices"].items():
        found = [one[EAGER]["ratio"][0] for one in measured["epochs"].values() if EAGER in one]
        clauses.append(f"{device.upper()}: an epoch of npae is {report.faster(found, EAGER)}")
    return "; ".join(clauses)


def draw(result, folder):
    """No pictures."""
    return []


def _data(quick):
    """("full" or "sample", number of training digits)."""
    count = 10_000 if quick else len(mnist().train_images)
    return ("sample" if count == 10_000 else "full"), count


@contextmanager
def processes(entries, workers=None):
    """{name: Contender}, closed at the end of the block; each in a process of its own, or in those of `workers`."""
    with ExitStack() as stack:
        contenders = {
            name: Contender(entry.kind, workers and workers.of(entry.kind.package)) for name, entry in entries.items()
        }
        for contender in contenders.values():
            stack.callback(contender.close)
        yield contenders


def begin(contenders, arguments, reasons):
    """The contenders that could be made from `arguments`. The reasons of the others are added to `reasons`."""
    ready = {}
    for name, contender in contenders.items():
        try:
            contender.make(*arguments, **ENTRIES[name].options)
        except NotMeasured as reason:
            if name == OURS:
                raise
            reasons[f"{name} on the {arguments[-1].upper()}"] = str(reason)
        else:
            ready[name] = contender
    return ready


def time_epochs(contenders, turns, deadline=math.inf):
    """Of every contender the seconds per epoch, and their ratio to npae's; of npae also the seconds to take batches.

    The first epoch is not counted.
    """
    contenders[OURS].ask("compile_at_once")
    for contender in contenders.values():
        contender.warm_up(0)  # one epoch
    times = measure(contenders, turns, deadline=deadline)
    seconds = {name: summary([t.seconds for t in turns]) for name, turns in times.items()}
    result = {name: {"seconds": [round(v, 4) for v in three]} for name, three in seconds.items()}
    for name in set(times) - {OURS}:
        result[name]["ratio"] = [round(v, 3) for v in summary(ratios(times[name], times[OURS]))]
    taking = summary([contenders[OURS].ask("seconds_to_take") for _ in range(5)])
    result[OURS]["seconds_to_take"] = [round(v, 4) for v in taking]
    result[OURS]["share_of_taking"] = round(taking[0] / seconds[OURS][0], 3)
    return result


def show(device, epochs, count):
    """Print the table of one device."""
    others = [name for name in ENTRIES if name != OURS and any(name in result for result in epochs.values())]
    head = [f"An epoch of {count:,} digits, s ({device.upper()})", OURS, "target", "taking batches"]
    for name in others:
        head += [name, f"time / {OURS}", "quartiles"]
    rows = []
    for workload, result in epochs.items():
        has_target = device == "gpu" and count == 60_000 and workload in GPU_TARGET
        row = [workload, f"{result[OURS]['seconds'][0]:.3f}", f"≤ {GPU_TARGET[workload]}" if has_target else "",
               f"{100 * result[OURS]['share_of_taking']:.1f} %"]  # fmt: skip
        for name in others:
            if name in result:
                seconds, (ratio, *quartiles) = result[name]["seconds"][0], result[name]["ratio"]
                row += [f"{seconds:.3f}", f"{ratio:.2f}", report.spread(*quartiles)]
            else:
                row += ["", "", ""]
        rows.append(row)
    report.table(head, rows)
