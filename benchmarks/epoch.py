"""Time of an epoch of MNIST with its data path, and of training to a given error.  python -m benchmarks epoch

An epoch is one of npae's Trainer on uint8 digits, as users start it: it gathers rows in a new order, converts them and
trains on them. PyTorch, eager, indexes one uint8 tensor. Both start from the same weights and use the same rows, Adam's
defaults and cross-entropy. The time to take all batches without training is an upper bound of what gathering the next
batch in parallel could save; matrix products use all cores, so that it would save less.
Epochs are timed after warm-up and compilation. Training to an error starts in a new process and includes both.
"""

import importlib.util
from contextlib import ExitStack, contextmanager

from benchmarks import report
from benchmarks.alternate import Contender, NotMeasured, measure, ratios, summary
from benchmarks.opponents.ours import NpaeTraining
from benchmarks.opponents.pytorch import TorchTraining
from benchmarks.opponents.roster import CAPTURED, EAGER, OURS, Entry
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
REACH = ("784-32, batch 128", (SMALL, 128))
ERROR = {"full": 0.1, "sample": 0.16}  # nats per test pixel; the mean digit has 0.2625, the lower bound is 0.0581
MOST_EPOCHS = 20


def run(settings):
    """Time epochs and training to an error on every device. Returns the contents of the JSON file."""
    which, count = _data(settings.quick)
    print(fit_text(f"{count:,} digits ({'all of MNIST' if which == 'full' else 'the embedded sample'})."))
    turns = 2 if settings.quick else 4
    result = {"digits": count, "turns": turns, "unit": "seconds: median, lower and upper quartile", "devices": {}}
    reasons = result["not_measured"] = {}
    entries = {name: entry for name, entry in ENTRIES.items() if importlib.util.find_spec(entry.kind.package)}
    if EAGER not in entries:
        reasons[EAGER] = missing("PyTorch", "bench")
    if settings.no_gpu:
        reasons["GPU"] = f"Not yet run: {settings.no_gpu}"
    for device in settings.devices:
        here = {name: entry for name, entry in entries.items() if name != CAPTURED or device == "gpu"}
        epochs = {}
        with processes(here) as contenders:
            for name, work in EPOCHS.items():
                report.progress(f"{name}: epochs ({device.upper()})")
                epochs[name] = time_epochs(begin(contenders, (*work, which, device), reasons), turns)
        show(device, epochs, count)
        report.progress(f"{REACH[0]}: training to an error ({device.upper()})")
        with processes(here) as contenders:
            reached = to_error(begin(contenders, (*REACH[1], which, device), reasons), which, device)
        result["devices"][device] = {"epochs": epochs, "to_error": reached}
    for name, why in reasons.items():
        print(fit_text(f"Not measured: {name}. {why}"))
    return result


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
        reached = measured["to_error"]
        times = []
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
    if quick:
        return "sample", 10_000
    count = len(mnist().train_images)
    return ("sample" if count == 10_000 else "full"), count


@contextmanager
def processes(entries):
    """{name: Contender}, closed at the end of the block."""
    with ExitStack() as stack:
        contenders = {name: Contender(entry.kind) for name, entry in entries.items()}
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


def time_epochs(contenders, turns):
    """Of every contender the seconds per epoch, and their ratio to npae's; of npae also the seconds to take batches.

    The first epoch is not counted.
    """
    contenders[OURS].ask("compile_at_once")
    for contender in contenders.values():
        contender.warm_up(0)  # one epoch
    times = measure(contenders, turns)
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


def to_error(contenders, which, device):
    """Train every contender, in new processes and in turns, until its error on the test digits is at most ERROR.

    Returns {"workload", "error", "contenders": {name: {"seconds", "epochs", "errors"}}}. seconds: of training, with
    compilation, without imports and evaluation; None if MOST_EPOCHS did not suffice. errors: after every epoch, nats
    per pixel.
    """
    result = {name: {"seconds": 0.0, "errors": []} for name in contenders}
    for _ in range(MOST_EPOCHS):
        for name, one in result.items():
            if not one["errors"] or one["errors"][-1] > ERROR[which]:
                one["seconds"] += contenders[name].turn().seconds
                one["errors"].append(round(contenders[name].ask("test_error"), 5))
    for one in result.values():
        reached = one["errors"][-1] <= ERROR[which]
        one |= {"epochs": len(one["errors"]), "seconds": round(one["seconds"], 3) if reached else None}
    head = (f"{REACH[0]}, to {ERROR[which]} nats per test pixel ({device.upper()})", "seconds", "epochs", "final error")
    rows = [(n, o["seconds"] or "not reached", o["epochs"], o["errors"][-1]) for n, o in result.items()]
    report.table(head, rows)
    return {"workload": REACH[0], "error": ERROR[which], "contenders": result}
