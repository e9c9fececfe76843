"""Chapter 1: it runs, and its exercises accept right answers and refuse wrong ones."""

import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("01_one_layer.py")


def test_the_step_of_gradcheck_is_near_the_best(chapter):
    assert 1e-6 < chapter["best"] < 1e-4
    assert len(chapter["broken"]) == 4


def sigmoid_layer_backward(dh, x, W, h):
    da = dh * h * (1 - h)
    return da @ W.T, x.T @ da, da.sum(axis=0)


def without_slope(dh, x, W, h):
    return dh @ W.T, x.T @ dh, dh.sum(axis=0)


def with_a_mean(dh, x, W, h):
    dx, dW, db = sigmoid_layer_backward(dh, x, W, h)
    return dx, dW, db / len(x)


def with_a_transpose(dh, x, W, h):
    dx, dW, db = sigmoid_layer_backward(dh, x, W, h)
    return dx, dW.T, db


def test_the_backward_pass_of_a_sigmoid_layer(chapter):
    check = chapter["check_sigmoid_layer_backward"]
    check(sigmoid_layer_backward)
    refuses(check, without_slope, lambda *given: tuple(-part for part in sigmoid_layer_backward(*given)))
    refuses(check, with_a_mean, match="db is 0.25 times")
    refuses(check, with_a_transpose, match=r"dW: expected the shape \(5, 3\), got \(3, 5\)")


def test_the_best_step_of_a_one_sided_difference(chapter):
    check = chapter["check_best_one_sided_step"]
    check(lambda J, J_2: 2 * (2.0**-53 * J / J_2) ** 0.5)
    refuses(check, lambda J, J_2: (2.0**-53 * J / J_2) ** 0.5, lambda J, J_2: (3 * 2.0**-53 * J / J_2) ** (1 / 3))
