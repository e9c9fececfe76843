"""Anomaly detection by the reconstruction error.

An autoencoder learns normal digits, tables or card payments; what it reconstructs badly is an anomaly.

    a detector learns normal rows; the anomaly score of a row x is a distance of x̂ or of its code (npae/anomaly)

    digits        ten detectors, 784-256-64-8 and back, tanh; each learns one digit of blurred images of norm 10, and
                  ranks all test digits
    synthetic     sixty tables with anomalies of known kinds, on which the defaults were chosen (synthetic_tables.py)
    tables        those of ADBench, with the chosen defaults: fitted on half of the normal rows ("semi"), or on all
                  rows, anomalies included ("unsup"); and the share of new normal rows beyond the threshold, after 100
    payments      frauds among card payments, and which features made a payment odd (card_payments.py)

Beside them, on the same splits: the Mahalanobis distance, the residual of PCA, scikit-learn's IsolationForest and
PyOD's AutoEncoder (the extra "pyod"). "Beaten" counts the tables on which the joint distance ranks better.

    python -m demos.anomaly                   the embedded digits, and the tables found in $NPAE_DATA
    python -m demos.anomaly --full            all 60,000 digits
    python -m demos.anomaly --only tables     one of the four parts
    python -m demos.anomaly --csv PATH        the whole table of card payments

Expected with --full, mean ROC-AUC: digits 0.982 (PCA 0.977, Deep SVDD 0.948); sixteen tables, "semi", joint distance
0.938 (Mahalanobis 0.907, PyOD 0.915, IsolationForest 0.891), "unsup" 0.857 (0.838, 0.832, 0.861). Of new normal rows
4 % lie beyond a threshold for 5 % (PyOD: 8 %). A quarter of an hour on one core, half of it for the other libraries.
Pictures: curves.png, extremes.png, and with card payments contributions.png.
"""

from pathlib import Path

import numpy as np

from demos import common, figures, results
from demos.card_payments import fraud
from demos.detectors import four_distances, pca_residual
from demos.synthetic_tables import synthetic_tables
from demos.table_anomalies import adbench_tables
from npae import dense_autoencoder
from npae.anomaly import AnomalyDetector, roc_auc
from npae.backend import fit_text
from npae.losses import SquaredError

KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # binomial: a Gaussian of variance 1, approximately
SHOWN = 8  # the digit of the pictures, the hardest one


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


PARTS = {"digits": one_class_digits, "synthetic": synthetic_tables, "tables": adbench_tables, "payments": fraud}
OPTIONS = {
    "csv": {"type": Path, "metavar": "PATH", "help": "the whole table of card payments"},
    "only": {"choices": tuple(PARTS), "help": "run this part alone"},
}


@common.demo("anomaly", __doc__, epochs=20, quick_epochs=3, own=OPTIONS)
def main(settings):
    """Run the parts for which there is data."""
    for name in PARTS if settings.own.only is None else [settings.own.only]:
        try:
            PARTS[name](settings)
        except FileNotFoundError as error:
            if name == "digits":
                raise
            print(fit_text(f"Left out: {error}"))


if __name__ == "__main__":
    main()
