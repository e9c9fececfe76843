"""Results: sparse autoencoders of the hidden states of a language model."""

from benchmarks.published.grid import Grid
from benchmarks.published.runs import Run
from benchmarks.published.table import Measure, Row, Table

STATES = Run("activations", "demos.activations")
FRONTIER = Run("frontier", "benchmarks.lab.frontier")

ACTIVE = {8: "θ_3", 16: "θ_2_4", 32: "θ_1_9", 64: "θ_1_5"}  # k, and the first threshold of the JumpReLU in its row
CELL = ("unexplained_percent", "dead_percent", "active_units")
UNEXPLAINED = Measure("unexplained variance, %", ".2f", min)


def encoders(run):
    """Unexplained variance; in brackets units that are never active; the number of active ones where it is not k."""

    def cell(name, with_active):
        unexplained, dead, active = (run[f"{name}_{what}"] for what in CELL)
        return f"{unexplained:.1f} ({dead:.1f})" + (f" with {active:.1f}" if with_active else "")

    return {
        k: {
            "top-k": cell(f"top_k_k_{k}", with_active=False),
            "batch top-k": cell(f"batch_top_k_k_{k}", with_active=True),
            "JumpReLU": cell(f"jumprelu_{threshold}", with_active=True),
            "PCA": f"{run[f'pca_{k}_components_unexplained_percent']:.1f}",
        }
        for k, threshold in ACTIVE.items()
    }


def over_seeds(framework, k):
    """The unexplained variances of a framework in benchmarks.lab.frontier."""
    return lambda study: [run["unexplained_percent"] for run in study["runs"][f"{framework}, k = {k}"].values()]


ENCODERS = Grid("active units", STATES, encoders)
FRAMEWORKS = Table(tuple(
    Row(f"384-3072-384, top-k, k = {k}", UNEXPLAINED, FRONTIER, over_seeds("npae", k),
        measured={"the same recipe in PyTorch": over_seeds("PyTorch", k)})
    for k in ACTIVE
))  # fmt: skip
