"""A process group that communicates by MPI, and by NCCL for arrays on GPUs where this is possible (nccl.py).

mpi4py is given arrays in CPU memory only. So without NCCL an array on a GPU is copied to the CPU, summed there, and
copied back, and the host waits for it at every step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npae.backend import Array, device_of, gpu_module
from npae.train.parallel.connect import connect
from npae.train.parallel.nccl import Nccl
from npae.train.parallel.process_group import ProcessGroup


class MPIProcessGroup(ProcessGroup):
    """The processes of an MPI communicator.

    Args:
        comm: a communicator of mpi4py; None: all processes that mpiexec started.
    """

    _nccl: Nccl | None = None  # chosen when training begins

    def __init__(self, comm: Any = None):
        from mpi4py import MPI

        self.comm, self._in_place = comm or MPI.COMM_WORLD, MPI.IN_PLACE
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self._host: dict[Any, Array] = {}  # copies of GPU arrays in CPU memory, by shape and dtype

    def sum_(self, x: Array) -> None:
        """x ← Σ_k x of process k, by one all-reduce."""
        if self._nccl is not None and device_of(x) == "gpu":
            self._nccl.sum_(x)
        else:
            self._on_host(lambda host: self.comm.Allreduce(self._in_place, host), x)

    def broadcast_(self, x: Array) -> None:
        """x ← x of process 0."""
        if self._nccl is not None and device_of(x) == "gpu":
            self._nccl.broadcast_(x)
        else:
            self._on_host(self.comm.Bcast, x)

    def gather(self, value: Any) -> list[Any]:
        """[value of process 0, …], pickled."""
        return self.comm.allgather(value)

    def weighted_sum(self, terms: dict[str, Any], weight: float) -> dict[str, Any]:
        """{name: Σ_k weight · term of process k}, as float64.

        With NCCL, terms on the device are summed there and stay there: the host does not wait for them.

        Args:
            terms: {name: number}, with the same names in all processes.
            weight: of this process.
        """
        if self._nccl is None or not any(isinstance(value, gpu_module().ndarray) for value in terms.values()):
            return super().weighted_sum(terms, weight)
        numbers = gpu_module().empty(len(terms), np.float64)
        for k, value in enumerate(terms.values()):
            numbers[k] = value
        numbers *= weight
        self.sum_(numbers)
        return {name: numbers[k] for k, name in enumerate(terms)}

    def _connect(self, theta: Array) -> None:
        self._nccl = connect(self, theta, self._nccl)

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
