"""The contenders: groups that compute the same and are timed together, and the target ratios of npae.

A target is a lower bound for their time divided by ours. The targets were set before npae was optimised.
"""

import importlib.util
from typing import NamedTuple

from benchmarks.opponents.floor import MatmulStep
from benchmarks.opponents.ours import NpaeEpoch, NpaeStep
from benchmarks.opponents.pytorch import TorchStep
from benchmarks.opponents.scikit import ScikitEpoch
from benchmarks.opponents.xla import JaxStep
from benchmarks.workloads import CONVOLUTIONAL, GPU_WORKLOADS, ON_CPU, ON_CPU_CONV, ON_GPU, WORKLOADS
from npae.backend import missing

EAGER, FUSED, COMPILED = "PyTorch eager", "PyTorch, fused Adam", "torch.compile, fused Adam"
GRAPHED = "PyTorch, CUDA graph"
QUICK = 2  # workloads of a group with --quick
OURS, CAPTURED, FLOOR, BEST = "npae", "npae, CUDA graph", "matrix products alone", "the best of the others"


class Entry(NamedTuple):
    """A contender: kind(sizes, batch, **options). slow: --quick and --minutes leave it out."""

    kind: type
    options: dict = {}
    slow: bool = False


class Group(NamedTuple):
    """Contenders that are timed together.

    ours: the names of npae's contenders, by whose times the others' are divided; the first of them validates the
    others, with `slack` times the tolerances of float32. targets: {(ours, theirs): (for each workload)}; the last one
    also holds for all further workloads. most_important: the workloads that a run
    with --minutes takes, in this order, and of which a quick run takes the first QUICK; None: all.
    """

    name: str
    title: str
    device: str
    entries: dict
    ours: tuple
    workloads: dict
    targets: dict
    slack: float = 1
    most_turns: int = 100
    most_important: tuple | None = None

    def chosen(self, settings):
        """{name: (sizes, batch)} of the workloads to time: all, the most important ones, or the first of these."""
        fast = settings.quick or settings.short
        names = list(self.most_important if fast and self.most_important else self.workloads)
        return {name: self.workloads[name] for name in (names[:QUICK] if settings.quick else names)}

    def target(self, ours, theirs, workload):
        """The target ratio, or None."""
        aims = self.targets.get((ours, theirs))
        return aims and aims[min(list(self.workloads).index(workload), len(aims) - 1)]


def why_not(entry, fast):
    """Why a contender cannot be timed, or None. fast: with --quick or --minutes."""
    if fast and entry.slow:
        return "Left out by --quick and --minutes, since it is slow."
    if importlib.util.find_spec(entry.kind.package) is None:
        return missing(entry.kind.package, "bench")
    return None


def cpu_groups():
    """The whole step of dense and of convolutional networks; epochs with squared error, for scikit-learn."""
    yield Group(
        "cpu", "CPU, float32", "cpu",
        {
            OURS: Entry(NpaeStep),
            FLOOR: Entry(MatmulStep),
            EAGER: Entry(TorchStep),
            FUSED: Entry(TorchStep, {"fused": True}),
            COMPILED: Entry(TorchStep, {"fused": True, "compiled": True}, slow=True),
            "JAX jit": Entry(JaxStep),
        },
        (OURS,), WORKLOADS, {(OURS, EAGER): (1.7, 2.2, 1.5, 1.35, 1.2), (OURS, BEST): (1.0, 1.0, 1.0, 0.97)},
        most_important=ON_CPU,
    )  # fmt: skip
    yield Group(
        "cpu_conv", "CPU, float32, convolutions", "cpu",
        {
            OURS: Entry(NpaeStep),
            EAGER: Entry(TorchStep),
            FUSED: Entry(TorchStep, {"fused": True}, slow=True),
            COMPILED: Entry(TorchStep, {"fused": True, "compiled": True}, slow=True),
            "JAX jit": Entry(JaxStep),
        },
        (OURS,), CONVOLUTIONAL, {(OURS, EAGER): (1.6, 1.5), (OURS, BEST): (1.0,)}, most_important=ON_CPU_CONV,
    )  # fmt: skip
    yield Group(
        "cpu_epoch", "CPU, float32, an epoch with squared error", "cpu",
        {OURS: Entry(NpaeEpoch, slow=True), "scikit-learn": Entry(ScikitEpoch, slow=True)},
        (OURS,), WORKLOADS, {(OURS, "scikit-learn"): (3.0,)}, most_turns=5,
    )  # fmt: skip


def gpu_groups():
    """The steps in float32, and again with the matrix products and cuDNN's convolutions of all contenders in TF32.

    The dense networks come first.
    """
    dense, convolutional = zip(*(_gpu_groups(tf32) for tf32 in (False, True)), strict=True)
    return [*dense, *convolutional]


def _gpu_groups(tf32):
    """The groups of dense and of convolutional networks."""
    on = {"device": "gpu", "tf32": tf32}
    yield Group(
        "gpu_tf32" if tf32 else "gpu", f"GPU, {'TF32' if tf32 else 'float32'}", "gpu",
        {
            OURS: Entry(NpaeStep, on),
            CAPTURED: Entry(NpaeStep, on | {"graph": True}),
            FLOOR: Entry(MatmulStep, on | {"graph": True}),
            EAGER: Entry(TorchStep, on),
            FUSED: Entry(TorchStep, on | {"fused": True}),
            COMPILED: Entry(TorchStep, on | {"fused": True, "compiled": True}, slow=True),
            GRAPHED: Entry(TorchStep, on | {"fused": True, "graph": True}),
        },
        (OURS, CAPTURED), GPU_WORKLOADS,
        {
            (OURS, FUSED): (1.0,), (CAPTURED, FUSED): (3.0, 3.0, 3.0, None), (CAPTURED, GRAPHED): (1.0,),
            (CAPTURED, COMPILED): (1.0,), (CAPTURED, FLOOR): (*(None,) * 7, 0.77 if tf32 else 0.8),
        },
        slack=100 if tf32 else 1, most_important=ON_GPU,
    )  # fmt: skip
    yield Group(
        "gpu_conv_tf32" if tf32 else "gpu_conv", f"GPU, {'TF32' if tf32 else 'float32'}, convolutions", "gpu",
        {
            OURS: Entry(NpaeStep, on),
            CAPTURED: Entry(NpaeStep, on | {"graph": True}),
            EAGER: Entry(TorchStep, on),
            FUSED: Entry(TorchStep, on | {"fused": True}),
            GRAPHED: Entry(TorchStep, on | {"fused": True, "graph": True}),
        },
        (OURS, CAPTURED), CONVOLUTIONAL, {(OURS, EAGER): (0.7,), (CAPTURED, GRAPHED): (0.8,)},
        slack=100 if tf32 else 1,
    )  # fmt: skip
