"""Card payments: frauds in the table of Kaggle, or in samples of it, and which features made a payment odd.

The whole table has 284,807 payments and 492 frauds. The larger sample, creditcard_union.npz, has all frauds and 8,074
normal payments drawn at random from both days (its `source` 0; the other parts are of some hours only and are left
out). ROC-AUC does not depend on how rare frauds are. Average precision does, so it is given twice: in the sample, and
as it would be where π = 492/284,807 = 0.17 % of the payments are frauds (npae/anomaly/curves.py):

    precision_π = π TPR/(π TPR + (1 − π) FPR)

Of the sample's normal payments 4,037 are judged: an FPR below 1/4,037 is seen as 0, and the average precision is too
high where one false alarm among so many payments matters.
"""

from dataclasses import replace

import numpy as np

from demos import figures, results
from demos.detectors import compare, fitted, split
from npae.anomaly import average_precision, roc_auc
from npae.backend import fit_text
from npae.data import credit_card, data_folder, read_npz

PREVALENCE = 492 / 284_807
UNION = "creditcard_union.npz"
MEASURES = {
    "ROC-AUC": roc_auc, "average precision": average_precision,
    "the same at 0.17 % frauds": lambda odd, score: average_precision(odd, score, PREVALENCE),
}  # fmt: skip


def payments(settings):
    """The Table: the file given with --csv, the larger sample, or another file in $NPAE_DATA/creditcard."""
    folder = data_folder("creditcard")
    path = folder / UNION if folder is not None else None
    if settings.own.csv is not None or path is None or not path.is_file():
        return credit_card(settings.own.csv)
    with np.load(path, allow_pickle=False) as file:
        source, columns = file["source"], [str(name) for name in file["columns"]]
    table, kept = read_npz(path), np.array(columns) != "Time"
    names = tuple(name for name in columns if name != "Time")
    return replace(table, x=table.x[source == 0][:, kept], y=table.y[source == 0], names=names)


def fraud(settings):
    """Compare the detectors, and draw the contributions of features."""
    table = payments(settings)
    n, frauds = len(table.x), int(table.y.sum())
    whole = n > 100_000
    if not whole:
        print(fit_text(
            f"{table.path.name} is a sample: {n - frauds:,} normal payments and {frauds} frauds are used, not 284,315 "
            "and 492. Frauds are not rare in it: compare no average precision with published ones."
        ))  # fmt: skip
    for kind, seeds in (("unsup", 1), ("semi", 5)) if whole else (("semi", 2 if settings.quick else 10),):
        found = compare(table, kind, seeds, settings, MEASURES)
        heads = list(MEASURES)
        shown = settings.table(f"card payments, {kind}, {seeds} splits", heads, published=None, of_digits=False)
        for method, v in found.items():
            cells = (f"{a:.4f} ± {s:.4f}" for a, s in zip(v.mean(axis=0), v.std(axis=0), strict=True))
            shown.row(method, *cells)
            for head, a in zip(heads, v.mean(axis=0), strict=True):
                settings.metrics[f"card_{kind}_{results.key(method)}_{results.key(head)}"] = float(a)
        settings.metrics[f"card_{kind}"] = {m: v.tolist() for m, v in found.items()}
        settings.metrics["card_normal_count"], settings.metrics["card_fraud_count"] = n - frauds, frauds
        if whole:
            shown.cite("FastMCD, published, unsup", "0.957", "0.712")
        shown.cite("autoencoder, published, whole table", "0.946")
    draw_contributions(settings, table)


def draw_contributions(settings, table):
    """Bars of the features that made four frauds odd: that of the largest distance, and those at the quartiles."""
    x, x_test, odd = split(table, "semi", settings.seed)
    detector = fitted(settings, x, settings.seed)
    frauds = x_test[odd]
    D = detector.distances(frauds)
    order = np.argsort(-D, kind="stable")
    chosen = order[[0, len(D) // 4, len(D) // 2, 3 * len(D) // 4]]
    places = ("largest distance", "upper quartile", "median", "lower quartile")
    names = [f"{place}: {D[k]:,.0f}" for place, k in zip(places, chosen, strict=True)]
    panels = list(zip(names, detector.contributions(frauds[chosen]), strict=True))
    title = f"Contributions of features to the distances of four frauds (threshold: {detector.threshold:,.0f})"
    figures.contributions(settings.out / "contributions.png", panels, table.names, title)
