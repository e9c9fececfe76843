"""Chapter 15: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("15_anomalies.py")


def test_code_and_residual_add_up_in_a_trained_linear_network_alone(chapter):
    found = chapter["found"]
    assert max(found["trained"]) < 1e-6 and found["random"][0] < 1e-6
    assert found["random"][1] > 0.1


def test_other_digits_are_found(chapter):
    assert chapter["auc"]["joint"] > 0.93
    assert chapter["beyond"]["new eights"] < 0.2 < chapter["beyond"]["other digits"]


def whitened(x):
    y = x - x.mean(axis=0)
    s, V = np.linalg.eigh(y.T @ y / len(y))
    return y @ V / np.sqrt(s)


def standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def by_the_inverse(x):
    y = x - x.mean(axis=0)
    return y @ np.linalg.inv(y.T @ y / len(y))


def test_whitening(chapter):
    check = chapter["check_whitened"]
    check(whitened)
    refuses(check, standardised, by_the_inverse, lambda x: x, lambda x: whitened(x).T)
    refuses(check, lambda x: whitened(x) + 1, match="expected the mean 0")


def contributions_to_M2(x, mu, S):
    return (x - mu) * np.linalg.solve(S, x - mu)


def test_the_contributions_to_a_mahalanobis_distance(chapter):
    check = chapter["check_contributions_to_M2"]
    check(contributions_to_M2)
    refuses(check, lambda x, mu, S: (x - mu) ** 2 / np.diag(S), lambda x, mu, S: x * np.linalg.solve(S, x))
    refuses(check, lambda x, mu, S: 2 * contributions_to_M2(x, mu, S), match="c is 2 times")
    refuses(check, lambda x, mu, S: contributions_to_M2(x, mu, S).sum(), match=r"shape \(5,\), got \(\)")
