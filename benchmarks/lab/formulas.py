"""Plain evaluation of elementwise formulas: one NumPy or CuPy call per operation, in place of one fused loop.

The layers, losses and optimizers themselves stay as they are; only Formula.__call__ is replaced while a block runs.
"""

from contextlib import contextmanager

from npae.backend import Formula


@contextmanager
def plainly():
    """In the block, every Formula is evaluated from its plain text. Yields the list of formulas evaluated so far."""
    found, evaluate, sums = [], Formula.__call__, Formula._sums

    def plain(self, *args, out=None):
        found.append(self)
        results = self.plain(*args)
        if out is None:
            return results
        for place, result in zip(out, results, strict=True) if isinstance(out, tuple) else [(out, results)]:
            place[...] = result
        return out

    def plain_sums(self, args, width, sums, outs):
        results = plain(self, *args)
        results = results if isinstance(results, tuple) else (results,)
        for place, result in zip(outs, results[sums:], strict=False):
            place[...] = result
        return *[result.reshape(-1, width).sum(axis=0) for result in results[:sums]], *(outs or results[sums:])

    Formula.__call__, Formula._sums = plain, plain_sums
    try:
        yield found
    finally:
        Formula.__call__, Formula._sums = evaluate, sums
