"""CUDA graphs: the training step on a GPU, captured once and then launched as a whole.

Experimental: not yet run on a real GPU. It is tested on a stand-in for CuPy and cuBLAS.

    frozen_numbers.py   the Python numbers that a graph repeats
    graph.py            recorded operations, and what must live as long as they do
    memory.py           what changes from one launch to the next
    captured_step.py    the step
"""

from npae.train.cuda_graph.captured_step import CapturedStep

__all__ = ["CapturedStep"]
