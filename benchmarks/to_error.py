"""Time of training to a given error on the test digits, for `epoch`."""

from benchmarks import report
from benchmarks.workloads import SMALL

REACH = ("784-32, batch 128", (SMALL, 128))
ERROR = {"full": 0.1, "sample": 0.16}  # nats per test pixel; the mean digit has 0.2625, the lower bound is 0.0581
MOST_EPOCHS = 20


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
