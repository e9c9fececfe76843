"""ROC, precision and recall: against counts by hand, against all pairs, and against scikit-learn if it is installed."""

import numpy as np
import pytest

from npae.anomaly import average_precision, precision_recall_curve, roc_auc, roc_curve

Y = np.array([1, 0, 1, 1, 0, 0, 0])
S = np.array([9, 8, 8, 5, 5, 5, 1.0])  # two groups of ties


def random_case(seed, levels):
    rng = np.random.default_rng(seed)
    y = np.append(rng.random(200) < 0.2, [True, False])
    return y, rng.integers(0, levels, len(y)) + 0.5 * levels * (y & (rng.random(len(y)) < 0.5))


def test_the_curves_of_seven_rows_counted_by_hand():
    fpr, tpr, thresholds = roc_curve(Y, S)
    np.testing.assert_array_equal(thresholds, [np.inf, 9, 8, 5, 1])
    np.testing.assert_allclose(tpr, [0, 1 / 3, 2 / 3, 1, 1])
    np.testing.assert_allclose(fpr, [0, 0, 1 / 4, 3 / 4, 1])
    precision, recall, thresholds = precision_recall_curve(Y, S)
    np.testing.assert_array_equal(thresholds, [9, 8, 5, 1])
    np.testing.assert_allclose(precision, [1, 2 / 3, 3 / 6, 3 / 7])
    np.testing.assert_allclose(recall, [1 / 3, 2 / 3, 1, 1])
    assert average_precision(Y, S) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)


@pytest.mark.parametrize("levels", [2, 7, 10_000])
def test_the_area_is_the_probability_that_an_anomaly_scores_higher(levels):
    y, s = random_case(levels, levels)
    a, b = s[y][:, None], s[~y][None]
    assert roc_auc(y, s) == pytest.approx(((a > b) + 0.5 * (a == b)).mean(), rel=1e-12)


def test_perfect_reversed_and_equal_scores():
    y = np.array([0, 0, 0, 1])
    assert roc_auc(y, y) == 1 == average_precision(y, y)
    assert roc_auc(y, -y) == 0 and roc_auc(y, np.zeros(4)) == 0.5
    assert average_precision(y, np.zeros(4)) == 0.25 == average_precision(y, -y)


def test_infinite_scores_are_the_highest_and_lowest():
    """A detector gives ∞ to rows beyond the range of its network."""
    s = np.array([np.inf, 3, np.inf, 2, 1, -np.inf, 0])
    finite = np.array([9, 3, 9, 2, 1, -9, 0.0])
    assert roc_auc(Y, s) == roc_auc(Y, finite) and average_precision(Y, s) == average_precision(Y, finite)
    for ours, theirs in zip(roc_curve(Y, s)[:2], roc_curve(Y, finite)[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("levels", [1, 3, 20, 10_000])
def test_as_scikit_learn(levels):
    metrics = pytest.importorskip("sklearn.metrics")
    y, s = random_case(levels, levels)
    for ours, theirs in zip(roc_curve(y, s), metrics.roc_curve(y, s, drop_intermediate=False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    precision, recall, thresholds = metrics.precision_recall_curve(y, s)  # rising thresholds, then the point (0, 1)
    theirs = (precision[:-1][::-1], recall[:-1][::-1], thresholds[::-1])
    for ours, other in zip(precision_recall_curve(y, s), theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-12)
    assert roc_auc(y, s) == pytest.approx(metrics.roc_auc_score(y, s), rel=1e-12)
    assert average_precision(y, s) == pytest.approx(metrics.average_precision_score(y, s), rel=1e-12)


@pytest.mark.parametrize("function", [roc_auc, average_precision, roc_curve, precision_recall_curve])
@pytest.mark.parametrize(("y", "s", "words"), [
    ([1, 0], [1.0], r"one label and one score per row, got shapes \(2,\) and \(1,\)"),
    ([[1, 0]], [[1.0, 2.0]], "one label and one score per row"),
    ([1, 1], [1.0, 2.0], r"at least one of each, got \[1\]"),
    ([0, 0], [1.0, 2.0], r"at least one of each, got \[0\]"),
    ([], [], "at least one of each"),
    ([1, -1], [1.0, 2.0], r"1 \(anomaly\) and 0 \(normal\).*got \[-1  1\]"),
    ([1, 0], [1.0, np.nan], "Expected scores, got NaN"),
])  # fmt: skip
def test_labels_and_scores_without_a_curve_raise(function, y, s, words):
    with pytest.raises(ValueError, match=words):
        function(y, s)


@pytest.mark.parametrize("levels", [3, 10_000])
def test_at_another_prevalence_normal_rows_count_as_if_they_were_more(levels):
    """Every normal row, w times: the prevalence is P/(P + w N)."""
    y, s = random_case(5, levels)
    P, N = y.sum(), (~y).sum()
    for w in (1, 7):
        many = np.append(y, np.repeat(y[~y], w - 1)), np.append(s, np.repeat(s[~y], w - 1))
        assert average_precision(y, s, P / (P + w * N)) == pytest.approx(average_precision(*many), rel=1e-12)
    assert average_precision(y, y.astype(float), 1e-4) == 1
    assert average_precision(y, np.zeros(len(y)), 1e-4) == pytest.approx(1e-4)
    assert average_precision(y, -y.astype(float), 1e-4) == pytest.approx(1e-4)  # all anomalies come last


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, float("nan")])
def test_a_prevalence_is_between_0_and_1(prevalence):
    with pytest.raises(ValueError, match="prevalence of average_precision: expected a number above 0 and below 1"):
        average_precision(Y, S, prevalence)
