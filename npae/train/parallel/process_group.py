"""Process groups: the processes that train one model together, started by mpiexec, and their communication.

    mpiexec -n 2 python -m demos.data_parallel

`data_parallel.py` has what they compute together. Each process runs the whole program; only process 0 prints and writes
checkpoints. A matrix product uses all cores by default, so K processes on one machine would start K times as many
threads as it has cores, and slow each other down. `from_environment` gives each of them its share of the cores.

The extra `mpi` installs mpi4py and MPICH's mpiexec. It communicates arrays in CPU memory only, so on a GPU the gradient
is copied to the CPU and back at every step. (This is tested on the fake GPU, not yet on a real one. Each process uses
the first GPU that CUDA_VISIBLE_DEVICES allows.)
"""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Array, device_of, install_command
from npae.train.parallel.thread_limit import limit_threads

if TYPE_CHECKING:
    from npae.models.base import Model

# The environment variables with the number of processes: of MPICH and Intel MPI, Open MPI, MVAPICH.
STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


class ProcessGroup:
    """The processes of a run: the `rank` of this process, from 0, and their number, `size`.

    This class is a group of one process; MPIProcessGroup has several. sum_, broadcast_ and gather, and the methods that
    call them, are *collective*: every process must call them, in the same order, and waits there for the others.

    Example:
        >>> from npae.train.parallel import ProcessGroup
        >>> group = ProcessGroup()
        >>> group.rank, group.size, group.gather("a value"), group.share(128)
        (0, 1, ['a value'], (slice(0, 128, None), 1.0))
    """

    rank: int = 0
    size: int = 1

    def sum_(self, x: Array) -> None:
        """x ← Σ_k x of process k, in place, with the same bits in every process. x is a contiguous array."""

    def broadcast_(self, x: Array) -> None:
        """x ← x of process 0, in place. x is a contiguous array."""

    def gather(self, value: Any) -> list[Any]:
        """[value of process 0, value of process 1, …], in every process: any small Python value."""
        return [value]

    def first(self, value: Any) -> Any:
        """The `value` of the first process in which it is not None, or None. So all stop if one has to stop."""
        return next((v for v in self.gather(value) if v is not None), None)

    def begin(self, model: "Model", settings: dict[str, Any]) -> None:
        """Check that all processes have the same settings, and give all the parameters of process 0.

        Args:
            model: what is trained.
            settings: any values by name.

        Raises ValueError, in every process, unless the settings are the same.
        """
        if self.size == 1:
            return
        self.check_same(settings)
        self.broadcast_(model.theta.value)
        if model.statistics.size:
            self.broadcast_(model.statistics.value)

    def check_same(self, settings: dict[str, Any]) -> None:
        """Raise ValueError, in every process, unless all have the same settings, a dict."""
        first, *others = self.gather(settings)
        for rank, other in enumerate(others, start=1):
            for name in first:
                if other[name] != first[name]:
                    raise ValueError(
                        f"ProcessGroup: {name} is {first[name]} in process 0 and {other[name]} in process {rank}. "
                        "Start all of them with the same program and arguments."
                    )

    def share(self, n: int) -> tuple[slice, float]:
        """(rows, weight): this process's slice of range(n), and its length divided by n.

        A process without rows evaluates row 0 with weight 0, so that every process takes part in the reduction.
        """
        start, stop = n * self.rank // self.size, n * (self.rank + 1) // self.size
        return slice(start, stop) if start < stop else slice(0, 1), (stop - start) / n

    def weighted_sum(self, terms: dict[str, Any], weight: float) -> dict[str, Any]:
        """{name: Σ_k weight · term of process k}, as float64.

        Args:
            terms: {name: number}, with the same names in all processes.
            weight: of this process.
        """
        numbers = np.array([float(value) for value in terms.values()]) * weight
        self.sum_(numbers)
        return dict(zip(terms, numbers, strict=True))


class MPIProcessGroup(ProcessGroup):
    """The processes of an MPI communicator.

    Args:
        comm: a communicator of mpi4py; None: all processes that mpiexec started.
    """

    def __init__(self, comm: Any = None):
        from mpi4py import MPI

        self.comm, self._in_place = comm or MPI.COMM_WORLD, MPI.IN_PLACE
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self._host: dict[Any, Array] = {}  # copies of GPU arrays in CPU memory, by shape and dtype

    def sum_(self, x: Array) -> None:
        """x ← Σ_k x of process k, by one all-reduce."""
        self._on_host(lambda host: self.comm.Allreduce(self._in_place, host), x)

    def broadcast_(self, x: Array) -> None:
        """x ← x of process 0."""
        self._on_host(self.comm.Bcast, x)

    def gather(self, value: Any) -> list[Any]:
        """[value of process 0, …], pickled."""
        return self.comm.allgather(value)

    def _on_host(self, operation: Callable[[Array], Any], x: Any) -> None:
        if device_of(x) == "cpu":
            operation(x)
            return
        key = x.shape, x.dtype
        if key not in self._host:
            self._host[key] = np.empty(*key)
        host = self._host[key]
        x.get(out=host)
        operation(host)
        x.set(host)


def from_environment() -> ProcessGroup:
    """The group of all processes that mpiexec has started; without mpiexec, a group of this process alone.

    From then on an uncaught exception in one process ends all: the others would wait for it forever. And the processes
    on one machine use no more threads than it has cores (thread_limit.py).
    Raises ModuleNotFoundError without mpi4py, RuntimeError if it belongs to another mpiexec; both name the cure.

    Example:
        >>> from npae.train import parallel
        >>> group = parallel.from_environment()  # here, without mpiexec
        >>> group.size
        1
    """
    started = next((int(os.environ[name]) for name in STARTED if name in os.environ), 1)
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
    return group


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
