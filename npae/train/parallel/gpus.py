"""GPUs of several processes: each process of a machine computes on a GPU of its own.

The local rank of a process is the number of processes of lower rank on its machine. Of n GPUs that the process can see
(CUDA_VISIBLE_DEVICES limits them), it takes the one numbered

    local rank mod n

So K ≤ n processes that see the same GPUs have one each, and so have processes that the launcher shows a single,
different one each. With K > n some share a GPU. It is known by its address on the PCI bus, not by its number, which
depends on CUDA_VISIBLE_DEVICES.
"""

import platform
from typing import TYPE_CHECKING, Any

from npae.backend import device_of, gpu_module, why_no_gpu

if TYPE_CHECKING:
    from npae.train.parallel.process_group import ProcessGroup


def take_gpu(group: "ProcessGroup") -> None:
    """Make the GPU of this process the current one. Without a GPU, do nothing. All processes of the group call this.

    CUDA has a current device for each thread: only this thread, usually the main one, may train.
    """
    machines = group.gather(platform.node())
    if why_no_gpu():
        return
    cuda, local_rank = gpu_module().cuda, machines[: group.rank].count(machines[group.rank])
    number = local_rank % cuda.runtime.getDeviceCount()
    if number != cuda.runtime.getDevice():
        cuda.Device(number).use()


def address(x: Any) -> tuple[str, str] | None:
    """(machine, PCI address of the GPU) where the array x is; None on the CPU."""
    return None if device_of(x) == "cpu" else (platform.node(), x.device.pci_bus_id)


def misplaced(x: Any) -> str | None:
    """If x is on a GPU, but not on this process's own: which ones these are, in words. Else None.

    Args:
        x: an array of either device.
    """
    if device_of(x) == "cpu":
        return None
    there, own = x.device.id, gpu_module().cuda.runtime.getDevice()
    return None if there == own else f"on GPU {there}, but the process computes on GPU {own}"
