"""Anomaly detection: rows that an autoencoder of normal data reconstructs badly, or gives unusual codes, are anomalies.

In reading order:

    mahalanobis.py    the Mahalanobis distance: distances in units of standard deviations
    distances.py      the four distances
    standardise.py    standardised rows, computed when they are taken
    training.py       a network and its training
    fitted.py         what is learnt from normal rows
    contributions.py  which features made a row odd
    threshold.py      the threshold: cross-fitting
    settings.py       what the settings of a detector may be
    detector.py       the detector
    saving.py         a fitted detector as a file
    curves.py         how good a detector is: ROC curve, precision and recall
"""

from npae.anomaly.curves import average_precision, precision_recall_curve, roc_auc, roc_curve
from npae.anomaly.detector import AnomalyDetector
from npae.anomaly.mahalanobis import Mahalanobis
from npae.anomaly.saving import load_detector, save_detector

__all__ = [
    "AnomalyDetector", "Mahalanobis", "average_precision", "load_detector", "precision_recall_curve", "roc_auc",
    "roc_curve", "save_detector",
]  # fmt: skip
