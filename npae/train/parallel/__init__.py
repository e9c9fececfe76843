"""Data-parallel training: several processes share every minibatch.

Reading order: `data_parallel.py` (the step), `thread_limit.py` (their share of the cores), `process_group.py`
(how they communicate).
"""

from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.process_group import ProcessGroup, from_environment

__all__ = ["DataParallelStep", "ProcessGroup", "from_environment"]
