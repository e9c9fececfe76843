"""How the processes of a group sum arrays on their GPUs: by NCCL (nccl.py) or in CPU memory.

NCCL needs a GPU for each process and its own library. If one process cannot use it, none does.
"""

import os
import warnings
from typing import TYPE_CHECKING, Any

from npae.backend import gpu_module
from npae.train.parallel.gpus import address, misplaced
from npae.train.parallel.nccl import Nccl, binding

if TYPE_CHECKING:
    from npae.train.parallel.process_group import ProcessGroup

SWITCHED_OFF = "NPAE_NCCL=0"


def connect(group: "ProcessGroup", x: Any, before: Nccl | None = None) -> Nccl | None:
    """How all processes of the group sum arrays that are where x is. None: in CPU memory.

    Process 0 warns if arrays on a GPU have to go through CPU memory, unless NPAE_NCCL=0 asks for it.

    Args:
        group: all its processes call this.
        x: an array; each process has its own.
        before: the communicator that was used before, if any.

    Raises ValueError, in every process, if x is on another GPU than the one that its process computes on.
    """
    here = address(x)
    everyone = group.gather((here, misplaced(x), here and _why_not()))
    for rank, (_, wrong, _) in enumerate(everyone):
        if wrong:
            raise ValueError(
                f"ProcessGroup: in process {rank}, θ is {wrong}. Call train.parallel.from_environment() first, "
                'and move the model to "gpu" afterwards.'
            )
    places = [place for place, _, _ in everyone]
    reasons = [reason for _, _, reason in everyone if reason]
    if not any(places) or SWITCHED_OFF in reasons:
        return None
    if None in places:
        reasons = [f"θ is on the CPU in process {places.index(None)}"]
    elif not reasons and len(set(places)) < len(places):
        reasons = [_shared(places)]
    if not reasons:
        return before or Nccl(group)
    if group.rank == 0:
        warnings.warn(f"The processes sum their gradients in CPU memory, which is slow: {reasons[0]}.", stacklevel=5)
    return None


def _why_not() -> str | None:
    """Why this process cannot use NCCL, and what to do; None if it can."""
    if os.environ.get("NPAE_NCCL") == "0":
        return SWITCHED_OFF
    if binding() is None:
        major = gpu_module().cuda.runtime.runtimeGetVersion() // 1000
        return f"CuPy finds no NCCL (to install it: pip install nvidia-nccl-cu{major})"
    return None


def _shared(places: list[Any]) -> str:
    """Which processes share a GPU, and what to do."""
    k, other = next((places.index(place), k) for k, place in enumerate(places) if places.index(place) < k)
    return (
        f"processes {k} and {other} share a GPU, which NCCL refuses. Start as many processes as there are GPUs "
        f"({len(set(places))})"
    )
