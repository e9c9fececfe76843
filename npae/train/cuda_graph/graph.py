"""A CUDA graph: operations that are recorded once, and all that must stay alive and unchanged while it is launched."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from npae.backend import Cublas, Fork, fork_is_on, use_blas, use_fork
from npae.train.cuda_graph.frozen_numbers import FrozenNumbers


class Graph:
    """The operations of `record()`, captured.

    Temporary arrays are in a memory pool that only the graph uses.

    Args:
        xp: the module of the arrays, cupy.
        record: a function that queues the operations in the current stream. It returns objects that must be kept.
        blas: what multiplies.

    Attributes:
        kept: objects whose memory the graph uses.
        addressed: the arrays that it uses and that may be replaced.
        frozen: the Python numbers that it uses.

    Raises what `record` raises, and RuntimeError for operations that cannot be captured.
    """

    kept: list[Any]
    addressed: tuple[Any, ...] = ()
    frozen: FrozenNumbers

    def __init__(self, xp: Any, record: Callable[[], Any], blas: Cublas) -> None:
        self._pool = xp.cuda.MemoryPool()
        stream = xp.cuda.Stream(non_blocking=True)
        fork = Fork(xp) if fork_is_on() else None
        with stream, xp.cuda.using_allocator(self._pool.malloc), use_blas(blas.on(stream)):
            stream.begin_capture()
            try:
                with use_fork(fork):
                    self.kept = [record(), blas, fork, stream]
            except BaseException:
                with suppress(RuntimeError):  # ending a failed capture raises as well
                    stream.end_capture()
                raise
            self._graph = stream.end_capture()
        self.launch: Any = self._graph.launch

    def replaced(self, arrays: tuple[Any, ...]) -> str | None:
        """A phrase if these are not the very arrays that the graph uses; None if they are."""
        same = len(arrays) == len(self.addressed) and all(a is b for a, b in zip(arrays, self.addressed, strict=True))
        return None if same else "an array of θ, of the optimizer or of running statistics, or the TF32 setting,"

    def free(self) -> None:
        """Give the memory back. A pool that is only dropped keeps its free blocks for ever."""
        self.launch = self._graph = None
        self.kept = []
        self._pool.free_all_blocks()

    def __del__(self) -> None:
        self.free()
