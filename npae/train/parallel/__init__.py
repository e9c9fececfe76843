"""Data-parallel training: several processes share every minibatch.

Reading order: `data_parallel.py` (the step), `process_group.py` (how the processes communicate).
"""
