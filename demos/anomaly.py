"""Anomaly detection: digits that are not the one learnt, odd rows of tables, fraudulent card payments.

A detector learns normal rows and ranks new ones (npae.anomaly); good is one that ranks anomalies first, ROC-AUC 1.

Digits: ten detectors, each learns the training images of one digit and ranks all test images. The images are blurred
by one pixel and scaled to one length, so that neither a stroke's exact place nor its thickness is an anomaly. Blur,
sizes of the network and the distance, "reconstruction", were chosen on the last 5,000 training digits.

Tables: the detector with all its defaults, "semi": fitted on half of the normal rows, five times, and "unsup": fitted
on everything, anomalies included. Its distance is "joint" in the first case and "latent" in the second, for the reason
that npae/anomaly/detector.py gives; all four are printed. Other sizes of network and noise on the input were tried on
the five tables: the means went from 0.958 to 0.964 with the one, from 0.88 to 0.92 with the other. Beside it, on the
same splits: Mahalanobis, six lines of linear algebra, the residual of a PCA with half of the components, and PyOD's
AutoEncoder where it is installed (the extra "pyod").

    python -m demos.anomaly                   digits of the embedded sample; the tables of $NPAE_DATA, if any
    python -m demos.anomaly --full            all 60,000 digits: the protocol of the published numbers
    python -m demos.anomaly --csv PATH        the whole table of card payments, as Kaggle has it
"""

from pathlib import Path

import numpy as np

from demos import common, figures
from demos.baselines import PCA
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, Mahalanobis, average_precision, roc_auc
from npae.data import adbench, credit_card
from npae.layers import Identity, Tanh
from npae.losses import SquaredError

KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # a Gaussian of variance 1, nearly
SHOWN = 8  # the digit that everybody finds hardest


def main(argv=None):
    """Run the three parts for which there are data, print tables, draw. Returns what metrics.json holds."""
    csv = {"type": Path, "metavar": "PATH", "help": "the whole table of card payments"}
    settings = common.parse("anomaly", __doc__.split("\n")[0], epochs=20, quick_epochs=3, argv=argv, own={"csv": csv})
    if settings.workers.size > 1:
        raise SystemExit("anomaly: expected one worker, as its networks are small. Run it without mpiexec.")
    metrics, history = one_class_digits(settings)
    for part in (lambda: odd_rows(settings), lambda: fraud(settings, settings.own.csv)):
        try:
            metrics |= part()
        except FileNotFoundError as error:
            print(f"Left out: {error}")
    return common.finish(settings, metrics, history)


def prepared(rows):
    """Digits blurred by about one pixel, each scaled to the length 10: (n, 784) float32 from uint8."""
    x = np.pad(rows.reshape(-1, 28, 28) / np.float32(255), ((0, 0), (2, 2), (2, 2)))
    x = sum(w * x[:, k : k + 28] for k, w in enumerate(KERNEL))
    x = sum(w * x[:, :, k : k + 28] for k, w in enumerate(KERNEL)).reshape(-1, 784)
    return 10 * x / np.linalg.norm(x, axis=1, keepdims=True)


def one_class_digits(settings):
    """One detector a digit. Returns (metrics, the last training's history)."""
    train, labels, test, test_labels = common.digits(settings)
    x, x_test = prepared(train), prepared(test)
    aucs = {}
    for digit in (0, SHOWN) if settings.quick else range(10):
        normal, odd = labels == digit, test_labels != digit
        model = dense_autoencoder([784, 256, 64, 8], Tanh, Identity, SquaredError(), seed=settings.seed)
        detector = AnomalyDetector(
            model, "reconstruction", shrinkage=0.95, standardize=False, epochs=settings.epochs, learning_rate=1e-3,
            seed=settings.seed, device=settings.device, progress=settings.progress,
        ).fit(x[normal])  # fmt: skip
        common.require(detector.history)
        distances = {f"npae, {name}": d for name, d in detector.distances(x_test).items()}
        distances["PCA 16 residual, same images"] = _pca_residual(x[normal], x_test, 16)
        distances["PCA 24 residual, raw pixels"] = _pca_residual(train[normal] / 255, test / 255, 24)
        for name, d in distances.items():
            aucs.setdefault(name, []).append(roc_auc(odd, d))
        if digit == SHOWN:
            _draw(settings, test / 255, test_labels, distances)
    rows = [(name, *(f"{a:.3f}" for a in v), f"{np.mean(v):.4f}") for name, v in aucs.items()]
    published = [("Deep SVDD, published", "0.9480"), ("convolutional autoencoder, published", "0.8965")]
    rows += [(name, *[""] * len(aucs["npae, joint"]), mean) for name, mean in published]
    shown = (0, SHOWN) if settings.quick else range(10)
    common.table(("one-class digits, ROC-AUC of", *shown, "mean"), rows)
    metrics = {"digits_" + _key(name) + "_mean_roc_auc": float(np.mean(v)) for name, v in aucs.items()}
    return metrics | {"digits_roc_auc": aucs}, detector.history


def _pca_residual(train, test, k):
    return ((test - PCA(train, k).reconstruct(test)) ** 2).sum(axis=1)


def _draw(settings, images, labels, distances):
    chosen = ("npae, reconstruction", "PCA 16 residual, same images", "PCA 24 residual, raw pixels")
    odd = labels != SHOWN
    figures.detection_curves(
        settings.out / "curves.png", odd, [(name, distances[name]) for name in chosen],
        f"Finding test digits that are no {SHOWN}",
    )  # fmt: skip
    order = np.argsort(distances[chosen[0]], kind="stable")
    own, others = order[~odd[order]], order[odd[order]]
    rows = [
        (f"most normal {SHOWN}", images[own[:10]]), (f"oddest {SHOWN}", images[own[::-1][:10]]),
        ("others taken for it", images[others[:10]]), ("oddest others", images[others[::-1][:10]]),
    ]  # fmt: skip
    figures.digit_rows(settings.out / "extremes.png", rows, f"What a detector of {SHOWN} finds normal, and not")


# ---------------------------------------------------------------------- tables


def odd_rows(settings):
    """The ADBench tables of $NPAE_DATA. Returns the metrics."""
    tables = adbench()[: 1 if settings.quick else None]
    metrics = {}
    for kind, seeds in (("unsup", 1), ("semi", 1 if settings.quick else 5)):
        results = {t.name: compare(t, kind, seeds, settings) for t in tables}
        methods = next(iter(results.values()))
        means = {m: np.mean([results[t][m].mean(axis=0) for t in results], axis=0) for m in methods}
        rows = [(m, *(_pair(results[t][m].mean(axis=0)) for t in results), _pair(means[m])) for m in methods]
        common.table((f"{kind}: ROC-AUC / average precision", *results, "mean"), rows)
        metrics |= {f"tables_{kind}_{_key(m)}_mean_roc_auc": float(mean[0]) for m, mean in means.items()}
        metrics[f"tables_{kind}"] = {t: {m: v.tolist() for m, v in r.items()} for t, r in results.items()}
    return metrics


def fraud(settings, path):
    """Card payments: the file `path`, or what $NPAE_DATA holds of them. Returns the metrics."""
    table = credit_card(path)
    n, frauds = len(table.x), int(table.y.sum())
    whole = n > 100_000
    if not whole:
        print(
            f"{table.path.name} is a sample: {n - frauds:,} normal payments and {frauds} frauds, not 284,315 and 492. "
            "Frauds are not rare in it: compare no average precision with published ones."
        )
    metrics = {}
    for kind, seeds in (("unsup", 1), ("semi", 5)) if whole else (("semi", 2 if settings.quick else 10),):
        results = compare(table, kind, seeds, settings)
        rows = [(m, *(f"{a:.4f} ± {s:.4f}" for a, s in zip(v.mean(axis=0), v.std(axis=0), strict=True)))
                for m, v in results.items()]  # fmt: skip
        if whole:
            rows.append(("FastMCD, published, unsup", "0.957", "0.712"))
        rows.append(("autoencoder, published, whole table", "0.946", ""))
        common.table((f"card payments, {kind}, {seeds} splits", "ROC-AUC", "average precision"), rows)
        metrics |= {f"card_{kind}_{_key(m)}_roc_auc": float(v[:, 0].mean()) for m, v in results.items()}
        metrics[f"card_{kind}"] = {m: v.tolist() for m, v in results.items()}
    return metrics


def compare(table, kind, seeds, settings):
    """{method: (seeds, 2) ROC-AUC and average precision}, all methods on the same splits of the table."""
    found = {}
    for seed in range(settings.seed, settings.seed + seeds):
        x, x_test, odd = table.x, table.x, table.y
        if kind == "semi":
            normal = np.random.default_rng(seed).permutation(np.flatnonzero(~table.y))
            half = len(normal) // 2
            rest = np.append(normal[half:], np.flatnonzero(table.y))
            x, x_test, odd = table.x[normal[:half]], table.x[rest], table.y[rest]
        detector = AnomalyDetector(epochs=2 if settings.quick else 50, seed=seed, device=settings.device).fit(x)
        z, z_test = ((a - detector.mean) / detector.deviation for a in (x, x_test))
        distances = {f"npae, {name}": d for name, d in detector.distances(x_test).items()}
        distances |= {"Mahalanobis": Mahalanobis(z)(z_test)}
        distances |= {"PCA residual": _pca_residual(z, z_test, max(1, x.shape[1] // 2))}
        if not settings.quick:
            distances |= pyod_autoencoder(x, x_test, seed)
        for name, d in distances.items():
            found.setdefault(name, []).append((roc_auc(odd, d), average_precision(odd, d)))
    return {name: np.array(v) for name, v in found.items()}


def pyod_autoencoder(x, x_test, seed):
    """{"PyOD AutoEncoder": its scores} with its own defaults, which standardise too; nothing where it is missing."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return {}
    return {"PyOD AutoEncoder": AutoEncoder(random_state=seed, verbose=0).fit(x).decision_function(x_test)}


def _key(name):
    return name.replace(",", "").replace(" ", "_").lower()


def _pair(values):
    return " / ".join(f"{v:.3f}" for v in values)


if __name__ == "__main__":
    main()
