"""Chapter 13: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("13_likelihood.py")


def test_the_gap_falls_with_the_number_of_codes(chapter):
    for gaps, chi_squared in chapter["cases"].values():
        assert (np.diff(gaps) < 0).all()
        np.testing.assert_allclose(gaps[-1], chi_squared / (2 * chapter["sizes"][-1]), rtol=0.25)


def test_an_elbo_is_not_a_likelihood(chapter):
    (elbo_1, _, log_p_1), (elbo_8, _, log_p_8) = chapter["measured"].values()
    assert elbo_8 < elbo_1 - 1
    assert abs(log_p_8 - log_p_1) < 2


def update(m, s, log_w):
    largest = max(m, log_w.max())
    return largest, s * np.exp(m - largest) + np.exp(log_w - largest).sum()


def without_rescaling(m, s, log_w):
    largest = max(m, log_w.max())
    return largest, s + np.exp(log_w - largest).sum()


def without_the_largest(m, s, log_w):
    return 0.0, s + np.exp(log_w).sum()


def test_a_sum_of_weights_in_chunks(chapter):
    check = chapter["check_update"]
    check(update)
    refuses(check, without_rescaling, without_the_largest)


def importance_weighted_objective(log_w):
    K, B = log_w.shape
    largest = log_w.max(axis=0)
    w = np.exp(log_w - largest)
    return -(largest + np.log(w.mean(axis=0))).mean(), -w / w.sum(axis=0) / B


def with_equal_weights(log_w):
    J, _ = importance_weighted_objective(log_w)
    return J, np.full_like(log_w, -1 / log_w.size)


def of_the_elbo(log_w):
    return -log_w.mean(), np.full_like(log_w, -1 / log_w.size)


def test_the_importance_weighted_objective(chapter):
    check = chapter["check_importance_weighted_objective"]
    check(importance_weighted_objective)
    refuses(check, with_equal_weights, of_the_elbo)
