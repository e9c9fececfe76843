"""The threshold: the quantile against order statistics, the parts, and the share of new normal rows that exceed it."""

import numpy as np
import pytest

from npae.anomaly import AnomalyDetector
from npae.anomaly.distances import DISTANCES
from npae.anomaly.threshold import held_out, others, upper_quantile

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("m", "share"), [(19, 0.1), (19, 0.125), (100, 0.05), (7, 0.5), (9, 0.1), (2, 0.5)])
def test_a_further_distance_exceeds_the_quantile_with_the_probability(m, share):
    """For D uniform in [0, 1] P(D > t) = 1 − t, which is linear, so that interpolation between two of them is exact."""
    trials = np.random.default_rng(1).random((20_000, m))
    assert np.mean([1 - upper_quantile(row, share) for row in trials]) == pytest.approx(share, rel=0.02)


def test_the_quantile_in_closed_form():
    D = np.arange(1.0, 20)  # 1 … 19: place k is 20 − k
    assert upper_quantile(D, 0.05) == 19 and upper_quantile(D, 0.1) == 18 and upper_quantile(D, 0.125) == 17.5
    assert upper_quantile(RNG.permutation(D), 0.5) == 10
    assert upper_quantile(D[:4], 0.1) == 4 and upper_quantile(D[:1], 0.5) == 1  # few rows for the share: the largest


def test_infinite_distances_exceed_every_threshold():
    D = np.append(np.arange(1.0, 18), [np.inf, np.inf])
    assert upper_quantile(D, 0.05) == 17 == upper_quantile(D, 0.1)
    assert upper_quantile(D, 0.2) == 16
    assert upper_quantile(np.full(4, np.inf), 0.1) == -np.inf


@pytest.mark.parametrize("n", [3, 4, 9, 10, 57, 499])
def test_the_parts_hold_every_row_once_if_all_are_needed(n):
    parts, refit = held_out(n, 0.1, 10, seed=0)
    assert refit and len(parts) == min(10, n)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    assert all((np.diff(part) > 0).all() for part in parts)
    np.testing.assert_array_equal(others(parts[0], n), np.setdiff1d(np.arange(n), parts[0]))


def test_so_many_parts_as_hold_50_rows_beyond_the_threshold():
    for n, share, count in ((500, 0.1, 10), (1000, 0.1, 5), (2000, 0.1, 3), (2000, 0.05, 5), (5000, 0.1, 1)):
        parts, refit = held_out(n, share, 10, seed=0)
        assert refit and len(parts) == count and sum(map(len, parts)) == count * n // 10
    for n, share in ((50_000, 0.1), (200_000, 0.1), (500_000, 0.01)):  # 1 % of the rows: left out for good
        parts, refit = held_out(n, share, 10, seed=0)
        assert not refit and [len(part) for part in parts] == [round(50 / share)]
    assert len(held_out(5000, 0.1, 10, seed=0, every_row=True)[0]) == 10
    assert held_out(100, 0.1, 0, seed=0) == ([], True) == held_out(2, 0.1, 10, seed=0)


def test_the_seed_draws_the_parts():
    a, b, c = (held_out(100, 0.1, 10, seed)[0][0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def correlated(n, d, seed):
    mix = np.random.default_rng([seed, 1]).standard_normal((d, d))
    x = np.random.default_rng(seed).standard_normal((n + 2000, d)) @ mix
    return x[:n], x[n:]


@pytest.mark.parametrize("distance", [
    distance if distance == "joint" else pytest.param(distance, marks=pytest.mark.slow) for distance in DISTANCES
])  # fmt: skip
def test_few_new_normal_rows_of_a_small_table_exceed_the_threshold(distance):
    """100 rows of 29 features. From the training rows' own distances it would be most of the new rows.

    A latent code of few numbers fits its training rows hardly better than new ones: its threshold errs by little.
    """
    shares, naive = [], []
    for seed in range(3):
        x, new = correlated(100, 29, seed)
        detector = AnomalyDetector(distance=distance, contamination=0.05, seed=seed).fit(x)
        shares.append((detector.predict(new) == -1).mean())
        D = detector.distances(new)
        detector.folds = 0
        detector.fit(x)
        np.testing.assert_array_equal(detector.distances(new), D)  # the same detector, with another threshold
        naive.append((detector.predict(new) == -1).mean())
        assert (detector.predict(x) == -1).sum() == 5
    assert max(shares) < 0.12 and np.mean(shares) < 0.08
    assert np.mean(naive) > {"joint": 0.9, "residual": 0.9, "reconstruction": 0.6, "latent": 0.06}[distance]
    assert np.all(np.array(naive) > shares)


def test_a_large_table_is_fitted_once_without_the_held_out_rows():
    x, new = correlated(10_000, 5, 0)
    detector = AnomalyDetector(epochs=1, contamination=0.5).fit(x)
    assert len(detector.held_out_rows) == 100 == len(detector.held_out_distances)
    np.testing.assert_allclose(detector.held_out_distances, detector.distances(x[detector.held_out_rows]), rtol=1e-5)
    kept = np.delete(x, detector.held_out_rows, axis=0)
    np.testing.assert_allclose(detector.mean, kept.mean(axis=0), rtol=1e-12)
    assert (detector.predict(new) == -1).mean() == pytest.approx(0.5, abs=0.15)


def test_each_held_out_distance_comes_from_a_fit_to_the_other_rows():
    x, _ = correlated(40, 6, 0)
    detector = AnomalyDetector(epochs=2, folds=4).fit(x)
    by_row = np.empty(40)
    by_row[detector.held_out_rows] = detector.held_out_distances
    for part in np.split(detector.held_out_rows, 4):
        alone = AnomalyDetector(epochs=2, folds=0).fit(np.delete(x, part, axis=0))
        np.testing.assert_allclose(by_row[part], alone.distances(x[part]), rtol=1e-6)


def test_fit_predict_judges_every_row_by_a_fit_to_other_rows():
    x, _ = correlated(200, 30, 0)
    labels = AnomalyDetector(contamination=0.1).fit_predict(x)
    assert (labels == -1).sum() == 20
    detector = AnomalyDetector(contamination=0.1).fit(x)
    np.testing.assert_array_equal(labels[detector.held_out_rows] == -1,
                                  detector.held_out_distances > detector.threshold)  # fmt: skip
    naive = AnomalyDetector(contamination=0.1, folds=0, epochs=2)
    np.testing.assert_array_equal(naive.fit_predict(x), naive.fit(x).predict(x))
