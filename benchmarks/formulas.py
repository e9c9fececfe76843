"""Looking on while a call evaluates elementwise formulas: which ones, on what; or having them evaluated as they read.

Each stands in for something of npae.backend.elementwise while a `with` block runs, so that layers, losses and optimizers are
timed and counted as they are, however they put their formulas together.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from npae.backend import Formula
from npae.backend.elementwise import on_numba


@dataclass(frozen=True)
class Evaluation:
    """A formula, the arguments that it was given, and the array or tuple of arrays that it filled."""

    formula: Formula
    args: tuple
    out: object

    def again(self):
        """Evaluate once more, into the same arrays."""
        self.formula(*self.args, out=self.out)


@contextmanager
def recorded():
    """While the block runs, every Evaluation is appended to the list that is yielded.

    A formula of images hands itself over to their pixels as they lie in memory: that is one Evaluation, not two.
    """
    found, evaluate, depth = [], Formula.__call__, 0

    def noting(self, *args, out=None):
        nonlocal depth
        depth += 1
        try:
            result = evaluate(self, *args, out=out)
        finally:
            depth -= 1
        if not depth:
            found.append(Evaluation(self, args, result))
        return result

    with _standing_in(noting):
        yield found


@contextmanager
def plainly():
    """While the block runs, every Formula is evaluated as its text stands, one NumPy or CuPy call an operation."""

    def plain(self, *args, out=None):
        results = self.plain(*args)
        if out is None:
            return results
        for place, result in zip(out, results, strict=True) if isinstance(out, tuple) else [(out, results)]:
            place[...] = result
        return out

    with _standing_in(plain):
        yield


@contextmanager
def compiled_at_once():
    """While the block runs, formulas are as they become in a long training: compiled, where Numba is there to do it."""
    before, on_numba.PATIENCE = on_numba.PATIENCE, 0
    try:
        yield
    finally:
        on_numba.PATIENCE = before


@contextmanager
def _standing_in(call):
    before, Formula.__call__ = Formula.__call__, call
    try:
        yield
    finally:
        Formula.__call__ = before
