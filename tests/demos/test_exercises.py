"""Exercises: an empty function, a right and a wrong answer give one line each, and the line helps."""

import doctest

import numpy as np
import pytest

from demos import exercises
from demos.exercises import attempt, compare, returned, slopes

x = np.arange(6.0).reshape(2, 3) + 1


def check_square(answer):
    compare(answer(x), square=x * x)


def square_empty(x):
    """Returns x², in the shape of x."""


def square_passed(x):
    """Returns x², in the shape of x."""
    pass


def square_right(x):
    return x**2


def square_half(x):
    return x**2 / 2


def square_that_overflows(x):
    with np.errstate(over="raise"):
        return np.exp(1000 * x)


@pytest.mark.parametrize("answer, line", [
    (square_empty, "square_empty: not solved yet"),
    (square_passed, "square_passed: not solved yet"),
    (square_right, "square_right: right"),
    (square_half, "square_half: not right yet. square[0, 0]: expected 1, got 0.5. "
                  "Every number of square is 0.5 times the expected one."),
    (square_that_overflows, "square_that_overflows: not right yet. overflow encountered in exp"),
])  # fmt: skip
def test_an_attempt_prints_one_line(answer, line, capsys):
    attempt(check_square, answer)
    assert capsys.readouterr().out == line + "\n"


def test_errors_in_the_code_of_an_answer_are_raised():
    with pytest.raises(NameError, match="y"):
        attempt(check_square, lambda x: y)  # noqa: F821


def test_slopes_are_the_gradient_and_leave_x_as_it_was():
    before = x.copy()
    np.testing.assert_allclose(slopes(lambda: (x**3).sum(), x), 3 * x**2, rtol=1e-8)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("found, sentence", [
    (None, "expected J, dx, got None. Is there a return statement?"),
    (x, "expected 2 values, J, dx, got one value of type ndarray."),
    ((1, x, x), "expected 2 values, J, dx, got 3 values."),
    ((1, None), "dx: expected a number or an array, got None."),
    ((2, x), "J: expected 1, got 2, for B = 2."),
    ((-1, x), "J: expected 1, got -1, for B = 2. The sign is wrong."),
    ((1, x.T), "dx: expected the shape (2, 3), got (3, 2), for B = 2."),
    ((1, -x), "dx[0, 0]: expected 1, got -1, for B = 2. The sign is wrong."),
    ((1, 2 * x), "dx[0, 0]: expected 1, got 2, for B = 2. Every number of dx is 2 times the expected one."),
    ((1, x + np.eye(2, 3)[::-1]), "dx[0, 1]: expected 2, got 3, for B = 2."),
    ((1, 0 * x), "dx[0, 0]: expected 1, got 0, for B = 2."),
    ((1, np.nan * x), "dx[0, 0]: expected 1, got nan, for B = 2."),
    ((1, 1.00001 * x), "dx[0, 0]: expected 1, got 1.00001, for B = 2."),
])  # fmt: skip
def test_what_a_comparison_finds(found, sentence):
    with pytest.raises(AssertionError) as refusal:
        compare(found, "B = 2", J=1.0, dx=x)
    assert str(refusal.value) == sentence


def test_numbers_that_differ_by_rounding_are_equal():
    compare((1 + 1e-9, (1 + 1e-7) * x), J=1.0, dx=x)
    assert returned(3, "n") == (3,)


def test_the_example():
    assert doctest.testmod(exercises, extraglobs={"np": np, "compare": compare}) == (0, 1)
