"""Time of a training step of a sparse autoencoder, 384-3072-384 with top-k.  python -m benchmarks sparse

Contenders are validated and timed in turns, as in `train_step`. PyTorch's step is written with a dense decoder product,
as most implementations have it, and with a sum of k rows per sample (embedding_bag). Tokens are rows of the batch.
`python -m benchmarks.lab.frontier` compares what both learn, over seeds.
"""

from benchmarks import report, train_step
from benchmarks.contender import Workers
from benchmarks.opponents import roster
from benchmarks.opponents.roster import Entry, Group
from benchmarks.opponents.sparse_ours import NpaeSparse
from benchmarks.opponents.sparse_pytorch import TorchSparse
from benchmarks.rounds import time_group

WORKLOADS = {  # name: (k, batch)
    "384-3072-384, k = 32, batch 256": (32, 256),
    "384-3072-384, k = 8, batch 256": (8, 256),
    "384-3072-384, k = 64, batch 256": (64, 256),
    "384-3072-384, k = 32, batch 1,024": (32, 1024),
}
DENSE, FUSED, ROWS = roster.EAGER, roster.FUSED, "PyTorch, sparse decoder, fused Adam"
COMPILED = roster.COMPILED
GROUP = Group(
    "cpu_sparse", "CPU, float32, top-k sparse autoencoder", "cpu",
    {
        roster.OURS: Entry(NpaeSparse),
        DENSE: Entry(TorchSparse),
        FUSED: Entry(TorchSparse, {"fused": True}, slow=True),
        ROWS: Entry(TorchSparse, {"fused": True, "sparse": True}),
        COMPILED: Entry(TorchSparse, {"compiled": True}, slow=True),
    },
    (roster.OURS,), WORKLOADS, {(roster.OURS, DENSE): (1.2,), (roster.OURS, roster.BEST): (1.2,)},
    most_important=tuple(WORKLOADS)[:1],
)  # fmt: skip


def run(settings):
    """Time the step of every workload: {"groups": {name: …}, "not_measured": {contender: reason}}."""
    result = {"unit": "seconds per step: median, lower and upper quartile", "groups": {}, "not_measured": {}}
    with Workers(settings) as workers:
        time_group(GROUP, settings, workers, result)
    report.not_measured(result["not_measured"])
    return result


def overview(result):
    """Markdown for the page: npae's tokens per second, and the ratios of the others' times to npae's."""
    tables = []
    for group in train_step.measured(result):
        names = [name for name in (*GROUP.entries, roster.BEST) if name != roster.OURS
                 and any(name in numbers for numbers in group["workloads"].values())]  # fmt: skip
        rows = []
        for workload, numbers in group["workloads"].items():
            tokens = WORKLOADS[workload][1] / numbers[roster.OURS]["seconds"][0]
            cells = [train_step.ratio_cell(numbers[name]) if name in numbers else "" for name in names]
            rows.append([workload, f"{tokens:,.0f}", *cells])
        tables.append(report.markdown([group["title"], "npae, tokens/s", *(f"{name} / npae" for name in names)], rows))
    return "\n\n".join(tables)


verdict = train_step.verdict


def draw(result, folder):
    """No pictures."""
    return []
