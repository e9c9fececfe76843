"""parallel_for: every index exactly once, whatever the number of threads; errors of a thread are raised."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npae.backend import threads

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_index_once(n, workers, monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: workers)
    counts = np.zeros(n, int)

    def work(start, stop):
        counts[start:stop] += 1

    threads.parallel_for(work, n)
    np.testing.assert_array_equal(counts, 1)


def test_an_error_in_a_worker_is_raised():
    def work(start, stop):
        raise ZeroDivisionError if stop == 8 else None

    with pytest.raises((ZeroDivisionError, TypeError)):
        threads.parallel_for(work, 8)


def test_workers_keep_the_callers_error_settings():
    def work(start, stop):
        np.float32([1e38]) * np.float32([1e38])

    with np.errstate(over="ignore"):
        threads.parallel_for(work, 2)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        threads.parallel_for(work, 2)


def test_the_environment_sets_the_number_of_threads(monkeypatch):
    threads.thread_count.cache_clear()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.thread_count() == 3
    threads.thread_count.cache_clear()
    for odd in ("many", "0", "-1", "nan", "inf", "99999999", "9" * 400):
        monkeypatch.setenv("OMP_NUM_THREADS", odd)
        assert 1 <= threads.thread_count() <= 4 * os.cpu_count()
        threads.thread_count.cache_clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_makes_threads_of_its_own():
    program = (  # in a process without the libraries of other tests, some of which warn about any fork
        "import os, signal, warnings\n"
        "from npae.backend import threads\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "threads.thread_count = lambda: 2\n"
        "threads.parallel_for(lambda start, stop: None, 4)  # the parent's pool exists\n"
        "child = os.fork()\n"
        "signal.alarm(20)  # ends a process that hangs\n"
        "if child == 0:\n"
        "    threads.parallel_for(lambda start, stop: None, 4)\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout == "7\n", done.stderr


def test_after_an_error_no_thread_writes_any_more(monkeypatch):
    monkeypatch.setattr(threads, "thread_count", lambda: 2)
    done = []

    def work(start, stop):
        if start == 0:
            raise ZeroDivisionError
        time.sleep(0.05)
        done.append(start)

    with pytest.raises(ZeroDivisionError):
        threads.parallel_for(work, 4)
    assert done == [2]
