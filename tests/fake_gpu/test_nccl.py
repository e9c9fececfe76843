"""The stand-in for cupy.cuda.nccl: as strict as NCCL about devices, addresses and ends."""

import threading

import numpy as np
import pytest

from tests.fake_gpu import current, nccl
from tests.fake_gpu.fake_cupy import fake_cupy as cp


def ranks(devices, work):
    """[work(communicator, rank) of each rank, on its device]; an exception takes the place of a result."""
    number, results = nccl.get_unique_id(), [None] * len(devices)

    def one(rank):
        try:
            cp.cuda.Device(devices[rank]).use()
            results[rank] = work(nccl.NcclCommunicator(len(devices), number, rank), rank)
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(len(devices))]
    with current.several(max(devices) + 1):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def arguments(x):
    return x.data.ptr, x.data.ptr, x.size, getattr(nccl, f"NCCL_{x.dtype.name.upper()}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_sums_and_broadcasts_are_those_of_all_ranks_in_place(dtype):
    def work(communicator, rank):
        x, y = cp.arange(3, dtype=dtype) + rank, cp.full(2, rank, dtype)
        communicator.allReduce(*arguments(x), nccl.NCCL_SUM, cp.cuda.Stream.null.ptr)
        communicator.broadcast(*arguments(y), 1, cp.cuda.Stream.null.ptr)
        return x.get().tolist(), y.get().tolist()

    assert ranks([0, 1, 2], work) == [([3, 6, 9], [1, 1])] * 3


def test_two_ranks_on_one_device_are_refused():
    assert [str(e) for e in ranks([0, 1, 1], lambda *_: None)] == [nccl.INVALID_USAGE] * 3


def test_dead_memory_another_device_and_an_ended_communicator_are_errors():
    def work(communicator, rank):
        x = cp.zeros(3)
        too_long = *arguments(x)[:2], 4, nccl.NCCL_FLOAT64
        for wrong in ("memory", "device", "ended"):
            cp.cuda.Device(1 - rank if wrong == "device" else rank).use()
            if wrong == "ended":
                communicator.destroy()
            with pytest.raises(nccl.NcclError, match="invalid argument"):
                communicator.allReduce(*(too_long if wrong == "memory" else arguments(x)), nccl.NCCL_SUM, 0)
        return "done"

    assert ranks([0, 1], work) == ["done"] * 2
