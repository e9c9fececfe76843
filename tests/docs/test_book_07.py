"""Chapter 7: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("07_sparsity.py")


def test_l1_can_be_dodged_and_weight_decay_prevents_it(chapter):
    assert chapter["before"] > 1000 * chapter["after"]
    assert chapter["ratio"] == pytest.approx(1, abs=0.05)


def other_divergence(h, rho):
    q = h.mean(axis=0)
    omega = (q * np.log(q / rho) + (1 - q) * np.log((1 - q) / (1 - rho))).sum()
    dh = np.log(q / rho) - np.log((1 - q) / (1 - rho))
    return omega, np.tile(dh / len(h), (len(h), 1))


def without_the_mean(h, rho):
    omega, dh = other_divergence(h, rho)
    return omega, dh * len(h)


def of_the_first_order(h, rho):
    omega, _ = other_divergence(h, rho)
    q = h.mean(axis=0)
    return omega, np.tile((-rho / q + (1 - rho) / (1 - q)) / len(h), (len(h), 1))


def test_the_other_divergence(chapter):
    check = chapter["check_other_divergence"]
    check(other_divergence)
    refuses(check, of_the_first_order, lambda h, rho: (other_divergence(h, rho)[0], other_divergence(h, rho)[1][0]))
    refuses(check, without_the_mean, match="dh is 7 times")


def test_the_best_scale(chapter):
    check = chapter["check_best_scale"]
    check(lambda lam, A, mu, V: (lam * A / (mu * V)) ** (1 / 3))
    refuses(check, lambda lam, A, mu, V: (lam * A / (mu * V)) ** 0.5,
            lambda lam, A, mu, V: (2 * lam * A / (mu * V)) ** (1 / 3), lambda lam, A, mu, V: lam * A / V)  # fmt: skip
