"""Chapter 13: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


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


def merge(m_1, s_1, m_2, s_2):
    m = max(m_1, m_2)
    return m, s_1 * np.exp(m_1 - m) + s_2 * np.exp(m_2 - m)


def without_rescaling(m_1, s_1, m_2, s_2):
    return max(m_1, m_2), s_1 + s_2


def of_the_smaller_one(m_1, s_1, m_2, s_2):
    m = min(m_1, m_2)
    return m, s_1 * np.exp(m_1 - m) + s_2 * np.exp(m_2 - m)


def with_the_weights_themselves(m_1, s_1, m_2, s_2):
    m = max(m_1, m_2)
    return m, (s_1 * np.exp(m_1) + s_2 * np.exp(m_2)) / np.exp(m)


def test_merging_two_sums_of_weights(chapter):
    check = chapter["check_merge"]
    check(merge)
    refuses(check, without_rescaling, lambda *given: merge(*given)[::-1])
    for wrong in (of_the_smaller_one, with_the_weights_themselves):
        with pytest.raises((AssertionError, FloatingPointError)):
            check(wrong)


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


def without_a_shift(log_w):
    w = np.exp(log_w)
    return -np.log(w.mean(axis=0)).mean(), -w / w.sum(axis=0) / log_w.shape[1]


def scaled(log_w, factor):
    J, gradient = importance_weighted_objective(log_w)
    return J, factor * gradient


def test_the_importance_weighted_objective(chapter):
    check = chapter["check_importance_weighted_objective"]
    check(importance_weighted_objective)
    refuses(check, with_equal_weights, of_the_elbo)
    refuses(check, without_a_shift, match="tiny weights")
    refuses(check, lambda log_w: scaled(log_w, 4), match="d_log_w is 4 times")
    refuses(check, lambda log_w: scaled(log_w, -1), match="sign is wrong")
