"""The dense layer: the contract, its values and its errors."""

import numpy as np
import pytest

from npae.layers import Dense, ReLU, Sequential, Tanh, initializers
from tests.contract import check_layer
from tests.devices import each_device


@each_device
@pytest.mark.parametrize("sizes", [(5, 3), (1, 4), (4, 1)])
def test_contract(sizes, device):
    check_layer(lambda: Dense(*sizes), (6, sizes[0]), device)


def test_value_and_gradients_are_the_formulas():
    layer = Dense(2, 2).initialize(dtype="float64")
    layer.W.value[...] = [[1, 2], [3, 4]]
    layer.b.value[...] = [10, 20]
    y, cache = layer.forward(np.array([[1.0, 0], [0, 1], [1, 1]]))
    np.testing.assert_array_equal(y, [[11, 22], [13, 24], [14, 26]])
    dx = layer.backward(np.array([[1.0, 0], [0, 1], [1, 1]]), cache)
    np.testing.assert_array_equal(layer.W.grad, [[2, 1], [1, 2]])  # Σ_i x_ik dy_ij
    np.testing.assert_array_equal(layer.b.grad, [2, 2])
    np.testing.assert_array_equal(dx, [[1, 3], [2, 4], [3, 7]])


def test_backward_skips_dx_when_nobody_needs_it():
    layer = Dense(3, 2).initialize()
    y, cache = layer.forward(np.ones((4, 3), np.float32))
    assert layer.backward(y, cache, needs_dx=False) is None


def test_default_initializer_follows_the_activation():
    rectified, squashed = Dense(10, 10), Dense(10, 10)
    Sequential(rectified, ReLU(), squashed, Tanh())
    assert rectified.W.initializer is initializers.he_uniform
    assert squashed.W.initializer is initializers.glorot_uniform
    chosen = Dense(10, 10, initializer="sparse")
    Sequential(chosen, ReLU())
    assert chosen.W.initializer is initializers.sparse


def test_default_initializer_sees_across_nested_sequentials():
    first = Dense(4, 4)
    Sequential(Sequential(Tanh(), first), ReLU())
    assert first.W.initializer is initializers.he_uniform


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((4, 5), np.float32), ValueError, ["Dense(3 -> 2)", "(batch, 3)", "(4, 5)"]),
        (np.zeros((4, 28, 28), np.float32), ValueError, ["(4, 28, 28)", "Flatten"]),
        (np.zeros(3, np.float32), ValueError, ["(batch, 3)", "(3,)"]),
        (np.zeros((4, 3)), TypeError, ["float32", "float64", "astype"]),
        (np.zeros((4, 3), np.uint8), TypeError, ["float32", "uint8"]),
        ([[0.0, 0, 0]], TypeError, ["array", "list"]),
    ],
)
def test_bad_input_is_named(x, error, words):
    layer = Dense(3, 2).initialize()
    with pytest.raises(error) as raised:
        layer.forward(x)
    for word in words:
        assert word in str(raised.value)


def test_without_values_it_says_so():
    with pytest.raises(RuntimeError, match="initialize"):
        Dense(3, 2).forward(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (-1, 2)])
def test_impossible_sizes(sizes):
    with pytest.raises(ValueError, match="at least one"):
        Dense(*sizes)
