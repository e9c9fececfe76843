"""Formulas: every path (blocks, threads, kernel) against plain evaluation; aliasing, shapes, errors."""

import copy
import threading

import numpy as np
import pytest

from npae.backend import Formula, absolute, cos, elementwise, exp, expm1, log, log1p, maximum, minimum, sin, sqrt, tanh
from npae.backend.formulas import on_numpy
from tests.devices import each_device, on


@elementwise
def everything(x, y, c):
    s = sqrt(absolute(x)) + log(1 + exp(-absolute(y))) - tanh(x * y) / (2 + y * y)
    return s * (x > 0) + maximum(x, c) * (y <= 1) - minimum(y, -c) + expm1(minimum(x, 0)) + log1p(absolute(-y)) * c


@elementwise(out=("theta", "m"))
def momentum(theta, m, g, mu, lr):
    m = mu * m + g
    return theta - lr * m, m


def arrays(shape, dtype="float64", n=2):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(n)]


@each_device
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4, 5), (300, 700)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5)])
def test_every_path_computes_the_plain_formula(device, shape, dtype, tolerance):
    x, y = arrays(shape, dtype)
    with on(device) as place:
        result = everything(place.put(x), place.put(y), 0.3)
        assert result.dtype == dtype
        np.testing.assert_allclose(place.get(result), everything.plain(x, y, 0.3), rtol=tolerance, atol=tolerance)


@each_device
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-6)])
def test_sine_and_cosine(device, dtype, tolerance):
    x, y = arrays((300, 7), dtype)
    with on(device) as place:
        result = place.get(elementwise(lambda x, y: sin(x) * cos(2 * y))(place.put(x), place.put(y)))
    assert result.dtype == dtype
    np.testing.assert_allclose(result, np.sin(x) * np.cos(2 * y), rtol=0, atol=tolerance)


@each_device
def test_a_formula_neither_waits_nor_uploads(device):
    with on(device) as place:
        x, y = map(place.put, arrays((4, 5)))
        with place.no_waiting():
            result = everything(x, y, 0.5)
        assert type(result) is type(x)


@pytest.mark.parametrize("shape", [(200_001,), (1000, 333), (3, 100_000)])
def test_blocks_and_threads_change_nothing(shape, monkeypatch):
    x, y = arrays(shape)
    whole = everything.plain(x, y, 0.1)
    for share, threads in ((10**12, 1), (1, 1), (1, 2), (1, 5)):
        monkeypatch.setattr(on_numpy, "SHARE", share)
        monkeypatch.setattr("npae.backend.threads.thread_count", lambda n=threads: n)
        monkeypatch.setattr(on_numpy, "thread_count", lambda n=threads: n)
        np.testing.assert_allclose(everything(x, y, 0.1), whole, rtol=1e-14, atol=1e-14)


@each_device
@pytest.mark.parametrize("n", [5, 200_000])
def test_outputs_may_overwrite_the_inputs_of_their_name(device, n):
    theta, m, g = arrays((n,), n=3)
    expected = momentum.plain(theta, m, g, 0.9, 0.1)
    with on(device) as place:
        theta, m, g = map(place.put, (theta, m, g))
        momentum(theta, m, g, 0.9, 0.1, out=(theta, m))
        # A GPU rounds a * b + c once, NumPy twice: they differ by half a unit in the last place of a * b, here at most
        # 1e-16, which is more than 1e-14 of a sum that nearly cancels.
        np.testing.assert_allclose(place.get(theta), expected[0], rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(place.get(m), expected[1], rtol=1e-14, atol=1e-15)


def test_an_output_is_not_written_while_its_old_value_is_needed():
    @elementwise(out=("a", "b"))
    def swap(a, b):
        return b + 0 * a, a + 0 * b

    a, b = np.ones(4), np.full(4, 2.0)
    swap(a, b, out=(a, b))
    np.testing.assert_array_equal(a, 2)
    np.testing.assert_array_equal(b, 1)


@each_device
def test_an_input_that_is_also_a_result_is_read_before_it_is_overwritten(device):
    shift = elementwise(out=("x", "y"))(lambda x, y: (2 * x, x))
    with on(device) as place:
        x, y = place.put(np.arange(4.0)), place.put(np.zeros(4))
        shift(x, y, out=(x, y))
        np.testing.assert_array_equal(place.get(x), [0, 2, 4, 6])
        np.testing.assert_array_equal(place.get(y), [0, 1, 2, 3])


@each_device
def test_a_row_is_added_to_every_row(device):
    add = elementwise(lambda y, b: y + b)
    y, (b,) = np.ones((70_000, 3)), arrays((3,), n=1)
    with on(device) as place:
        np.testing.assert_array_equal(place.get(add(place.put(y), place.put(b))), y + b)


def test_strided_arrays():
    x, y = (a.T for a in arrays((6, 9)))
    np.testing.assert_allclose(everything(x, y, 1.0), everything.plain(x, y, 1.0), rtol=1e-14)


def test_constants_and_inputs_may_be_results():
    f = elementwise(lambda x: (x, x * 0 + 2, x + 1))
    a, two, more = f(np.arange(3.0))
    np.testing.assert_array_equal([a, two, more], [[0, 1, 2], [2, 2, 2], [1, 2, 3]])


def test_uses_are_the_inputs_that_matter():
    assert elementwise(lambda a, b, c: a * (b > 0)).uses == {"a", "b"}
    assert elementwise(lambda a, b: b).uses == {"b"}
    f = elementwise(lambda a, b: a * 2)
    np.testing.assert_array_equal(f(np.ones(2), None), 2)


def test_nan_propagates():
    x = np.array([np.nan, 1.0])
    f = elementwise(lambda x: maximum(minimum(x, 5), 0))
    assert np.isnan(f(x)[0]) and f(x)[1] == 1


def test_a_copy_computes_the_same():
    twin = copy.deepcopy(momentum)
    np.testing.assert_allclose(twin(np.ones(2), np.ones(2), np.ones(2), 0.5, 1)[0], -0.5)
    assert twin.out_names == ("theta", "m")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: everything(np.ones(3), np.ones(3, "float32"), 1), TypeError, "one dtype"),
        (lambda: everything(np.ones((3, 4)), np.ones((4, 3)), 1), ValueError, "shape"),
        (lambda: everything(np.ones((3, 4)), np.ones((3, 1)), 1), ValueError, "shape"),
        (lambda: everything(np.ones((3, 4)), np.ones(3), 1), ValueError, "shape"),
        (lambda: elementwise(lambda x: x if x > 0 else -x)(np.ones(3)), TypeError, "cannot branch"),
        (lambda: elementwise(lambda x: x * "a")(np.ones(3)), TypeError, "Python numbers"),
        (lambda: elementwise(lambda x: x * (x == 0))(np.ones(3)), TypeError, "no == and !="),
        (lambda: elementwise(lambda x: x**2)(np.ones(3)), TypeError, r"no \*\*"),
        (lambda: everything(np.ones(3), np.ones(3)), TypeError, "expected x, y, c, .* got 2"),
        (lambda: everything(1.0, 2.0, 3.0), TypeError, "at least one of them an array"),
        (lambda: momentum(*[np.ones(3)] * 3, 1, 1, out=np.ones(3)), TypeError, "2 outputs, got 1"),
        (lambda: everything(np.ones((2, 3)), np.ones((2, 3)), 1, out=np.ones(3)), ValueError, "output of shape"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_mixed_devices_are_named():
    with on("fake") as place, pytest.raises(TypeError, match="CPU.*GPU"):
        everything(place.put(np.ones(3)), np.ones(3), 1.0)


def test_an_output_may_not_be_another_input():
    theta, m, g = (np.ones(3) for _ in range(3))
    with pytest.raises(ValueError, match="output 1 may not be the input g"):
        momentum(theta, m, g, 0.9, 0.1, out=(theta, g))


def test_numpy_numbers_are_numbers():
    x = np.ones(3, np.float32)
    assert momentum(x, x, x, np.float64(0.5), np.float32(0.1))[0].dtype == np.float32


def test_registers_do_not_add_up_over_shapes():
    f = elementwise(lambda x: maximum(x * x + 1, 0) * (x + 2) * (x - 3))
    sizes = []

    def work():  # a thread begins without registers
        for n in range(1, 400):
            f(np.ones((n, 7)))
        sizes.extend(a.size for a in on_numpy._scratch.memory.values())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert sizes and set(sizes) == {on_numpy.BLOCK}


def steps_of(formula):
    """The steps of a BlockProgram as in its docstring: "add(r0, g) -> out1"."""
    program = formula.blocks
    names = [*formula.input_names, *map(str, program.constants), *[f"out{k}" for k in range(program.n_outputs)]]
    names += [f"r{k}" for k in range(len(program.keys))]
    return [f"{ufunc.__name__}({', '.join(names[k] for k in operands)}) -> {names[result]}"
            for ufunc, *operands, result in program.steps]  # fmt: skip


def test_the_steps_are_those_of_the_worked_example():
    @elementwise(out=("theta", "u"))
    def momentum(theta, u, g, mu, lr):
        u = mu * u + g
        return theta - lr * u, u

    @elementwise(out=("a", "b"))
    def sum_and_difference(a, b):
        return a + b, a - b

    for formula in (momentum, sum_and_difference):
        for step in steps_of(formula):
            assert step in on_numpy.BlockProgram._schedule.__doc__
    assert steps_of(momentum) == [
        "multiply(mu, u) -> r0", "add(r0, g) -> out1", "multiply(lr, out1) -> r0", "subtract(theta, r0) -> out0",
    ]  # fmt: skip
    assert steps_of(sum_and_difference) == ["add(a, b) -> r0", "subtract(a, b) -> out1", "positive(r0) -> out0"]
    a, b = np.array([1.0, 2.0]), np.array([5.0, 7.0])
    sum_and_difference(a, b, out=(a, b))
    np.testing.assert_array_equal([a, b], [[6, 9], [-4, -5]])


@pytest.mark.parametrize(("rows", "blocks"), [(100, 1), (5000, 3)])
def test_a_block_looks_its_registers_up_once(rows, blocks, monkeypatch):
    """And the arrays that it finds are those of the evaluation before."""
    formula = Formula(everything.plain)  # by ufuncs: not compiled yet
    assert len(formula.blocks.keys) > 3
    found, look_up = [], on_numpy.registers

    def counted(*args):
        found.append(look_up(*args))
        return found[-1]

    monkeypatch.setattr(on_numpy, "registers", counted)
    x, y = arrays((rows, 32))
    first = formula(x, y, 0.3)
    assert len(found) == blocks
    np.testing.assert_array_equal(formula(x, y, 0.3), first)
    assert len(found) == 2 * blocks and all(a is b for a, b in zip(found[:blocks], found[blocks:], strict=True))
