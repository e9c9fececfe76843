"""Chapter 16: it runs, and its exercises accept right answers and refuse wrong ones."""

import pytest

from tests.docs.chapters import refuses, run_chapter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chapter():
    return run_chapter("16_machine.py")


def test_adam_moves_a_quarter_in_one_loop(chapter):
    assert (chapter["apart"], chapter["together"]) == (43, 7)


def test_a_captured_step_takes_ordinary_steps(chapter):
    assert chapter["largest"] < 1e-12


def in_blocks(f, x, out, size):
    for start in range(0, len(x), size):
        out[start : start + size] = f(x[start : start + size])


def without_the_last(f, x, out, size):
    for k in range(len(x) // size):
        out[k * size : (k + 1) * size] = f(x[k * size : (k + 1) * size])


def at_once(f, x, out, size):
    out[:] = f(x)


def one_by_one(f, x, out, size):
    in_blocks(f, x, out, 1)


def test_a_function_in_blocks(chapter):
    check = chapter["check_in_blocks"]
    check(in_blocks)
    refuses(check, at_once, match="1 calls? with at most 1000")
    refuses(check, without_the_last, one_by_one, lambda f, x, out, size: [f(x) for _ in range(9)])


def test_the_batch_size_at_which_arithmetic_is_the_limit(chapter):
    check = chapter["check_batch_size_for"]
    check(lambda n, m, intensity: 2 * intensity * n * m / (n * m - 2 * intensity * (n + m)))
    refuses(check, lambda n, m, intensity: 2 * intensity, lambda n, m, intensity: intensity * n * m / (n + m))
