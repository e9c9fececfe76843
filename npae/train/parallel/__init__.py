"""Data-parallel training: several processes share every minibatch.

Reading order: `data_parallel.py` (the step), `process_group.py` (how the processes communicate).
"""

from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup, from_environment

__all__ = ["DataParallelStep", "ProcessGroup", "from_environment"]
