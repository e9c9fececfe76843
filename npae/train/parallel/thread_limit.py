"""Threads of several processes: each process gets its share of the cores of its machine.

A matrix product uses all cores by default. So K processes on one machine with C cores have K·C threads, of which C can
run at a time: the others wait, and those that wait for them as well. With max(1, C // K) threads each, all of them run.
"""

import os
import platform
import warnings
from typing import TYPE_CHECKING

from npae.backend import thread_count

if TYPE_CHECKING:
    from npae.train.parallel.process_group import ProcessGroup


def limit_threads(group: "ProcessGroup") -> None:
    """Limit the threads of this process, if the processes on its machine have more threads than cores together.

    BLAS reads OMP_NUM_THREADS once, at import. Later, only threadpoolctl (the extra `mpi`) can change the number of
    threads. If the variable is set, it is kept. Without threadpoolctl, process 0 warns. A process that mpiexec bound to
    some cores counts only these.
    """
    free_to_choose = "OMP_NUM_THREADS" not in os.environ
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    everyone = group.gather((platform.node(), thread_count(), mine))
    here = [(threads, cores) for node, threads, cores in everyone if node == platform.node()]
    threads, cores = sum(threads for threads, _ in here), len(set.union(*(cores for _, cores in here)))
    if threads <= cores:
        return
    share, limits = max(1, cores // len(here)), _threadpool_limits()
    if free_to_choose and limits is not None:
        os.environ["OMP_NUM_THREADS"] = str(share)  # thread_count reads it, and so do programs that this one starts
        thread_count.cache_clear()
        limits(share)
    elif group.rank == 0:
        warnings.warn(
            f"{len(here)} processes with {threads} threads in all share {cores} cores and slow each other down: "
            f"set OMP_NUM_THREADS={share} before mpiexec, or start fewer.",
            stacklevel=3,
        )


def _threadpool_limits():
    """The function that changes BLAS's number of threads; None without threadpoolctl."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    return threadpool_limits
