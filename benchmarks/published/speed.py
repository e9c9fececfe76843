"""Results: the time of a training step, for README.md; benchmarks/README.md has all of it."""

from benchmarks.opponents import roster
from benchmarks.published.grid import Grid
from benchmarks.published.runs import Run
from benchmarks.published.table import Number, in_bold
from benchmarks.report import with_quartiles

STEP = Run("train_step", "benchmarks train_step")
JAX = "JAX jit"
RIVALS = (roster.OURS, roster.EAGER, JAX)
SHOWN = {
    "cpu": ("784-32, batch 256", "deep 784-…-4, batch 32", "784-1000-500-250-30, batch 512"),
    "cpu_conv": ("transposed 32, 32, batch 128",),
}


def steps(run):
    """{workload: {head: milliseconds per step, or a ratio of npae's}}; the fastest of the three in bold."""
    torch, jax = (".".join(run["machine"]["packages"][name].split(".")[:2]) for name in ("torch", "jax"))
    heads = dict(zip(RIVALS, ("npae", f"PyTorch {torch}, eager", f"JAX {jax}, jit"), strict=True))
    rows = {}
    for group, workloads in SHOWN.items():
        for workload in workloads:
            found = run["result"]["groups"][group]["workloads"][workload]
            times = in_bold([Number(milliseconds(found[who]), heads[who]) for who in RIVALS], min)
            rows[workload] = {number.label: number.text for number in times} | {
                "bare matrix products": milliseconds(found[roster.FLOOR]) if roster.FLOOR in found else "",
                "PyTorch / npae (quartiles)": with_quartiles(found[roster.EAGER]["ratio"][roster.OURS]),
                "JAX / npae (quartiles)": with_quartiles(found[JAX]["ratio"][roster.OURS]),
            }
    return rows


def milliseconds(found):
    """The median time of a step, with three digits."""
    return f"{1e3 * found['seconds'][0]:#.3g}".rstrip(".")


STEPS = Grid("network, batch", STEP, steps)
