"""Anomaly detection by the reconstruction error.

An autoencoder learns normal digits, tables or card payments; what it reconstructs badly is an anomaly.

    a detector learns normal rows; the anomaly score of a row x is a distance of x̂ or of its code (npae/anomaly)

Digits: ten detectors, 784-256-64-8 and back, tanh; each learns one digit of blurred images of norm 10 and ranks all
test digits. Tables (ADBench): the detector with its defaults, fitted on half of the normal rows ("semi"), or on all
rows, anomalies included ("unsup"); and the share of new normal rows beyond the threshold, after 100 of them. Card
payments: frauds in the table of Kaggle, and which features made a payment odd. Baselines on the same splits: the
Mahalanobis distance, the residual of PCA, and PyOD's AutoEncoder (the extra "pyod").

    python -m demos.anomaly                   the embedded digits, and the tables found in $NPAE_DATA
    python -m demos.anomaly --full            all 60,000 digits
    python -m demos.anomaly --csv PATH        the whole table of card payments

Expected with --full, mean ROC-AUC: digits 0.982 (PCA 0.977, Deep SVDD 0.948); sixteen tables, joint distance, 0.928
"semi" (Mahalanobis 0.907) and 0.851 "unsup" (0.838); a sample of card payments 0.961 (Mahalanobis 0.964). Of new normal
rows 4 % lie beyond a threshold for 5 %. 5 to 10 minutes without PyOD.
Pictures: curves.png, extremes.png, and with card payments contributions.png.
"""

from pathlib import Path

import numpy as np

from demos import common, figures, results
from demos.detectors import compare, fitted, flagged, four_distances, pair, pca_residual, split
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, roc_auc
from npae.backend import fit_text
from npae.data import adbench, credit_card
from npae.losses import SquaredError

OPTIONS = {"csv": {"type": Path, "metavar": "PATH", "help": "the whole table of card payments"}}
KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # binomial: a Gaussian of variance 1, approximately
SHOWN = 8  # the digit of the pictures, the hardest one


@common.demo("anomaly", __doc__, epochs=20, quick_epochs=3, own=OPTIONS)
def main(settings):
    """Run the parts for which there is data."""
    one_class_digits(settings)
    for part in (adbench_tables, fraud):
        try:
            part(settings)
        except FileNotFoundError as error:
            print(fit_text(f"Left out: {error}"))


# ---------------------------------------------------------------------- digits


def one_class_digits(settings):
    """One detector per digit."""
    train, labels, test, test_labels = common.digits(settings)
    x, x_test = prepared(train), prepared(test)
    shown, aucs, done = (0, SHOWN) if settings.quick else range(10), {}, []
    for digit in shown:
        if settings.stopped:
            break
        done.append(digit)
        normal, odd = labels == digit, test_labels != digit
        model = dense_autoencoder([784, 256, 64, 8], "tanh", "linear", SquaredError(), seed=settings.seed)
        detector = AnomalyDetector(
            model, "reconstruction", shrinkage=0.95, standardize=False, epochs=settings.epochs, learning_rate=1e-3,
            folds=0, seed=settings.seed, device=settings.device, progress="none" if settings.quick else "auto",
        ).fit(x[normal])  # fmt: skip
        common.check(settings, detector.history, settings.epochs, f"the detector of {digit}")
        scores = four_distances(detector, x[normal], x_test)
        scores["PCA 16 residual, same images"] = pca_residual(x[normal], x_test, 16)
        scores["PCA 24 residual, raw pixels"] = pca_residual(train[normal] / 255, test / 255, 24)
        for name, score in scores.items():
            aucs.setdefault(name, []).append(roc_auc(odd, score))
        if digit == SHOWN:
            draw(settings.out, test / 255, test_labels, scores)
    table = settings.table("one-class digits: ROC-AUC", [*map(str, done), "mean"], published=None)
    for name, v in aucs.items():
        table.row(name, *(f"{a:.3f}" for a in v), f"{np.mean(v):.4f}")
        settings.metrics[f"digits_{results.key(name)}_mean_roc_auc"] = float(np.mean(v))
    settings.metrics["digits_roc_auc"] = aucs
    table.cite("Deep SVDD, published (60,000 digits)", *[""] * len(done), "0.9480")
    table.cite("convolutional autoencoder, published (60,000 digits)", *[""] * len(done), "0.8965")


def prepared(rows):
    """Digits blurred by about one pixel, then scaled to norm 10: (n, 784) float32 from uint8."""
    x = np.pad(rows.reshape(-1, 28, 28) / np.float32(255), ((0, 0), (2, 2), (2, 2)))
    x = sum(w * x[:, k : k + 28] for k, w in enumerate(KERNEL))
    x = sum(w * x[:, :, k : k + 28] for k, w in enumerate(KERNEL)).reshape(-1, 784)
    return 10 * x / np.linalg.norm(x, axis=1, keepdims=True)


def draw(out, images, labels, scores):
    """Curves of three scores, and the test digits with the lowest and highest scores."""
    chosen = ("npae, reconstruction", "PCA 16 residual, same images", "PCA 24 residual, raw pixels")
    odd = labels != SHOWN
    figures.detection_curves(out / "curves.png", odd, [(name, scores[name]) for name in chosen],
                             f"Detection of test digits other than {SHOWN}")  # fmt: skip
    order = np.argsort(scores[chosen[0]], kind="stable")
    normal, others = order[~odd[order]], order[odd[order]]
    rows = [
        (f"{SHOWN}, lowest scores", images[normal[:10]]), (f"{SHOWN}, highest scores", images[normal[::-1][:10]]),
        ("others, lowest scores", images[others[:10]]), ("others, highest scores", images[others[::-1][:10]]),
    ]  # fmt: skip
    figures.digit_rows(out / "extremes.png", rows, f"Anomaly scores of test digits, by a detector of the digit {SHOWN}")


# ---------------------------------------------------------------------- tables


def adbench_tables(settings):
    """The ADBench tables of $NPAE_DATA."""
    sets = adbench()[: 1 if settings.quick else None]
    for kind, seeds in (("unsup", 1), ("semi", 1 if settings.quick else 5)):
        found = {t.name: compare(t, kind, seeds, settings) for t in sets}
        methods = next(iter(found.values()))
        means = {m: np.mean([found[t][m].mean(axis=0) for t in found], axis=0) for m in methods}
        table = settings.table(f"{kind}: ROC-AUC / average precision", [*found, "mean"], published=None)
        for m in methods:
            table.row(m, *(pair(found[t][m].mean(axis=0)) for t in found), pair(means[m]))
            settings.metrics[f"tables_{kind}_{results.key(m)}_mean_roc_auc"] = float(means[m][0])
        settings.metrics[f"tables_{kind}"] = {t: {m: v.tolist() for m, v in r.items()} for t, r in found.items()}
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


def fraud(settings):
    """Card payments: the file given with --csv, or what $NPAE_DATA holds of them."""
    payments = credit_card(settings.own.csv)
    n, frauds = len(payments.x), int(payments.y.sum())
    whole = n > 100_000
    if not whole:
        print(fit_text(
            f"{payments.path.name} is a sample: {n - frauds:,} normal payments and {frauds} frauds, not 284,315 and "
            "492. Frauds are not rare in it: compare no average precision with published ones."
        ))  # fmt: skip
    for kind, seeds in (("unsup", 1), ("semi", 5)) if whole else (("semi", 2 if settings.quick else 10),):
        found = compare(payments, kind, seeds, settings)
        heads = ["ROC-AUC", "average precision"]
        table = settings.table(f"card payments, {kind}, {seeds} splits", heads, published=None, of_digits=False)
        for m, v in found.items():
            table.row(m, *(f"{a:.4f} ± {s:.4f}" for a, s in zip(v.mean(axis=0), v.std(axis=0), strict=True)))
            settings.metrics[f"card_{kind}_{results.key(m)}_roc_auc"] = float(v[:, 0].mean())
        settings.metrics[f"card_{kind}"] = {m: v.tolist() for m, v in found.items()}
        if whole:
            table.cite("FastMCD, published, unsup", "0.957", "0.712")
        table.cite("autoencoder, published, whole table", "0.946")
    draw_contributions(settings, payments)


def draw_contributions(settings, payments):
    """Bars of the features that made four frauds odd: that of the largest distance, and those at the quartiles."""
    x, x_test, odd = split(payments, "semi", settings.seed)
    detector = fitted(settings, x, settings.seed)
    frauds = x_test[odd]
    D = detector.distances(frauds)
    order = np.argsort(-D, kind="stable")
    chosen = order[[0, len(D) // 4, len(D) // 2, 3 * len(D) // 4]]
    places = ("largest distance", "upper quartile", "median", "lower quartile")
    names = [f"{place}: {D[k]:,.0f}" for place, k in zip(places, chosen, strict=True)]
    panels = list(zip(names, detector.contributions(frauds[chosen]), strict=True))
    title = f"Contributions of features to the distances of four frauds (threshold: {detector.threshold:,.0f})"
    figures.contributions(settings.out / "contributions.png", panels, payments.names, title)


if __name__ == "__main__":
    main()
