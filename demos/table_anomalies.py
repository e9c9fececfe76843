"""Tables of ADBench: how well each detector ranks the rows, and how many new normal rows it calls anomalies."""

import numpy as np

from demos import results
from demos.detectors import compare, flagged
from npae.anomaly import average_precision, roc_auc
from npae.data import adbench

OURS = "npae, joint"  # the default distance
MEASURES = {"ROC-AUC": roc_auc, "average precision": average_precision}


def adbench_tables(settings):
    """The ADBench tables of $NPAE_DATA: "unsup" fits on all rows, "semi" on half of the normal ones, five times."""
    sets = adbench()[: 1 if settings.quick else None]
    for kind, seeds in (("unsup", 1), ("semi", 1 if settings.quick else 5)):
        found = {t.name: compare(t, kind, seeds, settings, MEASURES) for t in sets}
        means = {name: {method: v.mean(axis=0) for method, v in row.items()} for name, row in found.items()}
        table = settings.table(f"{kind}: ROC-AUC", [*found, "mean", "beaten"], published=None)
        for method in means[sets[0].name]:
            column = [row[method] for row in means.values()]
            auc, ap = np.mean(column, axis=0)
            beaten = int(sum(row[OURS][0] > row[method][0] for row in means.values()))
            text = "" if method == OURS else f"{beaten} of {len(sets)}"
            table.row(method, *(f"{a:.3f}" for a, _ in column), f"{auc:.4f}", text)
            key = f"tables_{kind}_{results.key(method)}"
            settings.metrics |= {f"{key}_mean_roc_auc": float(auc), f"{key}_mean_average_precision": float(ap)}
            if method != OURS:
                settings.metrics[f"{key}_beaten_by_joint_count"] = beaten
        settings.metrics[f"tables_{kind}"] = {t: {m: v.tolist() for m, v in r.items()} for t, r in found.items()}
    settings.metrics["tables_count"] = len(sets)
    thresholds(sets, settings)


def thresholds(sets, settings, rows=100, share=0.05):
    """The share of new normal rows beyond the thresholds of detectors fitted to `rows` others.

    share: their contamination. Tables with fewer than 3 · rows normal rows are left out.
    """
    seeds = range(settings.seed, settings.seed + (1 if settings.quick else 5))
    found = {t.name: flagged(t, rows, share, seeds, settings) for t in sets if (~t.y).sum() >= 3 * rows}
    if not found:
        return
    table = settings.table(f"new normal rows beyond the threshold after {rows} rows, intended {share:g}",
                           [*found, "mean", "largest"], published=None)  # fmt: skip
    for method in next(iter(found.values())):
        shares = [np.mean(r[method]) for r in found.values()]
        table.row(method, *(f"{v:.3f}" for v in (*shares, np.mean(shares), max(shares))))
        settings.metrics[f"threshold_{results.key(method)}_mean_share"] = float(np.mean(shares))
    settings.metrics["threshold_shares"] = found
