"""Threads of several processes: together no more than the cores of their machine."""

import importlib.util
import os
import sys
import threading
import warnings

import pytest

from npae.backend import thread_count
from npae.train.parallel import ProcessGroup, thread_limit
from npae.train.parallel.thread_limit import limit_threads
from tests.train.parallel.test_process_group import mpiexec, needs_mpi, together

needs_threadpoolctl = pytest.mark.skipif(
    importlib.util.find_spec("threadpoolctl") is None, reason="could not import 'threadpoolctl'"
)


@pytest.fixture
def machine(monkeypatch):
    """A machine with four cores; BLAS is not touched, and its limits are recorded in the list `limits`."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(thread_limit.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.limits = []
    monkeypatch.setattr(thread_limit, "_threadpool_limits", lambda: monkeypatch.limits.append)

    def threads(n):
        counted = lambda: n  # noqa: E731
        counted.cache_clear = thread_count.cache_clear
        monkeypatch.setattr(thread_limit, "thread_count", counted)

    monkeypatch.threads = threads
    yield monkeypatch
    monkeypatch.undo()
    thread_count.cache_clear()


def limited(size):
    """The warnings of `size` processes that limit their threads."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert together(size, limit_threads) == [None] * size
    return [str(w.message) for w in caught]


@pytest.mark.parametrize(("size", "share"), [(2, 2), (3, 1), (4, 1), (9, 1)])
def test_each_process_gets_its_share_of_the_cores(size, share, machine):
    machine.threads(4)
    assert limited(size) == []
    assert set(machine.limits) == {share} and os.environ["OMP_NUM_THREADS"] == str(share)
    assert thread_count() == share  # of npae's own threads


@pytest.mark.parametrize(("size", "threads"), [(1, 4), (2, 2), (4, 1)])
def test_processes_that_are_not_too_many_keep_their_threads(size, threads, machine):
    machine.threads(threads)
    assert limited(size) == [] and machine.limits == [] and "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("size", "threads", "share"), [(2, 4, 2), (9, 1, 1)])
def test_a_number_that_the_user_has_set_is_kept_and_warned_of_once(size, threads, share, machine):
    machine.threads(threads)
    machine.setenv("OMP_NUM_THREADS", str(threads))
    (text,) = limited(size)
    assert f"{size} processes with {size * threads} threads in all share 4 cores" in text
    assert f"set OMP_NUM_THREADS={share} before mpiexec" in text and machine.limits == []


def test_without_threadpoolctl_process_0_warns(machine):
    machine.threads(4)
    machine.setattr(thread_limit, "_threadpool_limits", lambda: None)
    (text,) = limited(2)
    assert "set OMP_NUM_THREADS=2" in text and "OMP_NUM_THREADS" not in os.environ


def test_threadpoolctl_is_asked_for_when_needed_only(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert thread_limit._threadpool_limits() is None
    limit_threads(ProcessGroup())  # one process: its threads are as many as its cores, or fewer


def test_processes_that_are_bound_to_cores_of_their_own_are_not_too_many(machine):
    bound = threading.local()
    machine.threads(2)
    machine.setattr(thread_limit.os, "sched_getaffinity", lambda pid: bound.cores, raising=False)

    def work(group):
        bound.cores = {2 * group.rank, 2 * group.rank + 1}
        limit_threads(group)

    assert together(2, work) == [None, None] and machine.limits == []


def test_processes_on_other_machines_do_not_count(machine):
    place = threading.local()
    machine.threads(4)
    machine.setattr(thread_limit.platform, "node", lambda: place.name)

    def work(group):
        place.name = f"machine {group.rank}"
        limit_threads(group)

    assert together(2, work) == [None, None] and machine.limits == []


COUNT = """
import sys, numpy
from threadpoolctl import threadpool_info
from npae.backend import thread_count
from npae.train.parallel import from_environment
group = from_environment()
sys.stdout.write(f"{thread_count()} {[pool['num_threads'] for pool in threadpool_info()]}\\n")
"""


@needs_threadpoolctl
@needs_mpi
def test_real_processes_share_the_cores():
    done = mpiexec("-c", COUNT, OMP_NUM_THREADS=None)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    share = max(1, cores // 2)
    for line in done.stdout.splitlines():
        own, pools = line.split(maxsplit=1)
        assert own == str(share) and set(pools[1:-1].split(", ")) == {str(share)}
