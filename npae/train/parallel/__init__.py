"""Data-parallel training: several processes share every minibatch.

Reading order: `data_parallel.py` (the step), `process_group.py` (what the processes do together), `thread_limit.py`
(their share of the cores), `gpus.py` (each on a GPU of its own), `nccl.py` (sums over GPUs), `connect.py` (NCCL or CPU
memory), `mpi.py` (the group of several processes), `environment.py` (those that mpiexec started).
"""

from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.environment import from_environment
from npae.train.parallel.process_group import ProcessGroup

__all__ = ["DataParallelStep", "ProcessGroup", "from_environment"]
