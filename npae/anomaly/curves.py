"""How good a detector is: at every threshold, which anomalies it finds, and what else it takes for anomalies.

Rows with a score ≥ t are called positive (anomalies). Of the P that truly are, TP are found; of the N others, FP are
called so too:

    true positive rate = recall = TP/P        false positive rate = FP/N        precision = TP/(TP + FP)

As t falls from the highest score to the lowest, these draw two curves. Rows with equal scores are called together, so
every *different* score is one point.

    area under the ROC curve      ∫ TPR dFPR, with straight lines between the points
    average precision             Σ_k (recall_k − recall_k₋₁) precision_k, with steps: lines would promise too much

The first is the chance that an anomaly scores higher than a normal row, a tie being worth one half: a step to the right
by the normal rows of one score adds, for each of them, the anomalies above it, and a slope over tied rows half of them.
It does not depend on how rare anomalies are, the second does. Fawcett 2006, "An introduction to ROC analysis"; Davis &
Goadrich 2006, "The relationship between precision-recall and ROC curves".
"""

import numpy as np


def _counts(y, scores):
    """(TP, FP, t) at every threshold t: the different scores, falling."""
    y, scores = np.asarray(y), np.asarray(scores)
    if y.ndim != 1 or y.shape != scores.shape:
        raise ValueError(f"Expected one truth and one score a row, got shapes {y.shape} and {scores.shape}.")
    if not np.array_equal(np.unique(y), (0, 1)):
        raise ValueError(f"Expected truths 1 (anomaly) and 0 (normal), at least one of each, got {np.unique(y)[:4]}.")
    if not np.isfinite(scores).all():
        raise ValueError("Expected finite scores, got NaN or Inf: look for rows that the detector cannot score.")
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(y[order], dtype=np.int64)
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of equal scores
    return found[last], last + 1 - found[last], scores[last]


def roc_curve(y, scores):
    """(false positive rates, true positive rates, thresholds), from (0, 0) at the threshold ∞ to (1, 1).

    y: 1 for an anomaly, 0 for a normal row, (n,); scores: higher for what is more likely an anomaly, (n,).
    Raises ValueError if the shapes differ, if y has one kind only, or if a score is NaN or infinite.
    """
    tp, fp, thresholds = _counts(y, scores)
    return np.append(0, fp / fp[-1]), np.append(0, tp / tp[-1]), np.append(np.inf, thresholds)


def roc_auc(y, scores):
    """The area under the ROC curve, by the trapezoidal rule: ½ is chance, 1 is perfect. Arguments as for roc_curve."""
    fpr, tpr, _ = roc_curve(y, scores)
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2).sum())


def precision_recall_curve(y, scores):
    """(precisions, recalls, thresholds), thresholds falling, recalls rising to 1. Arguments as for roc_curve."""
    tp, fp, thresholds = _counts(y, scores)
    return tp / (tp + fp), tp / tp[-1], thresholds


def average_precision(y, scores):
    """Σ_k (recall_k − recall_k₋₁) precision_k: the share of anomalies is chance, 1 is perfect. As for roc_curve."""
    precision, recall, _ = precision_recall_curve(y, scores)
    return float((np.diff(recall, prepend=0) * precision).sum())
