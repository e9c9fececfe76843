"""Chapter 4: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("04_descent.py")


def test_momentum_needs_fewer_steps(chapter):
    descent, momentum = chapter["needed"]
    assert 0 < momentum < descent / 4


def test_the_largest_rate(chapter):
    check = chapter["check_largest_rate"]
    check(lambda lam, mu: 2 * (1 + mu) / lam)
    refuses(check, lambda lam, mu: 2 / lam, lambda lam, mu: (1 + mu**0.5) ** 2 / lam)


def adam_step(theta, m, v, g, t, eta, beta1, beta2, eps):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - eta * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def without_correction(theta, m, v, g, t, eta, beta1, beta2, eps):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - eta * m / (np.sqrt(v) + eps), m, v


def with_eps_below_the_root(theta, m, v, g, t, eta, beta1, beta2, eps):
    _, m, v = adam_step(theta, m, v, g, t, eta, beta1, beta2, eps)
    return theta - eta * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps), m, v


def with_m_corrected_twice(theta, m, v, g, t, eta, beta1, beta2, eps):
    theta, m, v = adam_step(theta, m, v, g, t, eta, beta1, beta2, eps)
    return theta, m / (1 - beta1**t), v


def test_a_step_of_adam(chapter):
    check = chapter["check_adam_step"]
    check(adam_step)
    refuses(check, without_correction, with_eps_below_the_root)
    refuses(check, with_m_corrected_twice, match="m.*step 1")
