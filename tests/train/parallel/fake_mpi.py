"""A stand-in for mpi4py among threads: what npae needs of a communicator, and of `mpi4py.MPI`."""

import threading
import types

import numpy as np

from tests.train.parallel.test_process_group import Threads


class Comm:
    """A communicator of one rank: in place only, and for host memory only. reduced: the shapes that were summed."""

    def __init__(self, group):
        self.group, self.Get_rank, self.Get_size = group, lambda: group.rank, lambda: group.size
        self.allgather, self.reduced, self.aborted = group.gather, [], None

    def Allreduce(self, send, x):  # noqa: N802 (mpi4py's name)
        assert send == "in place" and isinstance(x, np.ndarray)
        self.reduced.append(x.shape)
        self.group.sum_(x)

    def Bcast(self, x):  # noqa: N802
        assert isinstance(x, np.ndarray)
        self.group.broadcast_(x)

    def Abort(self, status):  # noqa: N802
        self.aborted = status


class World:
    """MPI.COMM_WORLD: to every thread the communicator that it has entered, to others one of a single rank."""

    def __init__(self):
        self._alone = Comm(Threads(0, types.SimpleNamespace(places=[None], barrier=threading.Barrier(1))))
        self._of_thread = threading.local()

    def enter(self, group):
        """From now on, this thread is a process of the group."""
        self._of_thread.comm = Comm(group)

    def __getattr__(self, name):
        return getattr(getattr(self._of_thread, "comm", self._alone), name)
