"""Exercises of the book: try a function that a reader has written, and print what the check finds.

`attempt` prints one line and goes on, so that a chapter runs whether its exercises are solved or not. A check calls the
function with a few arrays and gives its results to `compare`, which raises AssertionError with the first number that
is wrong. Derivatives are compared with `slopes`, the finite differences of chapter 1.
"""

import numpy as np


def attempt(check, answer):
    """Print whether the check accepts the answer. Errors in the answer's own code, such as a NameError, are raised."""
    if answer.__code__.co_code == _empty.__code__.co_code:
        print(f"{answer.__name__}: not solved yet")
        return
    try:
        check(answer)
    except (AssertionError, FloatingPointError) as fault:
        print(f"{answer.__name__}: not right yet. {fault}")
    else:
        print(f"{answer.__name__}: right")


def _empty():
    """A function without a body."""


def slopes(J, x, eps=1e-5):
    """∂J/∂x by central differences, of the shape of x. J is a function without arguments that reads the array x."""
    measured = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        value, ends = x[index], []
        for step in (eps, -eps):
            x[index] = value + step
            ends.append(float(J()))
        x[index] = value
        measured[index] = (ends[0] - ends[1]) / (2 * eps)
    return measured


def returned(found, *names):
    """What a function has returned, as a tuple. Raises AssertionError unless it has one value per name."""
    if found is None:
        raise AssertionError(f"expected {', '.join(names)}, got None. Is there a return statement?")
    if len(names) == 1:
        return (found,)
    if not isinstance(found, tuple) or len(found) != len(names):
        got = f"{len(found)} values" if isinstance(found, tuple) else f"one value of type {type(found).__name__}"
        raise AssertionError(f"expected {len(names)} values, {', '.join(names)}, got {got}.")
    for name, value in zip(names, found, strict=True):
        if value is None:
            raise AssertionError(f"{name}: expected a number or an array, got None.")
    return found


def compare(found, case="", rtol=1e-6, **expected):
    """Raise AssertionError unless `found` has the expected shapes and numbers.

    Args:
        found: what a function has returned: one thing, or a tuple in the order of `expected`.
        case: the arguments of the function, for the message.
        rtol: the largest error that is allowed, relative to the number and to the largest number of its array.
        expected: numbers and arrays, by name.

    Example:
        >>> compare(np.array([2.0, 6.0]), dx=np.array([1.0, 3.0]))
        Traceback (most recent call last):
        AssertionError: dx[0]: expected 1, got 2. Every number of dx is 2 times the expected one.
    """
    where = f", for {case}" if case else ""
    for (name, right), value in zip(expected.items(), returned(found, *expected), strict=True):
        right, value = np.asarray(right, float), np.asarray(value, float)
        if value.shape != right.shape:
            raise AssertionError(f"{name}: expected the shape {right.shape}, got {value.shape}{where}.")
        wrong = ~np.isclose(value, right, rtol, rtol * np.abs(right).max())
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise AssertionError(
                f"{name}{list(first) or ''}: expected {right[first]:.6g}, got {value[first]:.6g}{where}."
                + _kind_of_error(name, value, right)
            )


def _kind_of_error(name, value, right):
    """A sentence about a factor that all numbers share, or an empty string."""
    if not np.isfinite(value).all() or not value.any():
        return ""
    factor = (value * right).sum() / (right * right).sum() if right.any() else 0.0
    if abs(factor - 1) < 0.01 or not np.allclose(value, factor * right, 1e-5, 1e-6 * np.abs(value).max()):
        return ""
    if abs(factor + 1) < 1e-5:
        return " The sign is wrong."
    return f" Every number of {name} is {factor:.4g} times the expected one." if value.size > 1 else ""
