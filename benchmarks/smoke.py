"""Smoke test: does everything run on this device, and equal the CPU?  python -m benchmarks smoke --device gpu

Each check prints PASS, FAIL or SKIP, its seconds and what it found, the most basic check first. On a GPU: versions,
cuBLAS, every kind of model in ordinary steps beside the CPU, and as a CUDA graph beside ordinary steps, the epilogues
that cuBLASLt grants, the memory of many captures. On the CPU: every kind of model, twice with the same bits. The exit
status is 1 if a check fails. A failed check does not stop the others; one that hangs ends the program, and the results
so far are in the file.
"""

import faulthandler
import time
import traceback
from contextlib import suppress

from benchmarks import report, smoke_checks
from benchmarks.smoke_runs import Skip
from npae.backend import fit_text

LONGEST = 120.0  # seconds of a check, after which the program ends
KNOWN = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}


def run(settings):
    """Run all checks of the device. Returns {"device", "checks": [{"name", "outcome", "seconds", "found"}]}."""
    device = settings.devices[-1]
    result = {"device": device, "checks": [], "not_measured": settings.missing()}
    for name, check in smoke_checks.checks(device):
        report.progress(name)
        result["checks"].append(outcome(name, check))
        settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def outcome(name, check):
    """The outcome of one check: {"name", "outcome", "seconds", "found"}. It is printed."""
    began = time.perf_counter()
    with suppress(Exception):  # without a stderr
        faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        kind, found = "PASS", check()
    except Skip as reason:
        kind, found = "SKIP", str(reason)
    except Exception as error:
        kind, found = "FAIL", f"{type(error).__name__}: {error}"
        trace = traceback.format_exc(limit=-4)
    faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - began
    report.progress("")
    print(fit_text(f"{kind} {seconds:6.2f} s  {name}: {found}"))
    if kind == "FAIL":
        print(trace)
    return {"name": name, "outcome": kind, "seconds": round(seconds, 2), "found": found}


def failures(result):
    """How many checks failed."""
    return sum(check["outcome"] == "FAIL" for check in result["checks"])


def verdict(result):
    """What was found, in one line."""
    outcomes = [check["outcome"] for check in result["checks"]]
    counts = ", ".join(f"{outcomes.count(kind)} {word}" for kind, word in KNOWN.items())
    return f"{result['device'].upper()}: {counts}, in {sum(check['seconds'] for check in result['checks']):.0f} s"


def draw(result, folder):
    """No pictures."""
    return []
