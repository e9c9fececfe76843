"""Chapter 0: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("00_one_page.py")


def test_the_network_has_learned(chapter):
    assert chapter["J_test"] < 0.25 * chapter["J_start"]


def test_the_derivative_of_tanh(chapter):
    check = chapter["check_tanh_derivative"]
    check(lambda h: 1 - h**2)
    refuses(check, lambda h: 1 - h, lambda h: h * (1 - h), lambda h: 1 - np.tanh(h) ** 2, lambda h: h**2 - 1)


def squared_error(t, x):
    x_hat = 1 / (1 + np.exp(-t))
    error = (x_hat - x) / len(x)
    return len(x) * (error**2).sum() / 2, error * x_hat * (1 - x_hat)


def without_the_derivative_of_sigma(t, x):
    x_hat = 1 / (1 + np.exp(-t))
    return squared_error(t, x)[0], (x_hat - x) / len(x)


def test_the_squared_error_of_pixels(chapter):
    check = chapter["check_squared_error"]
    check(squared_error)
    refuses(check, without_the_derivative_of_sigma, lambda t, x: squared_error(t, x)[1])
    refuses(check, lambda t, x: (squared_error(t, x)[0], len(x) * squared_error(t, x)[1]), match="dt is 4 times")
    refuses(check, lambda t, x: (squared_error(t, x)[0], -squared_error(t, x)[1]), match="The sign is wrong")
    refuses(check, lambda t, x: (squared_error(t, x)[0], squared_error(t, x)[1].T), match=r"got \(3, 4\)")
