"""Chapter 3: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("03_784_32_784.py")


def test_squared_error_learns_the_wrongest_pixels_slowest(chapter):
    fast, slow = chapter["arrival"]
    assert slow > 50 * fast


def log_sigmoid(t):
    return np.minimum(t, 0) - np.log1p(np.exp(-abs(t)))


def test_the_logarithm_of_the_sigmoid(chapter):
    check = chapter["check_log_sigmoid"]
    check(log_sigmoid)
    refuses(check, lambda t: np.minimum(t, 0) - np.log(1 + np.exp(-abs(t))), lambda t: np.minimum(t, 0),
            lambda t: -log_sigmoid(t), lambda t: log_sigmoid(-t))  # fmt: skip
    with pytest.raises(FloatingPointError, match="overflow"):
        check(lambda t: -np.log(1 + np.exp(-t)))


def signed_cross_entropy(t, x):
    return -log_sigmoid(x * t).sum() / len(t), -x / (1 + np.exp(x * t)) / len(t)


def test_the_cross_entropy_of_signs(chapter):
    check = chapter["check_signed_cross_entropy"]
    check(signed_cross_entropy)
    refuses(check, lambda t, x: (signed_cross_entropy(t, x)[0], signed_cross_entropy(t, x)[1] * len(t)),
            lambda t, x: signed_cross_entropy(t, -x))  # fmt: skip
    refuses(check, lambda t, x: (signed_cross_entropy(t, x)[0], -signed_cross_entropy(t, x)[1]), match="sign is wrong")
