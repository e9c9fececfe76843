"""Loops by the pool: every formula has the bits of one thread."""

import pytest

from tests.backend.several_threads import needs_a_pool, run


@needs_a_pool
@pytest.mark.slow
def test_formulas_have_the_same_bits_with_the_pool_and_without():
    """Arrays, rows, numbers, sums, two outputs, an output in place of an input; size 0, and some that leave a rest."""
    assert run("""
from npae.backend import absolute, elementwise, exp, sqrt
from npae.backend.formulas import loop
loop.SHARED = 0
@elementwise
def many(x, y):
    return x * y + sqrt(absolute(x)) / (y * y + 1)
@elementwise
def rows(x, b, c):
    return (x + b) * (x > c)
@elementwise(out=("x", "y"))
def step(x, y, lr):
    return x - lr * y / (sqrt(absolute(x)) + 1), y * lr
@elementwise
def sums(x, y):
    return x * y, x, exp(-y * y)
for dtype in (np.float32, np.float64):
    for n in (1, 7, 513):
        for m in (0, 1, 3, 130, 1025):
            x, y, b = (rng.standard_normal(s).astype(dtype) for s in ((m, n), (m, n), n))
            if m: x[0, 0] = np.nan
            pairs = []
            for on in (False, True):
                with one_pool(like if on else None):
                    assert (workers() == 1) == on
                    in_place = x.copy(), y.copy()
                    step(*in_place, 0.3, out=in_place)
                    found = [*sums.sum_rows(x, y, sums=2), *sums.total(x, y)] if m else []
                    pairs.append([many(x, y), rows(x, b, 0.1), *in_place, *found])
            for alone, shared in zip(*pairs): np.testing.assert_array_equal(shared, alone)
kinds = {key: program for loops in on_numba._all_loops.values() for key, program in loops.programs.items()}
shared = [program.loop.__dict__.get("_shared") for program in kinds.values()]
print(all(shared), len(shared) > 3)
""") == "True True\n"  # fmt: skip
