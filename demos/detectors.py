"""Detectors on the same rows: npae's four distances, and what they are compared with.

The Mahalanobis distance and the residual of PCA, on standardised rows; scikit-learn's IsolationForest and PyOD's
AutoEncoder (the extra "pyod"), with their defaults. Those that are not installed are left out.
"""

import importlib.util

import numpy as np

from demos.baselines import PCA
from npae.anomaly import AnomalyDetector, Mahalanobis
from npae.anomaly.distances import DISTANCES


def compare(table, kind, seeds, settings, measures):
    """{method: (seeds, measures)}, all methods on the same splits of the table. measures: {name: f(odd, scores)}."""
    found = {}
    for seed in range(settings.seed, settings.seed + seeds):
        x, x_test, odd = split(table, kind, seed)
        detector = fitted(settings, x, seed, folds=0)  # no threshold is needed
        mean, deviation = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        scaled, scaled_test = ((a - mean) / deviation for a in (x, x_test))
        scores = four_distances(detector, x, x_test)
        scores["Mahalanobis"] = Mahalanobis(scaled)(scaled_test)
        scores["PCA residual"] = pca_residual(scaled, scaled_test, max(1, x.shape[1] // 2))
        scores |= {} if settings.quick else others(x, x_test, seed)
        for name, score in scores.items():
            found.setdefault(name, []).append([measure(odd, score) for measure in measures.values()])
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


def others(x, x_test, seed):
    """{method: scores of the test rows} of the detectors of other libraries, fitted to x with their defaults."""
    found = {}
    if importlib.util.find_spec("sklearn"):
        from sklearn.ensemble import IsolationForest

        found["IsolationForest"] = -IsolationForest(random_state=seed).fit(x).score_samples(x_test)
    other = pyod_autoencoder(x, seed)
    if other is not None:
        found["PyOD AutoEncoder"] = other.decision_function(x_test)
    return found


def pyod_autoencoder(x, seed, share=0.1):
    """PyOD's AutoEncoder, fitted to x with its defaults; None without PyOD. share: its contamination."""
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return None
    return AutoEncoder(contamination=share, random_state=seed, verbose=0).fit(x)


def fitted(settings, x, seed, **options):
    """An AnomalyDetector with its defaults, fitted to x. Raises KeyboardInterrupt if Ctrl-C ended its training."""
    options |= {"epochs": 2} if settings.quick else {}
    detector = AnomalyDetector(seed=seed, device=settings.device, **options).fit(x)
    if (detector.history.stopped or "").startswith("interrupted"):
        raise KeyboardInterrupt
    return detector
