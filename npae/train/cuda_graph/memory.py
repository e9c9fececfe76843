"""The device memory of a captured step: all that changes from one launch of the graph to the next.

A launch repeats the same operations on the same addresses. So what changes lies in device memory, where the graph's own
kernels read it. `k` is the number of the step within the epoch.

    k           a counter. The last kernel of a launch adds 1
    order       the row numbers of an epoch, copied once per epoch. Step k takes the k-th batch of them
    table       the optimizers' coefficients, a row per step, computed at the start of an epoch
    ring        the terms of J of the last 100 steps. It is read when it is full, and at the end of an epoch

So a step is one launch, and the host waits for the device once in 100 steps. Where something differs from what was
prepared (other rows, another learning rate), a further kernel corrects it before the launch.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from npae.backend import Array, DTypeLike
from npae.models.base import Terms

RING = 100  # steps


class GraphMemory:
    """The device memory of the captured steps of one run.

    Args:
        xp: the module of the arrays, cupy.
        n: the number of rows per epoch.
        batch_size: rows per step.
        n_coefficients: how many numbers all optimizers take per step.
        dtype: of the network.

    Attributes:
        k: the counter, an array of one number.
        rows: the row numbers of the batch.
        coefficients: those of the step.
    """

    def __init__(self, xp: Any, n: int, batch_size: int, n_coefficients: int, dtype: DTypeLike) -> None:
        self._steps, self._batch_size, self._xp = n // batch_size, batch_size, xp
        self.k, self.rows = xp.zeros(1, "int64"), xp.empty(batch_size, "int64")
        self.coefficients = xp.empty(n_coefficients, dtype)
        self._order = xp.zeros(n, "int64")
        self._table = xp.zeros((self._steps, n_coefficients), dtype)
        self._ring: Any = None  # made when the terms are known
        # What the host knows of the device:
        self._copied: Array | None = None  # the array of which _order is a copy
        self._written: list[list[float] | None] = [None] * self._steps  # the rows of _table
        self._k = 0

    def prepare(self, k: int, rows: Any, coefficients: list[float]) -> None:
        """Let the next launch be step k, with these rows and coefficients.

        Args:
            k: the number of the step within the epoch; beyond its end, the places of order and table are used again.
            rows: (batch_size,), of int64.
            coefficients: of all optimizers.
        """
        place = k % self._steps
        start = place * self._batch_size
        whole = rows if rows.base is None else rows.base
        in_place = rows.flags.c_contiguous and rows.data.ptr == whole.data.ptr + start * rows.itemsize
        in_order = in_place and whole.shape == self._order.shape
        if not in_order:
            self._order[start : start + self._batch_size], self._copied = rows, None
        elif whole is not self._copied:
            self._order[...], self._copied = whole, whole
        if self._written[place] != coefficients:
            _write_row(self._xp, len(coefficients))(*coefficients, place, self._table, size=1)
            self._written[place] = coefficients
        if k != self._k:
            self.k.fill(k)
        self._k = k + 1

    def write_table(self, table: list[list[float]], first: int) -> None:
        """Set the coefficients of the steps of an epoch, as far as they are known. Its order will be copied anew.

        Args:
            table: a row per step.
            first: the number of the step of its first row.
        """
        n = min(len(table), self._steps - first)
        if n > 0:
            self._table[first : first + n] = self._xp.asarray(table[:n], self._table.dtype)
            self._written[first : first + n] = table[:n]
        self._copied = None

    def read_inputs(self) -> None:
        """rows ← the k-th batch of order, coefficients ← row k of table, on the device. The first kernel of a step."""
        _read_inputs(self._xp)(
            self.k, self._order, self._table, self._steps, self._batch_size, self.coefficients.size, self.rows,
            self.coefficients,
        )  # fmt: skip

    def write_terms(self, terms: list[Terms]) -> None:
        """Row k of ring ← terms, and k ← k + 1, on the device. The last kernel of a step.

        Args:
            terms: of each phase, {name: a scalar on the device, or a number}.
        """
        names = [list(of_phase) for of_phase in terms]
        if self._ring is None or names != self._names:
            self._names, self._ring = names, self._xp.zeros((RING, sum(map(len, names))), "float64")
        values: list[Any] = [value for of_phase in terms for value in of_phase.values()]
        values = [v.reshape(1) if hasattr(v, "dtype") else float(v) for v in values]
        types = tuple("float64" if isinstance(v, float) else f"raw {v.dtype}" for v in values)
        _write_terms(self._xp, types)(*values, self._ring, self.k, size=1)

    def read_terms(self, steps: Sequence[int]) -> list[list[dict[str, float]]]:
        """The terms of J of some of the last 100 steps, by phases. The host waits for the device.

        Args:
            steps: their numbers k.
        """
        ring = self._ring.get()
        return [self._by_phase(iter(ring[k % RING].tolist())) for k in steps]

    def _by_phase(self, values: Iterator[float]) -> list[dict[str, float]]:
        return [{name: next(values) for name in names} for names in self._names]


@cache
def _write_row(xp: ModuleType, n: int) -> Any:
    names = [f"coefficient{j}" for j in range(n)]
    return xp.ElementwiseKernel(
        ", ".join([*(f"float64 {name}" for name in names), "int64 place"]), "raw T table",
        " ".join(f"table[place * {n} + {j}] = T({name});" for j, name in enumerate(names)), "npae_write_row",
    )  # fmt: skip


@cache
def _read_inputs(xp: ModuleType) -> Any:
    return xp.ElementwiseKernel(
        "raw int64 k, raw int64 order, raw T table, int64 steps, int64 size, int64 n",
        "int64 rows, raw T coefficients",
        """
        const ptrdiff_t place = k[0] % steps;
        rows = order[place * size + i];
        for (ptrdiff_t j = i; j < n; j += size) coefficients[j] = table[place * n + j];
        """,
        "npae_read_inputs",
    )  # fmt: skip


@cache
def _write_terms(xp: ModuleType, types: tuple[str, ...]) -> Any:
    names = [f"term{j}{'[0]' if kind.startswith('raw') else ''}" for j, kind in enumerate(types)]
    return xp.ElementwiseKernel(
        ", ".join(f"{kind} term{j}" for j, kind in enumerate(types)), "raw float64 ring, raw int64 k",
        f"const ptrdiff_t row = k[0] % {RING} * {len(types)};"
        + " ".join(f"ring[row + {j}] = {name};" for j, name in enumerate(names)) + " k[0] += 1;",
        "npae_write_terms",
    )  # fmt: skip
