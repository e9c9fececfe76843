"""Detectors on the same rows: npae's distances, the Mahalanobis distance, the residual of PCA, PyOD's AutoEncoder."""

import numpy as np

from demos.baselines import PCA
from npae.anomaly import AnomalyDetector, Mahalanobis, average_precision, roc_auc
from npae.anomaly.distances import DISTANCES


def compare(table, kind, seeds, settings):
    """{method: (seeds, 2) ROC-AUC and average precision}, all methods on the same splits of the table."""
    found = {}
    for seed in range(settings.seed, settings.seed + seeds):
        x, x_test, odd = split(table, kind, seed)
        detector = fitted(settings, x, seed)
        mean, deviation = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        scaled, scaled_test = ((a - mean) / deviation for a in (x, x_test))
        scores = four_distances(detector, x, x_test)
        scores["Mahalanobis"] = Mahalanobis(scaled)(scaled_test)
        scores["PCA residual"] = pca_residual(scaled, scaled_test, max(1, x.shape[1] // 2))
        other = None if settings.quick else pyod_autoencoder(x, seed)
        if other is not None:
            scores["PyOD AutoEncoder"] = other.decision_function(x_test)
        for name, score in scores.items():
            found.setdefault(name, []).append((roc_auc(odd, score), average_precision(odd, score)))
    return {name: np.array(v) for name, v in found.items()}


def flagged(table, rows, share, seeds, settings):
    """{method: [the share of new normal rows that a detector fitted to `rows` others calls anomalies, per seed]}."""
    found, normal = {}, table.x[~table.y]
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(normal))
        x, new = normal[order[:rows]], normal[order[rows:]]
        for name in ("joint", "reconstruction"):
            detector = fitted(settings, x, seed, distance=name, contamination=share)
            found.setdefault(f"npae, {name}", []).append(float((detector.predict(new) == -1).mean()))
        other = None if settings.quick else pyod_autoencoder(x, seed, share)
        if other is not None:
            found.setdefault("PyOD AutoEncoder", []).append(float(other.predict(new).mean()))
    return found


def four_distances(detector, x, x_test):
    """{"npae, …": each of the four distances of the test rows}, by the network of a detector fitted to x."""
    found = {}
    for name in DISTANCES:
        settings = detector.settings | {"model": detector.model, "distance": name, "epochs": 0, "folds": 0}
        own = detector if name == detector.distance else AnomalyDetector(**settings).fit(x)
        found[f"npae, {name}"] = own.distances(x_test)
    return found


def split(table, kind, seed):
    """(training rows, test rows, whether each test row is an anomaly); "semi" trains on half of the normal rows."""
    if kind == "unsup":
        return table.x, table.x, table.y
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(~table.y))
    half = len(normal) // 2
    rest = np.append(normal[half:], np.flatnonzero(table.y))
    return table.x[normal[:half]], table.x[rest], table.y[rest]


def pca_residual(train, test, k):
    """‖x − x̂‖² of every test row, x̂ by k principal components of the training rows."""
    return ((test - PCA(train, k).reconstruct(test)) ** 2).sum(axis=1)


def pyod_autoencoder(x, seed, share=0.1):
    """PyOD's AutoEncoder, fitted to x with its defaults; None without PyOD. share: its contamination."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return None
    return AutoEncoder(contamination=share, random_state=seed, verbose=0).fit(x)


def pair(values):
    """Two numbers as a cell."""
    return " / ".join(f"{v:.3f}" for v in values)


def fitted(settings, x, seed, **options):
    """An AnomalyDetector fitted to x. Raises KeyboardInterrupt if Ctrl-C ended its training early."""
    epochs = 2 if settings.quick else 50
    detector = AnomalyDetector(epochs=epochs, seed=seed, device=settings.device, **options).fit(x)
    if (detector.history.stopped or "").startswith("interrupted"):
        raise KeyboardInterrupt
    return detector
