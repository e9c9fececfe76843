"""The time of every kernel of a training step on a GPU.  python -m benchmarks.lab kernels --device gpu

The step is launched as a CUDA graph, in npae and in PyTorch. PyTorch's profiler (CUPTI) records every kernel, copy and
memset of the process, CuPy's as well. "busy" is the sum of their times; "span" is the time from the first beginning to
the last end, so the difference is the time in which the GPU waits.
"""

import importlib.util

from benchmarks import report
from benchmarks.opponents.ours import NpaeStep
from benchmarks.opponents.pytorch import TorchStep
from benchmarks.workloads import CONVOLUTIONAL, GPU_WORKLOADS
from npae.backend import fit_text, missing

STEPS, WARM_UP = 5, 20
SHOWN = 25  # kernels per table
NAMES = ("deep 784-…-4, batch 256", "784-1000-500-250-30, batch 512", "784-1000-500-250-30, batch 16,384")
STEP_KINDS = {"npae": (NpaeStep, {"graph": True}), "PyTorch": (TorchStep, {"fused": True, "graph": True})}


def run(settings):
    """Profile every step on the GPU. Returns the contents of the JSON file."""
    result = {"what": __doc__, "not_measured": settings.missing(), "steps": {}}
    if importlib.util.find_spec("torch") is None:
        result["not_measured"].append(f"No profile: {missing('PyTorch', 'bench')}")
    elif "gpu" in settings.devices:
        work = {name: GPU_WORKLOADS[name] for name in NAMES} | CONVOLUTIONAL
        for name, arguments in list(work.items())[: 1 if settings.quick else None]:
            for who, (kind, options) in STEP_KINDS.items():
                report.progress(f"{name}: {who}")
                try:
                    step = kind(*arguments, device="gpu", **options)
                    step.first_steps()
                    found = by_kernel(events_of(step), STEPS)
                except Exception as error:  # of either framework: the others are profiled all the same
                    result["not_measured"].append(f"{name}: {who}. {type(error).__name__}: {error}")
                else:
                    result["steps"][f"{name}: {who}"] = found
                    show(f"{name}: {who}", found)
                settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def events_of(step):
    """[(name, start, end) in microseconds] of all that the GPU does in STEPS steps."""
    import torch

    activity = torch.profiler.ProfilerActivity
    for _ in range(WARM_UP):
        step()
    step.wait()
    with torch.profiler.profile(activities=[activity.CUDA, activity.CPU]) as profile:
        for _ in range(STEPS):
            step()
        step.wait()
        torch.cuda.synchronize()
    events = [e for e in profile.events() if str(e.device_type).endswith("CUDA")]
    return [(e.name, e.time_range.start, e.time_range.end) for e in events]


def by_kernel(events, steps):
    """{"count", "busy", "span", "kernels": {name: [count, microseconds]}}, all per step, the longest kernel first."""
    kernels = {}
    for name, start, end in events:
        one = kernels.setdefault(name, [0, 0.0])
        one[0], one[1] = one[0] + 1 / steps, one[1] + (end - start) / steps
    span = max((end for _, _, end in events), default=0) - min((start for _, start, _ in events), default=0)
    return {
        "count": len(events) / steps,
        "busy": sum(microseconds for _, microseconds in kernels.values()),
        "span": span / steps,
        "kernels": dict(sorted(kernels.items(), key=lambda item: -item[1][1])),
    }


def show(name, found):
    """Print the table of one step."""
    rows = [(kernel[:80], f"{count:.1f}", f"{us:.2f}") for kernel, (count, us) in found["kernels"].items()]
    report.table([f"{name}; per step", "count", "µs"], rows[:SHOWN], summary(found))


def summary(found):
    """The totals of one step, as text."""
    return f"{found['count']:.1f} operations, busy {found['busy']:.1f} µs, span {found['span']:.1f} µs"


def verdict(result):
    """What was found, in one line."""
    return "; ".join(f"{name}: {summary(found)}" for name, found in result["steps"].items()) or "GPU: not yet run"


def draw(result, folder):
    """No pictures."""
    return []
