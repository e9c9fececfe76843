"""One formula, three engines: ufuncs and compiled loops give the same bits, kernels the same numbers but for rounding.

Every formula of the package and random ones, with zeros of both signs, infinities and NaN among numbers and constants.
"""

import gc
import importlib
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npae
from npae import layers, losses, penalties
from npae.backend import Formula, maximum, missing
from npae.backend.formulas import loop_text, on_numba, on_numpy
from npae.backend.formulas.trace import Symbol
from tests.devices import on, with_fake

needs_numba = pytest.mark.skipif(not on_numba.available(), reason=missing("Numba", "fast"))
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, 1.0, -1.0, 3e38]
SHAPE = (70, 41)
UNARY = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "absolute")
COMPARISONS = ("greater", "less", "greater_equal", "less_equal")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", *COMPARISONS)
EXACT = {"sqrt", "absolute", "negative", *BINARY}  # every engine rounds these alike


@pytest.fixture(autouse=True)
def nothing_is_compiled_yet(monkeypatch):
    monkeypatch.setattr(on_numba, "_all_loops", {})
    monkeypatch.setattr(on_numpy, "BLOCK", 1000)
    monkeypatch.setattr(loop_text, "BLOCK", 1000)


def every_formula():
    """{name: Formula} of all that exist once the whole package is imported and its classes have their defaults."""
    for module in pkgutil.walk_packages(npae.__path__, "npae."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    objects = [cls() for family in (layers.Activation, losses.Loss, penalties.Penalty)
               for cls in family.registry.values() if _without_arguments(cls)]  # fmt: skip
    found = {id(f): f for f in gc.get_objects() if isinstance(f, Formula) and f.plain.__module__.startswith("npae.")}
    del objects
    named = {}
    for formula in found.values():
        name = f"{formula.plain.__module__.removeprefix('npae.')}.{formula.plain.__qualname__}"
        named.setdefault(name.replace("<", "").replace(">", ""), formula)
    return dict(sorted(named.items()))


def _without_arguments(cls):
    try:
        cls()
    except TypeError:
        return False
    return cls.__module__.startswith("npae.")


FORMULAS = every_formula()


def bits(array):
    """The bits of an array, where all NaN are one: which of two NaN an operation passes on is not specified."""
    integers = array.view(f"u{array.itemsize}").copy()
    integers[np.isnan(array)] = 0
    return integers


def by_ufuncs_and_loops(monkeypatch, formula, args):
    """[results of the ufuncs], [results of the loops] of a formula."""
    results = []
    for patience in (math.inf, 0):
        monkeypatch.setattr(on_numba, "PATIENCE", patience)
        with np.errstate(all="ignore"):
            result = formula(*args)
        results.append(result if isinstance(result, tuple) else (result,))
    return results


def assert_same_bits(monkeypatch, formula, args):
    """Ufuncs and loops give the same bits. `formula` is fresh, so that nothing is compiled."""
    by_ufuncs, by_loops = by_ufuncs_and_loops(monkeypatch, formula, args)
    for one, other in zip(by_ufuncs, by_loops, strict=True):
        np.testing.assert_array_equal(bits(one), bits(other))


def numbers(n, dtype, seed=0):
    """n arrays in which each of SPECIAL meets each."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(SHAPE).astype(dtype) for _ in range(n)]
    with np.errstate(over="ignore"):
        for k, a in enumerate(arrays):
            a.flat[: len(SPECIAL) ** 2] = np.array(
                SPECIAL * len(SPECIAL) if k % 2 else np.repeat(SPECIAL, len(SPECIAL))
            )
    return arrays


def test_the_formulas_of_the_package_are_found():
    rooms = {name.partition(".")[0] for name in FORMULAS}
    assert rooms >= {"backend", "layers", "losses", "optim", "models"} and len(FORMULAS) > 40, sorted(FORMULAS)


@needs_numba
@pytest.mark.parametrize("name", [
    name if name.startswith("layers.") else pytest.param(name, marks=pytest.mark.slow) for name in FORMULAS
])  # fmt: skip
def test_every_formula_has_the_same_bits(name, monkeypatch):
    formula = Formula(FORMULAS[name].plain, ())
    assert_same_bits(monkeypatch, formula, numbers(len(formula.input_names), "float32"))


@with_fake
@pytest.mark.parametrize("name", FORMULAS)
def test_every_kernel_has_the_same_numbers(name):
    formula = Formula(FORMULAS[name].plain, ())
    assert_kernel_agrees(formula, numbers(len(formula.input_names), "float64"))


def assert_kernel_agrees(formula, args):
    """The kernel agrees with the ufuncs: to the bit without functions; to a few roundings with them."""
    with np.errstate(all="ignore"):
        expected = formula(*args)
        with on("fake") as place:
            result = formula(*map(place.put, args))
            results = [place.get(r) for r in (result if isinstance(result, tuple) else (result,))]
    exact = {op.op for op in formula.traced[1]} <= EXACT
    for one, other in zip(expected if isinstance(expected, tuple) else (expected,), results, strict=True):
        if exact:
            np.testing.assert_array_equal(bits(one), bits(other))
        else:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------ random formulas

CONSTANTS = st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, 0.5, -2.0, 1e-320, 1e300])
LEAVES = st.one_of(st.sampled_from(["x", "y"]), CONSTANTS)


def trees(depth):
    """Random trees of at most `depth` operations above each other."""
    if not depth:
        return LEAVES
    below = trees(depth - 1)
    one, two = st.sampled_from((*UNARY, "negative")), st.sampled_from(BINARY)
    return st.one_of(st.tuples(two, below, below), st.tuples(one, below), LEAVES)


def formula_of(tree):
    """The Formula of a random tree of x, y, constants and (operation, operands), and of x y."""

    def function(x, y):
        def value(node):
            if isinstance(node, tuple):
                operands = [value(a) for a in node[1:]]
                if not any(isinstance(a, Symbol) for a in operands):  # Python computes with numbers alone by itself
                    operands[0] = x
                return x.tape.record(node[0], operands)
            return {"x": x, "y": y}.get(node, node)

        result = value(tree)
        return (result if isinstance(result, Symbol) else x + result), x * y

    return Formula(function)


def random_formulas(examples):
    """A test of `examples` random trees."""

    def decorate(test):
        return settings(max_examples=examples, deadline=None, derandomize=True, database=None)(
            given(tree=trees(3))(test)
        )

    return decorate


@needs_numba
@random_formulas(5)
def test_random_formulas_have_the_same_bits(tree):
    assert_the_bits_of_a_tree_are_the_same(tree)


@pytest.mark.slow
@needs_numba
@random_formulas(40)
def test_many_random_formulas_have_the_same_bits(tree):
    assert_the_bits_of_a_tree_are_the_same(tree)


def assert_the_bits_of_a_tree_are_the_same(tree):
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert_same_bits(monkeypatch, formula_of(tree), numbers(2, "float32"))


@with_fake
@random_formulas(30)
def test_kernels_of_random_formulas_have_the_same_numbers(tree):
    assert_kernel_agrees(formula_of(tree), numbers(2, "float64"))


@needs_numba
@pytest.mark.parametrize("constant", [math.inf, -math.inf, math.nan, 0.0, -0.0])
def test_constants_without_digits(constant, monkeypatch):
    assert_same_bits(monkeypatch, Formula(lambda x: 1.0 / (maximum(x, constant) * constant)), numbers(1, "float32"))


@needs_numba
def test_zeros_of_both_signs_are_two_constants(monkeypatch):
    """1/0 = ∞ and 1/−0 = −∞: neither the registers of constants nor the loops of like formulas may confuse them."""
    x = np.full(SHAPE, -1.0, np.float32)
    for both in (Formula(lambda x: (1.0 / maximum(x, 0.0), 1.0 / maximum(x, -0.0))), Formula(lambda x: (
            1.0 / (x * 0.0), 1.0 / (x * -0.0)))):  # fmt: skip
        signs = [[np.sign(r[0, 0]) for r in engine] for engine in by_ufuncs_and_loops(monkeypatch, both, [x])]
        assert signs[0] == signs[1] and signs[0][0] == -signs[0][1]
    plus, minus = Formula(lambda x: 1.0 / maximum(x * x, 0.0)), Formula(lambda x: 1.0 / maximum(x * x, -0.0))
    assert plus.loops is not minus.loops


def test_a_constant_that_is_nan_takes_one_register():
    """NaN is not equal to itself; every formula with one would keep a block of memory for ever."""
    before = len(on_numpy._scratch.memory)
    for _ in range(5):
        Formula(lambda x: maximum(x, float("nan")))(np.ones(3, np.float16))
    assert len(on_numpy._scratch.memory) - before <= 1
