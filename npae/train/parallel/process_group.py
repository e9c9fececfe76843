"""Process groups: the processes that train one model together, and their communication.

Each process runs the whole program; only process 0 prints and writes checkpoints. `data_parallel.py` has what they
compute together, `mpi.py` the group of several processes.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Array

if TYPE_CHECKING:
    from npae.models.base import Model


class ProcessGroup:
    """The processes of a run: the `rank` of this process, from 0, and their number, `size`.

    This class is a group of one process; MPIProcessGroup has several. sum_, broadcast_ and gather, and the methods that
    call them, are *collective*: every process must call them, in the same order, and waits there for the others.

    Example:
        >>> from npae.train.parallel import ProcessGroup
        >>> group = ProcessGroup()
        >>> group.rank, group.size, group.gather("a value"), group.share(128)
        (0, 1, ['a value'], (slice(0, 128, None), 1.0))
    """

    rank: int = 0
    size: int = 1

    def sum_(self, x: Array) -> None:
        """x ← Σ_k x of process k, in place, with the same bits in every process. x is a contiguous array."""

    def broadcast_(self, x: Array) -> None:
        """x ← x of process 0, in place. x is a contiguous array."""

    def gather(self, value: Any) -> list[Any]:
        """[value of process 0, value of process 1, …], in every process: any small Python value."""
        return [value]

    def first(self, value: Any) -> Any:
        """The `value` of the first process in which it is not None, or None. So all stop if one has to stop."""
        return next((v for v in self.gather(value) if v is not None), None)

    def begin(self, model: "Model", settings: dict[str, Any]) -> None:
        """Check that all processes have the same settings, and give all the parameters of process 0.

        Args:
            model: what is trained.
            settings: any values by name.

        Raises ValueError, in every process, unless the settings are the same.
        """
        if self.size == 1:
            return
        self.check_same(settings)
        self._connect(model.theta.value)
        self.broadcast_(model.theta.value)
        if model.statistics.size:
            self.broadcast_(model.statistics.value)

    def _connect(self, theta: Array) -> None:
        """Choose how arrays on the device of θ are communicated."""

    def check_same(self, settings: dict[str, Any]) -> None:
        """Raise ValueError, in every process, unless all have the same settings, a dict."""
        first, *others = self.gather(settings)
        for rank, other in enumerate(others, start=1):
            for name in first:
                if other[name] != first[name]:
                    raise ValueError(
                        f"ProcessGroup: {name} is {first[name]} in process 0 and {other[name]} in process {rank}. "
                        "Start all of them with the same program and arguments."
                    )

    def share(self, n: int) -> tuple[slice, float]:
        """(rows, weight): this process's slice of range(n), and its length divided by n.

        A process without rows evaluates row 0 with weight 0, so that every process takes part in the reduction.
        """
        start, stop = n * self.rank // self.size, n * (self.rank + 1) // self.size
        return slice(start, stop) if start < stop else slice(0, 1), (stop - start) / n

    def weighted_sum(self, terms: dict[str, Any], weight: float) -> dict[str, Any]:
        """{name: Σ_k weight · term of process k}, as float64: numbers, or scalars on the device.

        Args:
            terms: {name: number}, with the same names in all processes.
            weight: of this process.
        """
        numbers = np.array([float(value) for value in terms.values()]) * weight
        self.sum_(numbers)
        return dict(zip(terms, numbers, strict=True))
