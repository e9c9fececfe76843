"""ProcessGroup: the processes that train one model together, started by mpiexec, and what they say to each other.

    OMP_NUM_THREADS=1 mpiexec -n 2 python -m demos.deep

What they compute together is in `shared.py`. Each of them runs the whole program; worker 0 alone prints, and writes
checkpoints. A matrix product takes every core by itself, so that K workers on one machine with T threads each should
have K·T ≤ cores; NumPy reads the number of threads when it is imported, so the variable is set before mpiexec.

The mpiexec of MPICH, with mpi4py, comes with the extra `mpi`. It takes memory of the host only: on a GPU the gradient
goes through the host at every step. (That path is tested on the fake GPU, not yet on a real one; each worker takes the
first GPU that CUDA_VISIBLE_DEVICES shows it.)
"""

import os
import platform
import sys
import time
import warnings

import numpy as np

from npae.backend import device_of, thread_count

# Where mpiexec tells a process how many it has started: MPICH and Intel MPI, Open MPI, MVAPICH.
STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


class ProcessGroup:
    """All workers of a run as one of them sees them: its own `rank`, from 0, and their number, `size`.

    This class is the worker that is alone; MPIProcessGroup have others. sum_, broadcast_ and gather, and the methods that
    call them, are *collective*: every worker must call them, in the same order, and waits there for the others.
    """

    rank, size = 0, 1

    def sum_(self, x):
        """x ← Σ_k x of worker k, in place, on every worker the same bits. x is a contiguous array."""

    def broadcast_(self, x):
        """x ← x of worker 0, in place. x is a contiguous array."""

    def gather(self, value):
        """[value of worker 0, value of worker 1, …], on every worker: any small Python value."""
        return [value]

    def first(self, value):
        """The first worker's `value` that is not None, or None if there is none: what all of them do if one must."""
        return next((v for v in self.gather(value) if v is not None), None)

    def check_same(self, settings):
        """Raise ValueError, on every worker, unless all have the same settings, a dict."""
        first, *others = self.gather(settings)
        for rank, other in enumerate(others, start=1):
            for name in first:
                if other[name] != first[name]:
                    raise ValueError(
                        f"ProcessGroup: {name} is {first[name]} on worker 0 and {other[name]} on worker {rank}. "
                        "Start all of them with the same program and arguments."
                    )

    def share(self, n):
        """(rows, weight): the slice of range(n) that is this worker's, and its length over n.

        A worker for whom none of the n is left looks at row 0, with weight 0: so it has terms and a gradient to add to
        the sums, as the others do, and changes nothing by it.
        """
        start, stop = n * self.rank // self.size, n * (self.rank + 1) // self.size
        return slice(start, stop) if start < stop else slice(0, 1), (stop - start) / n

    def weighted_sum(self, terms, weight):
        """{name: Σ_k weight · term of worker k}, as float64; every worker has terms of the same names."""
        numbers = np.array([float(value) for value in terms.values()]) * weight
        self.sum_(numbers)
        return dict(zip(terms, numbers, strict=True))


class MPIProcessGroup(ProcessGroup):
    """The workers of an MPI communicator of mpi4py, by default all that mpiexec started."""

    def __init__(self, comm=None):
        from mpi4py import MPI

        self.comm, self._in_place = comm or MPI.COMM_WORLD, MPI.IN_PLACE
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self._host = {}  # where arrays of the GPU meet MPI, by shape and dtype

    def sum_(self, x):
        """x ← Σ_k x of worker k, by one all-reduce."""
        self._on_host(lambda host: self.comm.Allreduce(self._in_place, host), x)

    def broadcast_(self, x):
        """x ← x of worker 0."""
        self._on_host(self.comm.Bcast, x)

    def gather(self, value):
        """[value of worker 0, …], pickled."""
        return self.comm.allgather(value)

    def _on_host(self, operation, x):
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


def from_environment():
    """The workers that mpiexec has started, this process among them; without mpiexec, one that is alone.

    From then on an exception that nobody catches ends all workers: the others would wait for this one for ever.
    Raises RuntimeError, saying what to install or to call, if mpi4py is missing or belongs to another mpiexec.
    """
    started = next((int(os.environ[name]) for name in STARTED if name in os.environ), 1)
    if started == 1:
        return ProcessGroup()
    try:
        workers = MPIProcessGroup()
    except (ImportError, RuntimeError) as error:  # no mpi4py, or mpi4py without an MPI library
        raise RuntimeError(
            f'mpiexec started {started} workers, which need mpi4py to talk ({error}): pip install "npae[mpi]".'
        ) from error
    if workers.size != started:
        raise RuntimeError(
            f"mpiexec started {started} workers, but mpi4py sees {workers.size}: they are of two MPI libraries. "
            f"Call the mpiexec of mpi4py's library, often {os.path.join(os.path.dirname(sys.executable), 'mpiexec')}."
        )
    _end_together(workers.comm)
    _warn_of_too_many_threads(workers)
    return workers


def _end_together(comm):
    """Let an exception that nobody catches here end every worker of `comm`, after it was printed."""
    before = sys.excepthook

    def hook(*exception):
        before(*exception)
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(0.3)  # mpiexec passes on what was printed, unless it is ended first
        comm.Abort(1)

    sys.excepthook = hook


def _warn_of_too_many_threads(workers):
    """One line from worker 0 if the workers on its machine have more threads than cores."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    everyone = workers.gather((platform.node(), thread_count(), mine))
    here = [(threads, cores) for node, threads, cores in everyone if node == everyone[0][0]]
    threads, cores = sum(t for t, _ in here), len(set().union(*(c for _, c in here)))
    if workers.rank == 0 and threads > cores:
        warnings.warn(
            f"{len(here)} workers with {threads} threads in all share {cores} cores and slow each other down: "
            f"set OMP_NUM_THREADS={max(1, cores // len(here))} before mpiexec, or start fewer.",
            stacklevel=3,
        )
