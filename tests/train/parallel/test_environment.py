"""The processes that mpiexec started: found, or the cure is named; they end together and take a GPU each."""

import sys

import pytest

from npae import backend
from npae.train.parallel import ProcessGroup, environment, from_environment
from tests.fake_gpu import current
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.parallel.test_process_group import together


@pytest.fixture
def started(monkeypatch):
    """The environment of a process, without mpiexec."""
    for name in environment.STARTED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back at the end
    return monkeypatch


def test_without_mpiexec_and_with_one_process_there_is_a_group_of_one(started):
    assert type(from_environment()) is ProcessGroup
    started.setenv("PMI_SIZE", "1")
    assert type(from_environment()) is ProcessGroup


@pytest.mark.parametrize("name", environment.STARTED)
def test_without_mpi4py_it_says_what_to_install(name, started):
    started.setenv(name, "2")
    started.setitem(sys.modules, "mpi4py", None)
    words = r'mpiexec started 2 processes, which communicate by mpi4py .*pip install .*\[mpi\]"'
    with pytest.raises(ModuleNotFoundError, match=words):
        from_environment()


def test_the_mpiexec_of_another_mpi_is_noticed(started, fake_mpi):
    started.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="started 2 processes, but mpi4py sees 1: they .* two MPI libraries"):
        from_environment()


def test_each_process_computes_on_a_gpu_of_its_own_and_ends_the_others_if_it_fails(started, fake_mpi):
    started.setenv("PMI_SIZE", "3")
    hook = sys.excepthook
    started.setattr(environment, "limit_threads", lambda group: None)

    def work(group):
        fake_mpi.COMM_WORLD.enter(group)
        group = from_environment()
        return group.rank, group.size, fake_cupy.zeros(1).device.id

    with backend.replace_gpu_module(fake_cupy), current.several(3):
        assert together(3, work) == [(0, 3, 0), (1, 3, 1), (2, 3, 2)]
    assert sys.excepthook is not hook


def test_an_uncaught_exception_is_printed_and_then_ends_all(started, fake_mpi):
    printed = []
    started.setattr(sys, "excepthook", lambda *exception: printed.append((exception, world.aborted)))
    world = fake_mpi.COMM_WORLD._alone
    environment._end_together(world)
    error = OSError("unwell")
    sys.excepthook(OSError, error, None)
    assert printed == [((OSError, error, None), None)] and world.aborted == 1


@pytest.mark.parametrize("value", ["abc", "", "-1", "0", "1.5", "nan"])
def test_a_number_of_processes_that_is_none_is_refused(monkeypatch, value):
    for name in environment.STARTED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PMI_SIZE", value)
    with pytest.raises(RuntimeError, match="PMI_SIZE: expected the number of processes that mpiexec started, got"):
        from_environment()
