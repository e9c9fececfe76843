"""Chapter 11: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("11_invariances.py")


def test_weights_before_a_normalisation_grow(chapter):
    for _, lengths, predicted in chapter["runs"].values():
        assert (np.diff(lengths) > 0).all()
        np.testing.assert_allclose(lengths, predicted, rtol=1e-9)


def fold(W, b, gamma, beta, m, s, epsilon):
    scale = gamma / np.sqrt(s + epsilon)
    return W * scale, (b - m) * scale + beta


def without_the_old_bias(W, b, gamma, beta, m, s, epsilon):
    return fold(W, 0, gamma, beta, m, s, epsilon)


def by_the_variance(W, b, gamma, beta, m, s, epsilon):
    scale = gamma / (s + epsilon)
    return W * scale, (b - m) * scale + beta


def without_epsilon(W, b, gamma, beta, m, s, epsilon):
    return fold(W, b, gamma, beta, m, s, 0)


def test_folding_a_normalisation_into_a_layer(chapter):
    check = chapter["check_fold"]
    check(fold)
    refuses(check, without_the_old_bias, by_the_variance, without_epsilon)


def rms_backward(dy, x):
    r = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True))
    y = x * r
    return r * (dy - y * (dy * y).mean(axis=1, keepdims=True))


def with_r_fixed(dy, x):
    return dy / np.sqrt((x**2).mean(axis=1, keepdims=True))


def with_the_mean_removed(dy, x):
    dx = rms_backward(dy, x)
    return dx - dx.mean(axis=1, keepdims=True)


def test_the_backward_pass_of_rms_normalisation(chapter):
    check = chapter["check_rms_backward"]
    check(rms_backward)
    refuses(check, with_r_fixed, with_the_mean_removed)
    refuses(check, lambda dy, x: -rms_backward(dy, x), match="sign is wrong")
