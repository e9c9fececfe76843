"""A contender in the process of the test, with the same program as benchmarks.contender.Contender."""

from benchmarks.alternate import NotMeasured, Program


class InProcess:
    """Replaces benchmarks.contender.Contender."""

    lost = False

    def __init__(self, kind, worker=None):
        self.kind, self.program, self.closed = kind, Program(), False

    def make(self, *args, **options):
        self.first = self._try("make", self.kind, args, options)

    def warm_up(self, seconds):
        self._try("run", seconds)

    def turn(self, seconds=None):
        return self._try("turn", seconds)

    def ask(self, method, *args):
        return self._try("ask", method, *args)

    def close(self):
        self.closed = True

    def _try(self, method, *args):
        try:
            return getattr(self.program, method)(*args)
        except Exception as error:
            raise NotMeasured(str(error)) from error
