"""Anomaly detection by the reconstruction error of an autoencoder: digits, tables, card payments.

    a detector learns normal rows; the anomaly score of a row x is a distance of x̂ or of its code (npae/anomaly)

Digits: ten detectors, 784-256-64-8 and back, tanh; each learns one digit of blurred images of norm 10 and ranks all
test digits. Tables (ADBench): the detector with its defaults, fitted on half of the normal rows ("semi"), or on all
rows, anomalies included ("unsup"). Card payments: frauds in the table of Kaggle. Baselines on the same splits: the
Mahalanobis distance, the residual of PCA, and PyOD's AutoEncoder (the extra "pyod").

    python -m demos.anomaly                   the embedded digits, and the tables found in $NPAE_DATA
    python -m demos.anomaly --full            all 60,000 digits
    python -m demos.anomaly --csv PATH        the whole table of card payments

Expected with --full, mean ROC-AUC: digits 0.982 (PCA 0.977, Deep SVDD 0.948); five tables 0.961 "semi" (joint distance;
Mahalanobis 0.927, PyOD 0.956) and 0.912 "unsup" (latent distance; 0.887, 0.880); a sample of card payments 0.961
(Mahalanobis 0.964). 2 to 7 minutes.
Pictures: curves.png, extremes.png.
"""

from pathlib import Path

import numpy as np

from demos import common, figures
from demos.baselines import PCA
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, Mahalanobis, average_precision, roc_auc
from npae.data import adbench, credit_card
from npae.losses import SquaredError

KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # binomial: a Gaussian of variance 1, approximately
SHOWN = 8  # the digit of the pictures, the hardest one


def main(argv=None):
    """Run the parts for which there is data. Returns what metrics.json holds."""
    csv = {"type": Path, "metavar": "PATH", "help": "the whole table of card payments"}
    settings = common.parse("anomaly", __doc__, epochs=20, quick_epochs=3, argv=argv, own={"csv": csv})
    metrics, tables = one_class_digits(settings)
    for part in (lambda: adbench_tables(settings), lambda: fraud(settings, settings.own.csv)):
        try:
            found, more = part()
        except FileNotFoundError as error:
            print(f"Left out: {error}")
        else:
            metrics, tables = metrics | found, tables + more
    return common.finish(settings, metrics, *tables)


# ---------------------------------------------------------------------- digits


def one_class_digits(settings):
    """One detector per digit. Returns (metrics, tables)."""
    train, labels, test, test_labels = common.digits(settings)
    x, x_test = prepared(train), prepared(test)
    shown, aucs = (0, SHOWN) if settings.quick else range(10), {}
    for digit in shown:
        normal, odd = labels == digit, test_labels != digit
        model = dense_autoencoder([784, 256, 64, 8], "tanh", "linear", SquaredError(), seed=settings.seed)
        detector = AnomalyDetector(
            model, "reconstruction", shrinkage=0.95, standardize=False, epochs=settings.epochs, learning_rate=1e-3,
            seed=settings.seed, device=settings.device, progress="none" if settings.quick else "auto",
        ).fit(x[normal])  # fmt: skip
        common.check(settings, detector.history)
        scores = {f"npae, {name}": d for name, d in detector.distances(x_test).items()}
        scores["PCA 16 residual, same images"] = pca_residual(x[normal], x_test, 16)
        scores["PCA 24 residual, raw pixels"] = pca_residual(train[normal] / 255, test / 255, 24)
        for name, score in scores.items():
            aucs.setdefault(name, []).append(roc_auc(odd, score))
        if digit == SHOWN:
            draw(settings.out, test / 255, test_labels, scores)
    table = common.Table("one-class digits: ROC-AUC", [*map(str, shown), "mean"], published=None)
    for name, v in aucs.items():
        table.row(name, *(f"{a:.3f}" for a in v), f"{np.mean(v):.4f}")
    table.row("Deep SVDD, published", *[""] * len(shown), "0.9480")
    table.row("convolutional autoencoder, published", *[""] * len(shown), "0.8965")
    metrics = {f"digits_{common.key(name)}_mean_roc_auc": float(np.mean(v)) for name, v in aucs.items()}
    return metrics | {"digits_roc_auc": aucs}, [table]


def prepared(rows):
    """Digits blurred by about one pixel, then scaled to norm 10: (n, 784) float32 from uint8."""
    x = np.pad(rows.reshape(-1, 28, 28) / np.float32(255), ((0, 0), (2, 2), (2, 2)))
    x = sum(w * x[:, k : k + 28] for k, w in enumerate(KERNEL))
    x = sum(w * x[:, :, k : k + 28] for k, w in enumerate(KERNEL)).reshape(-1, 784)
    return 10 * x / np.linalg.norm(x, axis=1, keepdims=True)


def pca_residual(train, test, k):
    """‖x − x̂‖² of every test row, x̂ by k principal components of the training rows."""
    return ((test - PCA(train, k).reconstruct(test)) ** 2).sum(axis=1)


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
    """The ADBench tables of $NPAE_DATA. Returns (metrics, tables)."""
    sets, metrics, tables = adbench()[: 1 if settings.quick else None], {}, []
    for kind, seeds in (("unsup", 1), ("semi", 1 if settings.quick else 5)):
        results = {t.name: compare(t, kind, seeds, settings) for t in sets}
        methods = next(iter(results.values()))
        means = {m: np.mean([results[t][m].mean(axis=0) for t in results], axis=0) for m in methods}
        table = common.Table(f"{kind}: ROC-AUC / average precision", [*results, "mean"], published=None)
        for m in methods:
            table.row(m, *(pair(results[t][m].mean(axis=0)) for t in results), pair(means[m]))
        tables.append(table)
        metrics |= {f"tables_{kind}_{common.key(m)}_mean_roc_auc": float(mean[0]) for m, mean in means.items()}
        metrics[f"tables_{kind}"] = {t: {m: v.tolist() for m, v in r.items()} for t, r in results.items()}
    return metrics, tables


def fraud(settings, path):
    """Card payments: the file `path`, or what $NPAE_DATA holds of them. Returns (metrics, tables)."""
    payments = credit_card(path)
    n, frauds = len(payments.x), int(payments.y.sum())
    whole = n > 100_000
    if not whole:
        print(
            f"{payments.path.name} is a sample: {n - frauds:,} normal payments and {frauds} frauds, not 284,315 and "
            "492. Frauds are not rare in it: compare no average precision with published ones."
        )
    metrics, tables = {}, []
    for kind, seeds in (("unsup", 1), ("semi", 5)) if whole else (("semi", 2 if settings.quick else 10),):
        results = compare(payments, kind, seeds, settings)
        heads = ["ROC-AUC", "average precision"]
        table = common.Table(f"card payments, {kind}, {seeds} splits", heads, published=None)
        for m, v in results.items():
            table.row(m, *(f"{a:.4f} ± {s:.4f}" for a, s in zip(v.mean(axis=0), v.std(axis=0), strict=True)))
        if whole:
            table.row("FastMCD, published, unsup", "0.957", "0.712")
        table.row("autoencoder, published, whole table", "0.946")
        tables.append(table)
        metrics |= {f"card_{kind}_{common.key(m)}_roc_auc": float(v[:, 0].mean()) for m, v in results.items()}
        metrics[f"card_{kind}"] = {m: v.tolist() for m, v in results.items()}
    return metrics, tables


def compare(table, kind, seeds, settings):
    """{method: (seeds, 2) ROC-AUC and average precision}, all methods on the same splits of the table."""
    found = {}
    for seed in range(settings.seed, settings.seed + seeds):
        x, x_test, odd = split(table, kind, seed)
        detector = AnomalyDetector(epochs=2 if settings.quick else 50, seed=seed, device=settings.device).fit(x)
        scaled, scaled_test = ((a - detector.mean) / detector.deviation for a in (x, x_test))
        scores = {f"npae, {name}": d for name, d in detector.distances(x_test).items()}
        scores["Mahalanobis"] = Mahalanobis(scaled)(scaled_test)
        scores["PCA residual"] = pca_residual(scaled, scaled_test, max(1, x.shape[1] // 2))
        if not settings.quick:
            scores |= pyod_autoencoder(x, x_test, seed)
        for name, score in scores.items():
            found.setdefault(name, []).append((roc_auc(odd, score), average_precision(odd, score)))
    return {name: np.array(v) for name, v in found.items()}


def split(table, kind, seed):
    """(training rows, test rows, whether each test row is an anomaly); "semi" trains on half of the normal rows."""
    if kind == "unsup":
        return table.x, table.x, table.y
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~table.y))
    half = len(normal) // 2
    rest = np.append(normal[half:], np.flatnonzero(table.y))
    return table.x[normal[:half]], table.x[rest], table.y[rest]


def pyod_autoencoder(x, x_test, seed):
    """{"PyOD AutoEncoder": its scores}, with its defaults; {} without PyOD."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return {}
    return {"PyOD AutoEncoder": AutoEncoder(random_state=seed, verbose=0).fit(x).decision_function(x_test)}


def pair(values):
    """Two numbers as a cell."""
    return " / ".join(f"{v:.3f}" for v in values)


if __name__ == "__main__":
    main()
