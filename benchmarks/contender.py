"""Contenders in processes of their own: one process per framework, which may serve many contenders one by one.

The framework is imported once per process. A process that ends, that does not answer in time, or whose GPU reports an
error is ended, and the next request starts another: a CUDA error makes all further calls of a process fail. Contenders
that were made in the process that ended are then not measured until they are made again.
"""

import faulthandler
import importlib
import math
import multiprocessing
import re
import signal
import time
from contextlib import suppress
from itertools import count

from benchmarks.alternate import NotMeasured, Program

GRACE = 2.0  # seconds after its limit in which a process may still answer, or end itself
OF_THE_GPU = re.compile("cuda|cublas|device-side|illegal", re.IGNORECASE)  # in errors after which a process is useless


def _serve(pipe, package):
    """Answer requests (limit, key, method, arguments) until None arrives: (True, result) or (False, error message)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends this one
    with suppress(ImportError):  # now, so that processes import at the same time
        importlib.import_module(package)
    programs = {}
    while (request := _next(pipe)) is not None:
        limit, key, method, *arguments = request
        with suppress(Exception):  # without a stderr
            if limit < math.inf:  # even if the process that asked is gone and this one hangs
                faulthandler.dump_traceback_later(limit + GRACE, exit=True)
        try:
            if method == "close":
                answer = programs.pop(key, None) and None
            elif method != "make" and key not in programs:
                raise RuntimeError("the process in which it was made has ended")
            else:
                answer = getattr(programs.setdefault(key, Program()), method)(*arguments)
            pipe.send((True, answer))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"))
        faulthandler.cancel_dump_traceback_later()


def _next(pipe):
    """The next request; None at the end, and if the process that asks has ended."""
    try:
        return pipe.recv()
    except EOFError:
        return None


class Worker:
    """A process that serves contenders, started when it is first needed.

    package: what it imports at once. patience: the most seconds per request. deadline: of all requests, by
    time.monotonic().
    """

    def __init__(self, package="numpy", patience=math.inf, deadline=math.inf):
        self.package, self.patience, self.deadline = package, patience, deadline
        self._process, self.starts = None, 0

    def start(self):
        """Start the process, unless it runs. It imports its package meanwhile."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, there = context.Pipe()
            self._process = context.Process(target=_serve, args=(there, self.package), daemon=True)
            self._process.start()
            self.starts += 1
            there.close()

    def request(self, key, *request):
        """What the process answers; NotMeasured with the reason if it fails, ends or is late."""
        limit = min(self.patience, self.deadline - time.monotonic())
        if limit <= 0:
            raise NotMeasured("no time was left")
        self.start()
        try:
            self._pipe.send((limit, key, *request))
            if not self._pipe.poll(None if limit == math.inf else limit):
                self._kill()
                late = f"no answer within {limit:.0f} seconds" if limit == self.patience else "no time was left"
                raise NotMeasured(late)
            good, result = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            status, self._process = self._process.exitcode, None
            raise NotMeasured(f"its process ended, with exit status {status}") from None
        if not good:
            if OF_THE_GPU.search(result):
                self._kill()
            raise NotMeasured(result)
        return result

    def _kill(self):
        self._process.kill()
        self._process.join()
        self._process = None

    def close(self):
        """End the process: at once if the time is over, else when it has answered."""
        if self._process is None:
            return
        with suppress(OSError):  # it has ended already
            self._pipe.send(None)
        self._process.join(None if self.deadline == math.inf else GRACE)
        if self._process.is_alive():
            self._kill()
        self._process = None


class Workers:
    """One Worker per package, for all contenders of a part. As a context manager it ends them."""

    def __init__(self, settings):
        patience = 60.0 if settings.short else math.inf
        self._options, self._workers = {"patience": patience, "deadline": settings.deadline}, {}

    def of(self, package):
        """The Worker of a package."""
        return self._workers.setdefault(package, Worker(package, **self._options))

    def end_by(self, deadline):
        """Let all requests from now on end by this time, of time.monotonic()."""
        self._options["deadline"] = deadline
        for worker in self._workers.values():
            worker.deadline = deadline

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for worker in self._workers.values():
            worker.close()


class Contender:
    """Makes steps of `kind`, a class or a function at the top of a module, in a process, and takes them in turns.

    One contender may run many workloads, one after the other. Every method raises NotMeasured if the step fails.
    worker: the process, shared with others; None: one of its own.
    """

    _keys = count()

    def __init__(self, kind, worker=None):
        self._kind, self.first, self._key, self._own = kind, None, next(self._keys), worker is None
        self._worker = worker or Worker(getattr(kind, "package", "numpy"))
        self._worker.start()

    @property
    def lost(self):
        """Has the process in which the step was made ended?"""
        return self._made_in != self._worker.starts

    def make(self, *args, **options):
        """Make kind(*args, **options) and take it; `first` is what its first_steps returned."""
        self.first = self._request("make", self._kind, args, options)
        self._made_in = self._worker.starts

    def warm_up(self, seconds):
        """Take steps for `seconds`: compilers compile, thread pools start, caches fill, the processor clock rises."""
        self._request("run", seconds)

    def turn(self, seconds=None):
        """The Turn of about `seconds` of steps taken now, or of one call of the step."""
        return self._request("turn", seconds)

    def ask(self, method, *args):
        """What step.method(*args) returns."""
        return self._request("ask", method, *args)

    def _request(self, *request):
        return self._worker.request(self._key, *request)

    def close(self):
        """Free the step, and end the process if no other contender shares it."""
        if self._own:
            self._worker.close()
        else:
            with suppress(NotMeasured):
                self._request("close")
