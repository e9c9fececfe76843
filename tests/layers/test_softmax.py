"""Softmax: the contract, the explicit Jacobian, extreme logits, errors."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import Dense, Sequential, SoftmaxHead
from tests.contract import check_layer, inputs
from tests.devices import each_device

X = inputs((5, 7))


@each_device
@pytest.mark.parametrize("classes", [2, 4, 7])
def test_contract(device, classes):
    check_layer(lambda: SoftmaxHead(classes), (5, 7), device)
    check_layer(lambda: Sequential(Dense(6, 7), SoftmaxHead(classes), Dense(7, 2)), (5, 6), device)


def test_only_the_first_columns_are_normalised():
    y = SoftmaxHead(3)(X)
    e = np.exp(X[:, :3])
    np.testing.assert_allclose(y[:, :3], e / e.sum(axis=1, keepdims=True), rtol=1e-13)
    np.testing.assert_array_equal(y[:, 3:], X[:, 3:])


def test_backward_is_the_product_with_the_jacobian():
    y, cache = SoftmaxHead(3).forward(X)
    dy = inputs((5, 7), 1)
    dx = SoftmaxHead(3).backward(dy, cache)
    for p, dp, da in zip(y[:, :3], dy[:, :3], dx[:, :3], strict=True):
        np.testing.assert_allclose(da, (np.diag(p) - np.outer(p, p)) @ dp, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(dx[:, 3:], dy[:, 3:])
    np.testing.assert_allclose(SoftmaxHead(3).backward(np.ones((5, 7)), cache)[:, :3], 0, atol=1e-15)
    assert SoftmaxHead(3).backward(dy, cache, needs_dx=False) is None


def test_a_backward_without_the_jacobian_is_found():
    class Straight(SoftmaxHead):
        def backward(self, dy, p, needs_dx=True):
            return dy

    del SoftmaxHead.registry["Straight"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(Straight(3), X)


def test_logits_of_any_size():
    with np.errstate(all="raise", under="ignore"):
        y = SoftmaxHead(3)(np.array([[1e5, -1e5, 0, 9], [-1e5, -1e5, -1e5, 9]], np.float32))
    np.testing.assert_allclose(y, [[1, 0, 0, 9], [1 / 3, 1 / 3, 1 / 3, 9]], rtol=1e-6)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="classes of SoftmaxHead: expected 2 or more, got 1"):
        SoftmaxHead(1)
    with pytest.raises(TypeError, match="classes of SoftmaxHead: expected an integer, got 2.5"):
        SoftmaxHead(2.5)
    for wrong in (np.zeros((4, 2)), np.zeros((4, 3, 3))):
        words = r"SoftmaxHead\(classes=3\): expected rows of 3 logits or more, got .*linear"
        with pytest.raises(ValueError, match=words):
            SoftmaxHead(3)(wrong)
    with pytest.raises(ValueError, match=r"of shape \(2,\)"):
        SoftmaxHead(3).out_shape((2,))
