"""NumPy's functions, called by compiled code: the bits of the ufunc, at every length; and what is not called so."""

import numpy as np
import pytest

from npae.backend import elementwise, exp, missing
from npae.backend.formulas import on_numba

if not on_numba.available():
    pytest.skip(missing("Numba", "fast"), allow_module_level=True)

from npae.backend.formulas import numpy_loops

FUNCTIONS = ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh")
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, 1.0, -1.0, 3e38]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_bits_are_those_of_the_ufunc(name, dtype):
    function = numpy_loops.in_place(name, np.dtype(dtype))
    numbers = np.concatenate([SPECIAL, np.random.default_rng(0).standard_normal(4000) * 10]).astype(dtype)
    for start, stop in [(0, 0), (0, 1), (0, 7), (3, 20), (0, 4009), (64, 1000)]:  # tails, and parts of an array
        x = numbers[start:stop].copy()
        function(x)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(x, getattr(np, name)(numbers)[start:stop])


def test_a_function_without_such_a_loop_has_no_address():
    assert numpy_loops.address(np.add, np.dtype("float32")) is None  # of two arrays
    assert numpy_loops.address(np.invert, np.dtype("float32")) is None  # of integers
    assert numpy_loops.address(np.tanh, np.dtype("float32"))[0] > 0


def test_without_addresses_ufuncs_compute_the_formula(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    monkeypatch.setattr(on_numba, "_all_loops", {})
    monkeypatch.setattr(numpy_loops, "in_place", lambda name, dtype: None)
    formula = elementwise(lambda x: 1 / (1 + exp(-x)))
    assert formula(np.zeros(3)).tolist() == [0.5, 0.5, 0.5]
    assert not formula.loops.programs and not formula.loops.usable


def test_an_overflow_within_a_loop_warns_nobody_later(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    formula = elementwise(lambda x: exp(2 * x) + 1)
    with np.errstate(all="raise"):
        assert formula(np.full(5, 1e30, np.float32)).tolist() == [np.inf] * 5
        assert (np.ones(5, np.float32) + np.ones(5, np.float32)).tolist() == [2.0] * 5
