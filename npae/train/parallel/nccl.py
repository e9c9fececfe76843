"""NCCL: NVIDIA's library that sums arrays over GPUs, without a way through CPU memory.

Not yet run on real GPUs. It is tested on a stand-in for CuPy and NCCL, with threads for processes.

An all-reduce of NCCL is a kernel. It is queued on the current stream behind those that compute x, and the host does not
wait for it. In a ring of K GPUs, x is cut into K pieces. Each piece travels round the ring once while it is summed, and
a second time as the sum. So every GPU sends

    2 (K − 1)/K · (size of x)

whatever K is (Patarasuk & Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations"). Each
number is summed in one place and then sent to all, so all processes have the same bits. NCCL uses trees as well, and
chooses by the size of x, K and the connections of the GPUs. The order of summation, and so the rounding of a run,
depends on these and on NCCL's version.

NCCL refuses two processes on one GPU. It needs only an identifier of process 0, which `gather` brings to the others. So
CuPy's binding is called directly: cupyx.distributed makes the same calls, but imports cupyx.scipy, keeps a TCP server,
and has no call that ends the communicator.
"""

import atexit
import importlib
import warnings
from typing import TYPE_CHECKING, Any

from npae.backend import gpu_module

if TYPE_CHECKING:
    from npae.train.parallel.process_group import ProcessGroup


class Nccl:
    """The communicator of a group in which each process has a GPU of its own. All processes make theirs together.

    Args:
        group: the processes.
    """

    def __init__(self, group: "ProcessGroup"):
        self._rank, self._nccl, self._xp = group.rank, binding(), gpu_module()
        number = group.gather(self._checked(self._nccl.get_unique_id) if group.rank == 0 else None)[0]
        self._communicator = self._checked(self._nccl.NcclCommunicator, group.size, number, group.rank)
        # Ending it waits for the other processes. They free objects at different times, but all of them exit.
        atexit.register(self._communicator.destroy)

    def sum_(self, x: Any) -> None:
        """x ← Σ_k x of process k, queued on the current stream."""
        place, *rest = self._described(x)
        self._checked(self._communicator.allReduce, place, place, *rest, self._nccl.NCCL_SUM, self._stream())

    def broadcast_(self, x: Any) -> None:
        """x ← x of process 0, queued on the current stream."""
        place, *rest = self._described(x)
        self._checked(self._communicator.broadcast, place, place, *rest, 0, self._stream())

    def _described(self, x: Any) -> tuple[int, int, int]:
        """(address, number of elements, data type) of x. NCCL knows nothing of strides."""
        if not x.flags.c_contiguous:
            raise ValueError(f"ProcessGroup: expected a contiguous array, got strides {x.strides} of shape {x.shape}.")
        return x.data.ptr, x.size, getattr(self._nccl, f"NCCL_{x.dtype.name.upper()}")

    def _stream(self) -> int:
        return self._xp.cuda.get_current_stream().ptr

    def _checked(self, function: Any, *args: Any) -> Any:
        try:
            return function(*args)
        except RuntimeError as error:  # NcclError is one
            raise RuntimeError(
                f"ProcessGroup: NCCL failed in process {self._rank} ({error}). Set NCCL_DEBUG=INFO before mpiexec to "
                "see the cause, or NPAE_NCCL=0 to sum in CPU memory."
            ) from error


def binding() -> Any:
    """cupy.cuda.nccl, or None if NCCL is not installed."""
    module: Any = getattr(gpu_module().cuda, "nccl", None)
    if module is None:  # `import cupy` leaves it out
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of CuPy, in every process, if it finds no NCCL
            module = importlib.import_module(".cuda.nccl", gpu_module().__name__)
    return module if module.available else None
