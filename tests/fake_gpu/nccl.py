"""A stand-in for cupy.cuda.nccl: ranks are threads of this process, each with a current device of its own.

The arguments are those of CuPy's binding: addresses and numbers, no arrays. As NCCL does, it refuses two ranks on one
device. A call waits for all ranks, at most five seconds (on a GPU only the kernel would wait, and without end).
"""

import ctypes
import secrets
import threading

import numpy as np

from tests.fake_gpu import capture, current
from tests.fake_gpu.counters import bump
from tests.fake_gpu.streams import by_pointer

available = True
NCCL_SUM = 0
NCCL_INT8, NCCL_UINT8, NCCL_INT32, NCCL_UINT32, NCCL_INT64, NCCL_UINT64 = range(6)
NCCL_FLOAT16, NCCL_FLOAT32, NCCL_FLOAT64 = 6, 7, 8
_DTYPES = ("int8", "uint8", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
_meetings = {}  # identifier -> the Meeting of its ranks


class NcclError(RuntimeError):
    """What CuPy raises for a status other than success."""


INVALID_ARGUMENT = "NCCL_ERROR_INVALID_ARGUMENT: invalid argument (run with NCCL_DEBUG=WARN for details)"
INVALID_USAGE = "NCCL_ERROR_INVALID_USAGE: invalid usage (run with NCCL_DEBUG=WARN for details)"


class Meeting:
    """Where `size` ranks exchange values."""

    def __init__(self, size):
        self.places, self.barrier = [None] * size, threading.Barrier(size, timeout=5)

    def exchange(self, rank, value):
        """[value of rank 0, …], when all have come."""
        self.places[rank] = value
        self.barrier.wait()
        values = list(self.places)
        self.barrier.wait()
        return values


def get_unique_id():
    """128 bytes that only the ranks of one communicator know."""
    return secrets.token_bytes(128)


class NcclCommunicator:
    """NcclCommunicator(ndev, commId, rank): waits for the other ranks. It is for the current device."""

    def __init__(self, ndev, commId, rank, config=None):  # noqa: N803 (CuPy's name)
        if len(commId) != 128:
            raise ValueError(f"commId length {len(commId)} != 128.")
        self._rank, self._device = rank, current.device()
        self._meeting = _meetings.setdefault(commId, Meeting(ndev))
        devices = self._meeting.exchange(rank, self._device)
        if len(set(devices)) < ndev:  # "Duplicate GPU detected", its log adds
            raise NcclError(INVALID_USAGE)

    def destroy(self):
        """Later calls are errors."""
        self._meeting = None

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):  # noqa: N802
        """recvbuf ← Σ of all ranks' sendbuf."""
        if op != NCCL_SUM:
            raise NotImplementedError("the fake NCCL only sums")
        self._run(sendbuf, recvbuf, count, datatype, stream, sum)

    def broadcast(self, sendbuff, recvbuff, count, datatype, root, stream):
        """recvbuff ← sendbuff of rank `root`."""
        self._run(sendbuff, recvbuff, count, datatype, stream, lambda values: values[root])

    def _run(self, send, receive, count, datatype, stream, combine):
        if by_pointer[stream].capture is not None:
            raise NotImplementedError("the fake GPU does not capture NCCL")
        if self._meeting is None or current.device() != self._device:
            raise NcclError(INVALID_ARGUMENT)
        values = self._meeting.exchange(self._rank, _memory(send, count, datatype).copy())
        _memory(receive, count, datatype)[...] = combine(values)
        bump("kernels")


def _memory(address, count, datatype):
    """The live device memory at an address."""
    dtype = np.dtype(_DTYPES[datatype])
    if not capture.is_live(address, count * dtype.itemsize):
        raise NcclError(INVALID_ARGUMENT)
    return np.frombuffer((ctypes.c_char * (count * dtype.itemsize)).from_address(address), dtype)
