"""Compiled loops: the same bits as ufuncs for the formulas of a training step; when loops are used, and when not."""

import functools
import importlib
import sys

import numpy as np
import pytest

from npae.backend import Formula, elementwise, maximum, missing, sqrt, tanh
from npae.backend.formulas import loop_text, on_numba, on_numpy
from npae.layers import Activation, LeakyReLU
from tests.backend.formulas.test_formula import arrays, everything, momentum

needs_numba = pytest.mark.skipif(not on_numba.available(), reason=missing("Numba", "fast"))


@pytest.fixture(autouse=True)
def nothing_is_compiled_yet(monkeypatch):
    monkeypatch.setattr(on_numba, "_all_loops", {})


ARRAYS = ("a", "h", "x", "x_hat", "dy", "dh", "theta", "m", "v", "u", "g", "grad", "array")  # other inputs are numbers


def formulas():
    """The formulas of a training step: those of activations, losses, gradients and optimizers."""
    losses = ("losses.binary_cross_entropy", "losses.squared_error")
    for module in (*losses, "optim.adam", "optim.sgd", "backend.parameters"):
        for name, thing in vars(importlib.import_module(f"npae.{module}")).items():
            if isinstance(thing, Formula):
                yield pytest.param(thing, id=name)
    for name in ("Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "SiLU", "Softplus"):
        for part in ("_forward", "_forward_sum", "_backward"):
            marks = [pytest.mark.slow] if name not in ("Sigmoid", "ReLU") and part == "_forward_sum" else []
            yield pytest.param(getattr(Activation.registry[name](), part), id=name + part, marks=marks)


def both(monkeypatch, compute):
    """compute() by ufuncs and by loops."""
    monkeypatch.setattr(on_numba, "PATIENCE", float("inf"))
    by_ufuncs = compute()
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    return by_ufuncs, compute()


def used(formula):
    return len(formula.loops.programs)


@needs_numba
@pytest.mark.parametrize("formula", list(formulas()))
def test_the_bits_are_the_same(formula, monkeypatch):
    """In place where the formula allows it, with NaN, infinities and zeros of both signs among the numbers."""
    monkeypatch.setattr(on_numpy, "BLOCK", 1000)
    monkeypatch.setattr(loop_text, "BLOCK", 1000)
    formula = Formula(formula.plain, formula.out_names)  # a fresh one: nothing compiled before
    rng, args = np.random.default_rng(0), []
    for name in formula.input_names:
        if name in ARRAYS:
            args.append(rng.standard_normal((70, 41)).astype(np.float32))
            args[-1].flat[:6] = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42]
            if name == "v":
                np.abs(args[-1], out=args[-1])
        elif name == "b":
            args.append(rng.standard_normal(41).astype(np.float32))
        else:
            args.append(0.3)

    def compute():
        mine = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        in_place = [mine[formula.input_names.index(n)] for n in formula.out_names]
        fresh = [np.empty((70, 41), np.float32) for _ in formula.traced[2][len(in_place) :]]
        with np.errstate(all="ignore"):
            formula(*mine, out=(*in_place, *fresh))
        return *in_place, *fresh

    by_ufuncs, by_loops = both(monkeypatch, compute)
    for one, other in zip(by_ufuncs, by_loops, strict=True):
        np.testing.assert_array_equal(one, other)
    assert used(formula) == (formula.loops.simple > 1 or "b" in formula.input_names)


@needs_numba
@pytest.mark.parametrize("shape, dtype", [
    ((3, 5), "float32"), ((300, 700), "float64"), ((0, 4), "float32"), ((0, 4), "float64"),
    *[pytest.param(shape, dtype, marks=pytest.mark.slow) for shape, dtype in (
        ((7,), "float32"), ((7,), "float64"), ((3, 5), "float64"), ((300, 700), "float32"), ((2, 3, 4, 5), "float32"),
        ((2, 3, 4, 5), "float64"))],
])  # fmt: skip
def test_every_shape_and_dtype(shape, dtype, monkeypatch):
    x, y = arrays(shape, dtype)
    formula = Formula(everything.plain)
    one, other = both(monkeypatch, lambda: formula(x, y, 0.3))
    assert other.dtype == dtype and used(formula) == 1
    np.testing.assert_array_equal(one, other)


@needs_numba
def test_outputs_may_overwrite_inputs_or_not(monkeypatch):
    formula = Formula(momentum.plain, momentum.out_names)
    expected, fresh = both(monkeypatch, lambda: formula(*arrays((50,), n=3), 0.9, 0.1))
    np.testing.assert_array_equal(expected, fresh)
    theta, m, g = arrays((50,), n=3)
    formula(theta, m, g, 0.9, 0.1, out=(theta, m))
    np.testing.assert_array_equal([theta, m], expected)
    assert used(formula) == 2, "in place is a loop of its own, in which fewer arrays might overlap"


@needs_numba
def test_ufuncs_compute_what_loops_cannot(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    formula = Formula(everything.plain)
    x, y = (a.T for a in arrays((6, 9)))
    np.testing.assert_allclose(formula(x, y, 1.0), everything.plain(x, y, 1.0), rtol=1e-14)
    two_rows = elementwise(lambda x, a, b: x * a + b)
    x, a, b = np.ones((2, 3, 4)), np.ones((3, 4)), np.arange(4.0)
    np.testing.assert_array_equal(two_rows(x, a, b), x * a + b)
    single = elementwise(lambda x: maximum(x, 0))
    single(np.ones(3))
    assert used(formula) == used(two_rows) == used(single) == 0


@needs_numba
def test_an_input_may_have_any_name(monkeypatch):
    formula = elementwise(lambda i, n, T, t0, start, out0, abs: i * n + T * t0 - start * out0 + abs)
    one, other = both(monkeypatch, lambda: formula(*arrays((4, 5), n=3), np.arange(5.0), *arrays((4, 5), n=2), 0.5))
    np.testing.assert_array_equal(one, other)
    assert used(formula) == 1


@needs_numba
def test_formulas_of_the_same_operations_share_their_loops(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    one, other = elementwise(lambda x: sqrt(x + 1) * 2), elementwise(lambda x: sqrt(x + 1) * 3)
    same = elementwise(lambda y: sqrt(y + 1) * 2)
    for formula in (one, same, other):
        formula(np.ones(3))
    assert one.loops is same.loops and one.loops is not other.loops


@needs_numba
def test_a_formula_is_compiled_after_enough_operations(monkeypatch):
    formula = elementwise(lambda x: sqrt(x * x + 1) * 2)
    monkeypatch.setattr(on_numba, "PATIENCE", 4 * 10 * 3)
    for k in range(5):
        formula(np.ones(10))
        assert used(formula) == (k > 2)


def test_without_numba_nothing_changes(monkeypatch):
    monkeypatch.setattr(on_numba, "available", lambda: False)
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    formula = elementwise(lambda x: tanh(x * 2) + 1)
    np.testing.assert_array_equal(formula(np.ones(3)), np.tanh(np.full(3, 2.0)) + 1)
    assert used(formula) == 0


def test_a_numba_that_cannot_be_imported_is_named_once(monkeypatch):
    monkeypatch.setattr(on_numba, "available", lambda: True)
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    monkeypatch.setattr(on_numba, "compiler", functools.cache(on_numba.compiler.__wrapped__))
    monkeypatch.setitem(sys.modules, "numba", None)
    formula = elementwise(lambda x: x * 2 + 1)
    with pytest.warns(UserWarning, match="Numba is installed but cannot be used, npae goes on without it: .*numba"):
        np.testing.assert_array_equal(formula(np.ones(3)), 3)
    np.testing.assert_array_equal(formula(np.ones(3)), 3)
    assert used(formula) == 0


@pytest.mark.parametrize(("value", "expected"), [("0", False), ("1", None)])
def test_numba_can_be_switched_off(value, expected, monkeypatch):
    monkeypatch.setenv("NPAE_NUMBA", value)
    found = on_numba.available.__wrapped__()
    assert found is (importlib.util.find_spec("numba") is not None if expected is None else expected)


def test_leaky_relu_reads_h_where_it_could_read_a():
    a = np.array([-1e-45, -1.0, 0.0, 1e-45, 2.0], np.float32)
    layer = LeakyReLU(0.1)
    h, cache = layer.forward(a)
    np.testing.assert_array_equal(layer.backward(np.ones_like(a), cache) > 0.5, a > 0)
