"""Chapter 10: it runs, and its exercises accept right answers and refuse wrong ones."""

import numpy as np
import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("10_convolution.py")


def test_a_convolutional_autoencoder_does_not_mind_a_shift(chapter):
    J = chapter["J"]
    assert J["convolutional"][1] < 1.07 * J["convolutional"][0]
    assert J["dense"][1] > 2 * J["dense"][0]


def convolution_backward(da, x, W, s):
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for p in range(len(da)):
        for t in range(len(W)):
            dx[s * p + t] += da[p] * W[t]
            dW[t] += da[p] * x[s * p + t]
    return dx, dW


def with_the_last_patch_only(da, x, W, s):
    _, dW = convolution_backward(da, x, W, s)
    dx = np.zeros_like(x)
    for p in range(len(da)):
        dx[s * p : s * p + len(W)] = da[p] * W
    return dx, dW


def with_a_flipped_kernel(da, x, W, s):
    dx, _ = convolution_backward(da, x, W[::-1], s)
    return dx, convolution_backward(da, x, W, s)[1]


def test_the_backward_pass_of_a_convolution(chapter):
    check = chapter["check_convolution_backward"]
    check(convolution_backward)
    refuses(check, with_the_last_patch_only, with_a_flipped_kernel)
    refuses(check, lambda *given: convolution_backward(*given)[::-1], match=r"dx: .*shape \(7,\)")


def smooth_pooling_backward(dy, x, beta):
    e = np.exp(beta * (x - x.max(axis=1, keepdims=True)))
    return dy[:, None] * e / e.sum(axis=1, keepdims=True)


def that_overflows(dy, x, beta):
    e = np.exp(beta * x)
    return dy[:, None] * e / e.sum(axis=1, keepdims=True)


def times_beta(dy, x, beta):
    return beta * smooth_pooling_backward(dy, x, beta)


def test_smooth_pooling(chapter):
    check = chapter["check_smooth_pooling_backward"]
    check(smooth_pooling_backward)
    with pytest.raises(FloatingPointError):
        check(that_overflows)
    refuses(check, times_beta, match="dx is 0.5 times")
    refuses(check, lambda dy, x, beta: smooth_pooling_backward(np.ones(len(x)), x, beta))
