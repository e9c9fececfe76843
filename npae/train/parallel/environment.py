"""The processes that mpiexec started.

    mpiexec -n 2 python -m demos.data_parallel

The extra `mpi` installs mpi4py and MPICH's mpiexec. A matrix product uses all cores by default, so K processes on one
machine would start K times as many threads as it has cores, and slow each other down: each of them gets its share of
the cores (thread_limit.py). Each takes a GPU of its own, where there are enough (gpus.py).
"""

import os
import sys
import time
from types import TracebackType
from typing import Any

from npae.backend import install_command
from npae.train.parallel.gpus import take_gpu
from npae.train.parallel.mpi import MPIProcessGroup
from npae.train.parallel.process_group import ProcessGroup
from npae.train.parallel.thread_limit import limit_threads

# The environment variables with the number of processes: of MPICH and Intel MPI, Open MPI, MVAPICH.
STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def from_environment() -> ProcessGroup:
    """The group of all processes that mpiexec has started; without mpiexec, a group of this process alone.

    From then on an uncaught exception in one process ends all: the others would wait for it forever. And the processes
    on one machine use no more threads than it has cores (thread_limit.py), and a GPU each (gpus.py). So call it before
    anything is on the GPU.
    Raises ModuleNotFoundError without mpi4py, RuntimeError if it belongs to another mpiexec or the environment has no
    number of processes; all name the cure.

    Example:
        >>> from npae.train import parallel
        >>> group = parallel.from_environment()  # here, without mpiexec
        >>> group.size
        1
    """
    started = _started()
    if started == 1:
        return ProcessGroup()
    try:
        group = MPIProcessGroup()
    except (ImportError, RuntimeError) as error:  # no mpi4py, or mpi4py without an MPI library
        kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else RuntimeError
        raise kind(
            f"mpiexec started {started} processes, which communicate by mpi4py ({error}): {install_command('mpi')}."
        ) from error
    if group.size != started:
        raise RuntimeError(
            f"mpiexec started {started} processes, but mpi4py sees {group.size}: they belong to two MPI libraries. "
            f"Call the mpiexec of mpi4py's library, often {os.path.join(os.path.dirname(sys.executable), 'mpiexec')}."
        )
    _end_together(group.comm)
    limit_threads(group)
    take_gpu(group)
    return group


def _started() -> int:
    """The number of processes that mpiexec has started, by the environment; 1 without mpiexec."""
    for name in STARTED:
        value = os.environ.get(name)
        if value is not None:
            if not (value.isdecimal() and int(value) >= 1):
                raise RuntimeError(
                    f"{name}: expected the number of processes that mpiexec started, got {value!r}. Unset the variable "
                    "to train in one process, or start the program with mpiexec."
                )
            return int(value)
    return 1


def _end_together(comm: Any) -> None:
    """Let an uncaught exception in this process end every process of `comm`, after it was printed."""
    before = sys.excepthook

    def hook(kind: type[BaseException], exception: BaseException, trace: TracebackType | None) -> None:
        before(kind, exception, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(0.3)  # time for mpiexec to pass on what was printed
        comm.Abort(1)

    sys.excepthook = hook
