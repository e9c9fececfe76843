"""npae.layers.softmax: the contract, the Jacobian written down, extremes, and what is refused."""

import numpy as np
import pytest

from npae import gradcheck
from npae.layers import Dense, Sequential, Softmax
from tests.contract import check_layer, inputs
from tests.devices import each_device

X = inputs((5, 7))


@each_device
@pytest.mark.parametrize("classes", [2, 4, 7])
def test_contract(device, classes):
    check_layer(lambda: Softmax(classes), (5, 7), device)
    check_layer(lambda: Sequential(Dense(6, 7), Softmax(classes), Dense(7, 2)), (5, 6), device)


def test_probabilities_in_front_and_the_rest_as_it_is():
    y = Softmax(3)(X)
    e = np.exp(X[:, :3])
    np.testing.assert_allclose(y[:, :3], e / e.sum(axis=1, keepdims=True), rtol=1e-13)
    np.testing.assert_array_equal(y[:, 3:], X[:, 3:])


def test_backward_is_the_product_with_the_jacobian():
    y, cache = Softmax(3).forward(X)
    dy = inputs((5, 7), 1)
    dx = Softmax(3).backward(dy, cache)
    for p, dp, dz in zip(y[:, :3], dy[:, :3], dx[:, :3], strict=True):
        np.testing.assert_allclose(dz, (np.diag(p) - np.outer(p, p)) @ dp, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(dx[:, 3:], dy[:, 3:])
    np.testing.assert_allclose(Softmax(3).backward(np.ones((5, 7)), cache)[:, :3], 0, atol=1e-15)
    assert Softmax(3).backward(dy, cache, needs_dx=False) is None


def test_without_the_jacobian_it_is_found():
    class Straight(Softmax):
        def backward(self, dy, p, needs_dx=True):
            return dy

    del Softmax.registry["Straight"]
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(Straight(3), X)


def test_scores_of_any_size():
    with np.errstate(all="raise", under="ignore"):
        y = Softmax(3)(np.array([[1e5, -1e5, 0, 9], [-1e5, -1e5, -1e5, 9]], np.float32))
    np.testing.assert_allclose(y, [[1, 0, 0, 9], [1 / 3, 1 / 3, 1 / 3, 9]], rtol=1e-6)


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        Softmax(1)
    with pytest.raises(TypeError, match="classes of Softmax: expected an integer, got 2.5"):
        Softmax(2.5)
    for wrong in (np.zeros((4, 2)), np.zeros((4, 3, 3))):
        with pytest.raises(ValueError, match=r"Softmax\(classes=3\): expected rows of 3 scores or more, got .*linear"):
            Softmax(3)(wrong)
    with pytest.raises(ValueError, match=r"of shape \(2,\)"):
        Softmax(3).out_shape((2,))
