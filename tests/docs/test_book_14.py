"""Chapter 14: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("14_adversarial.py")


def test_the_codes_approach_the_prior(chapter):
    assert chapter["js_after"] < 0.07 < 0.15 < chapter["js_before"]


def test_the_generators_digits_differ(chapter):
    assert chapter["shown"]["diversity"] > 0.5


def test_the_best_logit_with_label_smoothing(chapter):
    check = chapter["check_best_smoothed_logit"]
    check(lambda p, p_G, r: np.log(r * p / ((1 - r) * p + p_G)))
    refuses(check, lambda p, p_G, r: np.log(p / p_G), lambda p, p_G, r: np.log(r * p / p_G),
            lambda p, p_G, r: -np.log(r * p / ((1 - r) * p + p_G)), lambda p, p_G, r: r * p / (p + p_G))  # fmt: skip


def gradient_through(x_hat, W, c, v):
    h = np.tanh(x_hat @ W + c)
    db = -1 / (1 + np.exp(h @ v)) / len(x_hat)
    return db @ v.T * (1 - h**2) @ W.T


def saturating(x_hat, W, c, v):
    h = np.tanh(x_hat @ W + c)
    db = -1 / (1 + np.exp(-h @ v)) / len(x_hat)
    return db @ v.T * (1 - h**2) @ W.T


def without_the_mean(x_hat, W, c, v):
    return len(x_hat) * gradient_through(x_hat, W, c, v)


def without_the_derivative_of_tanh(x_hat, W, c, v):
    db = -1 / (1 + np.exp(np.tanh(x_hat @ W + c) @ v)) / len(x_hat)
    return db @ v.T @ W.T


def test_the_gradient_through_a_discriminator(chapter):
    check = chapter["check_gradient_through"]
    check(gradient_through)
    refuses(check, saturating, without_the_derivative_of_tanh, lambda *given: gradient_through(*given).T)
    refuses(check, without_the_mean, match="dx_hat is 5 times")
