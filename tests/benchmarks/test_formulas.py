"""Looking on: what is evaluated is noted and can be repeated; plain text gives the same; nothing stays behind."""

import numpy as np
import pytest

from benchmarks import formulas
from npae.backend import Formula, elementwise, images, is_channels_last
from npae.backend.elementwise import on_numba
from npae.layers import Dense, Sigmoid
from npae.optim import Adam


@elementwise(out=("a",))
def both(a, b):
    return a + b, a * b


def test_evaluations_are_noted_and_repeated():
    x = np.array([-1.0, 0.0, 2.0], np.float32)
    with formulas.recorded() as met:
        h = Sigmoid()(x)
    (one,) = met
    assert one.args == (x,) and one.out is h
    expected, h[...] = h.copy(), 0
    one.again()
    np.testing.assert_array_equal(h, expected)


def test_images_are_evaluated_once():
    x = images(np.ones((3, 4, 4, 2), np.float32))
    assert is_channels_last(x)
    with formulas.recorded() as met:
        h = Sigmoid()(x)
    (one,) = met
    assert one.args[0] is x and one.out is h
    with formulas.recorded() as met:
        with pytest.raises(ValueError):
            both(x, x[:2, :1, :1, :3])
        Sigmoid()(x)
    assert len(met) == 1  # what failed before it has left nothing behind


def test_the_plain_text_gives_the_same_in_place_too():
    a, b = np.array([1.0, 2.0], np.float32), np.array([3.0, 5.0], np.float32)
    product = np.empty_like(a)
    with formulas.plainly():
        assert both(a, b, out=(a, product))[0] is a
    np.testing.assert_array_equal(a, [4, 7])
    np.testing.assert_array_equal(product, [3, 10])


def test_plainly_means_one_call_an_operation():
    thetas = [Dense(3, 2).initialize(seed=0).theta for _ in range(2)]
    for theta in thetas:
        theta.grad[...] = 0.5
    Adam().step(thetas[0])
    with formulas.plainly():
        Adam().step(thetas[1])
    np.testing.assert_allclose(thetas[1].value, thetas[0].value, rtol=1e-6)


def test_nothing_stays_behind_even_after_an_error():
    evaluate, patience = Formula.__call__, on_numba.PATIENCE
    for block in (formulas.recorded, formulas.plainly, formulas.compiled_at_once):
        with pytest.raises(KeyError), block():
            raise KeyError
    with formulas.compiled_at_once():
        assert on_numba.PATIENCE == 0
    assert Formula.__call__ is evaluate and on_numba.PATIENCE == patience > 0
