"""Parameters: what is added to their gradients, and when it is written instead."""

import numpy as np
import pytest

from npae.backend import FlatParameters, Parameter
from npae.layers import Dense


def parameter(shape=(2, 3), grad=0.0):
    """A Parameter of that shape with values, and a gradient of that number everywhere."""
    p = Parameter("p", shape, None)
    FlatParameters.allocate({"p": p}, np.float64, "cpu").grad.fill(grad)
    return p


A, B, ROWS = np.arange(8.0).reshape(2, 4), np.arange(12.0).reshape(4, 3), np.arange(30.0).reshape(5, 2, 3)
ADDITIONS = {
    "product": (lambda p: p.add_product(A, B), A @ B),
    "sum": (lambda p: p.add_sum(ROWS.reshape(5, 6)), ROWS.sum(axis=0)),
    "computed": (lambda p: p.accumulate(lambda out: np.multiply(ROWS[1], 3, out=out)), 3 * ROWS[1]),
    "array": (lambda p: p.add(ROWS[1]), ROWS[1]),
    "rows": (lambda p: p.add_to_rows(np.array([1]), ROWS[1][:1]), np.array([[0.0] * 3, ROWS[1][0]])),
    "scaled array": (lambda p: p.add(ROWS[1], -0.5), -0.5 * ROWS[1]),
}
each_addition = pytest.mark.parametrize(("add", "summand"), ADDITIONS.values(), ids=ADDITIONS)


@each_addition
def test_what_is_added(add, summand):
    p = parameter(grad=2.0)
    add(p)
    np.testing.assert_array_equal(p.grad, 2 + summand)
    add(p)
    np.testing.assert_array_equal(p.grad, 2 + 2 * summand)


@each_addition
def test_the_first_addition_to_a_fresh_gradient_writes_and_later_ones_add(add, summand):
    p = parameter(grad=np.nan)  # what was there before does not matter
    with p.home.fresh_grad():
        add(p)
        np.testing.assert_array_equal(p.grad, summand)
        add(p)
    add(p)
    np.testing.assert_array_equal(p.grad, 3 * summand)


@each_addition
def test_nothing_is_added_to_a_frozen_parameter(add, summand):
    p = parameter(grad=2.0)
    p.trainable = False
    add(p)
    np.testing.assert_array_equal(p.grad, 2)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: Dense(2, 2).W.value, RuntimeError, r"Parameter W \(2, 2\) has no values yet: call initialize"),
    (lambda: Dense(2, 2).b.grad, RuntimeError, r"Parameter b \(2,\) has no values yet: call initialize"),
    (lambda: Dense(2, 2).b.numbers, AttributeError, "Parameter has no attribute 'numbers'"),
])  # fmt: skip
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_its_text_has_name_and_shape():
    assert repr(Dense(3, 2).W) == "Parameter(W, (3, 2))" and Dense(3, 2).W.size == 6


def test_an_array_in_the_place_of_a_parameter_raises_at_once():
    layer = Dense(3, 2).initialize()
    with pytest.raises(TypeError, match=r"W of Dense is a Parameter, got ndarray. .*layer.W.value\[...\] = array"):
        layer.W = np.zeros((3, 2))
    layer.W.value[...] = 1
    assert (layer(np.ones((1, 3), "float32")) == 3).all()
