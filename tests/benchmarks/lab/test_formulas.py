"""Plain evaluation of formulas: the same numbers, one operation at a time, and nothing stays replaced."""

import numpy as np
import pytest

from benchmarks.lab.formulas import plainly
from benchmarks.training import compiled_at_once
from npae.backend import Formula, elementwise
from npae.backend.formulas import on_numba
from npae.layers import Dense
from npae.optim import Adam


@elementwise(out=("a",))
def both(a, b):
    return a + b, a * b


def test_the_plain_text_returns_the_same_in_place_too():
    a, b = np.array([1.0, 2.0], np.float32), np.array([3.0, 5.0], np.float32)
    product = np.empty_like(a)
    with plainly() as formulas:
        assert both(a, b, out=(a, product))[0] is a
    assert formulas == [both]
    np.testing.assert_array_equal(a, [4, 7])
    np.testing.assert_array_equal(product, [3, 10])


def test_an_optimizer_takes_the_same_step():
    thetas = [Dense(3, 2).initialize(seed=0).theta for _ in range(2)]
    for theta in thetas:
        theta.grad[...] = 0.5
    Adam().step(thetas[0])
    with plainly() as formulas:
        Adam().step(thetas[1])
    assert len(formulas) == 1
    np.testing.assert_allclose(thetas[1].value, thetas[0].value, rtol=1e-6)


def test_nothing_stays_replaced_even_after_an_error():
    evaluate, patience = Formula.__call__, on_numba.PATIENCE
    for block in (plainly, compiled_at_once):
        with pytest.raises(KeyError), block():
            raise KeyError
    with compiled_at_once():
        assert on_numba.PATIENCE == 0
    assert Formula.__call__ is evaluate and on_numba.PATIENCE == patience > 0
