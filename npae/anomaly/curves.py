"""ROC and precision-recall curves: how well a score separates anomalies from normal rows, at every threshold.

At the threshold t, rows with a score ≥ t are called anomalies (positive). There are P true anomalies, of which TP are
called so, and N normal rows, of which FP are called so by mistake:

    true positive rate = recall = TP/P        false positive rate = FP/N        precision = TP/(TP + FP)

As t falls from the highest score to the lowest, these rates trace two curves. Rows with equal scores pass the threshold
together, so each *different* score gives one point.

    area under the ROC curve      AUC = ∫ TPR dFPR, with straight lines between the points
    average precision             Σ_k (recall_k − recall_k₋₁) precision_k, with steps: straight lines are too optimistic

The AUC has a meaning of its own. In the integral each normal row adds the fraction of anomalies with a higher score,
and one half of those with the same score, divided by N. Hence

    AUC = P(score of an anomaly > score of a normal row) + ½ P(the two are equal)

It does not depend on how rare anomalies are; average precision does.

**Another prevalence.** A sample that is richer in anomalies than what it stands for has the same TPR and FPR, up to
chance, but other numbers P and N. If a share π of all rows are anomalies, a share π TPR of all rows is called so
rightly, and a share (1 − π) FPR by mistake:

    precision_π = π TPR/(π TPR + (1 − π) FPR)                the same as above for π = P/(P + N)

N normal rows show no FPR between 0 and 1/N. Where π is not much larger than 1/N, precision_π rests on a few rows.

Fawcett 2006, "An introduction to ROC analysis"; Davis & Goadrich 2006, "The relationship between precision-recall and
ROC curves".
"""

import numpy as np

from npae.backend import Array, ArrayLike, as_float


def _counts(y: ArrayLike, scores: ArrayLike) -> tuple[Array, Array, Array]:
    """(TP, FP, t) at every threshold t: at each different score, from the highest to the lowest."""
    y, scores = np.asarray(y), np.asarray(scores)
    if y.ndim != 1 or y.shape != scores.shape:
        raise ValueError(f"Expected one label and one score per row, got shapes {y.shape} and {scores.shape}.")
    if not np.array_equal(np.unique(y), (0, 1)):
        raise ValueError(f"Expected labels 1 (anomaly) and 0 (normal), at least one of each, got {np.unique(y)[:4]}.")
    if np.isnan(scores).any():
        raise ValueError("Expected scores, got NaN: look for rows that cannot be scored.")
    order = np.argsort(-scores, kind="stable")
    scores, tp = scores[order], np.cumsum(y[order], dtype=np.int64)
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # of each run of equal scores
    return tp[last], last + 1 - tp[last], scores[last]


def roc_curve(y: ArrayLike, scores: ArrayLike) -> tuple[Array, Array, Array]:
    """(false positive rates, true positive rates, thresholds), from (0, 0) at the threshold ∞ to (1, 1).

    Args:
        y: labels (n,), 1 for an anomaly and 0 for a normal row.
        scores: (n,), higher for rows more likely to be anomalies: AnomalyDetector.distances(x), or minus its
            score_samples(x). They may be infinite.

    Raises ValueError if the shapes differ, if a label is not 0 or 1 or only one of them occurs, and if a score is NaN.

    Example:
        >>> from npae.anomaly import roc_curve
        >>> fpr, tpr, thresholds = roc_curve([0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0])
        >>> fpr.tolist(), tpr.tolist()
        ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    tp, fp, thresholds = _counts(y, scores)
    return np.append(0, fp / fp[-1]), np.append(0, tp / tp[-1]), np.append(np.inf, thresholds)


def roc_auc(y: ArrayLike, scores: ArrayLike) -> float:
    """The area under the ROC curve, by the trapezoidal rule: ½ for random scores, 1 for perfect ones.

    Args:
        y: labels (n,), 1 for an anomaly and 0 for a normal row.
        scores: (n,), higher for rows more likely to be anomalies.

    Raises ValueError as roc_curve does.

    Example:
        >>> from npae.anomaly import roc_auc
        >>> roc_auc([0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0])  # of the four pairs of an anomaly and a normal row, three
        0.75
    """
    fpr, tpr, _ = roc_curve(y, scores)
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2).sum())


def precision_recall_curve(y: ArrayLike, scores: ArrayLike) -> tuple[Array, Array, Array]:
    """(precisions, recalls, thresholds), with falling thresholds and recalls that rise to 1.

    Args:
        y: labels (n,), 1 for an anomaly and 0 for a normal row.
        scores: (n,), higher for rows more likely to be anomalies.

    Raises ValueError as roc_curve does.

    Example:
        >>> from npae.anomaly import precision_recall_curve
        >>> precision, recall, thresholds = precision_recall_curve([0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0])
        >>> precision.round(3).tolist(), recall.tolist()
        ([1.0, 0.5, 0.667, 0.5], [0.5, 0.5, 1.0, 1.0])
    """
    tp, fp, thresholds = _counts(y, scores)
    return tp / (tp + fp), tp / tp[-1], thresholds


def average_precision(y: ArrayLike, scores: ArrayLike, prevalence: float | None = None) -> float:
    """Σ_k (recall_k − recall_k₋₁) precision_k: the share of anomalies for random scores, 1 for perfect ones.

    Args:
        y: labels (n,), 1 for an anomaly and 0 for a normal row.
        scores: (n,), higher for rows more likely to be anomalies.
        prevalence: π, the share of anomalies where the scores are to be used, above 0 and below 1; None: that of y.

    Raises ValueError as roc_curve does, and for another prevalence.

    Example:
        >>> from npae.anomaly import average_precision
        >>> y, scores = [0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0]
        >>> round(average_precision(y, scores), 3), round(average_precision(y, scores, prevalence=0.01), 3)
        (0.833, 0.51)
    """
    if prevalence is None:
        precision, recall, _ = precision_recall_curve(y, scores)
    else:
        share = as_float(prevalence, "prevalence of average_precision", above=0, below=1)
        false, recall, _ = (values[1:] for values in roc_curve(y, scores))
        right = share * recall
        precision = right / np.maximum(right + (1 - share) * false, np.finfo(float).tiny)
    return float((np.diff(recall, prepend=0) * precision).sum())
