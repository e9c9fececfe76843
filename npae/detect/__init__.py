"""Anomaly detection: what an autoencoder of normal data cannot give back, or has never been at, is not normal.

Reading order: `mahalanobis.py` (lengths in standard deviations), `detector.py` (the detector and its four distances),
`curves.py` (how good a detector is: ROC, precision and recall).
"""

from npae.detect.curves import average_precision, precision_recall_curve, roc_auc, roc_curve
from npae.detect.detector import AnomalyDetector
from npae.detect.mahalanobis import Mahalanobis

__all__ = [
    "AnomalyDetector", "Mahalanobis", "average_precision", "precision_recall_curve", "roc_auc", "roc_curve",
]  # fmt: skip
