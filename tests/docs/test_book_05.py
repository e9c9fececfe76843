"""Chapter 5: it runs, and its exercises accept right answers and refuse wrong ones."""

import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("05_deep.py")


def test_the_start_decides(chapter):
    small, he, rescaled = chapter["J"]
    assert rescaled < he < small
    assert small == pytest.approx(chapter["J_mean"], rel=0.02)


def test_the_variance_for_a_leaky_rectifier(chapter):
    check = chapter["check_leaky_variance"]
    check(lambda n, alpha: 2 / ((1 + alpha**2) * n))
    refuses(check, lambda n, alpha: 2 / n, lambda n, alpha: 1 / n, lambda n, alpha: 2 / ((1 + alpha) * n))


def rescale(W, x, mean, std):
    a = x @ W
    factor = std / a.std(axis=0)
    return W * factor, mean - a.mean(axis=0) * factor


def without_the_bias(W, x, mean, std):
    return rescale(W, x, mean, std)[0], mean


def by_the_variance(W, x, mean, std):
    a = x @ W
    factor = std / a.var(axis=0)
    return W * factor, mean - a.mean(axis=0) * factor


def with_the_old_mean(W, x, mean, std):
    return rescale(W, x, mean, std)[0], mean - (x @ W).mean(axis=0)


def test_rescaling_a_layer(chapter):
    check = chapter["check_rescale"]
    check(rescale)
    refuses(check, without_the_bias, by_the_variance, with_the_old_mean)
    refuses(check, lambda W, x, mean, std: rescale(W, x, mean, 1), match="W is 2 times")
