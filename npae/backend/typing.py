"""Types for annotations: arrays, dtypes, and what is accepted as data."""

from typing import TYPE_CHECKING, Any, NewType, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class RowSource(Protocol):
    """Rows that are read when they are needed: an h5py or zarr data set, or an object of the caller's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, features…)."""
        ...

    @property
    def dtype(self) -> Any:
        """A NumPy dtype."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, Any]
    """An array on the CPU, or a cupy.ndarray, which has the same interface, on the GPU."""

    ArrayLike: TypeAlias = npt.ArrayLike | RowSource
    """What becomes an array: NumPy and CuPy arrays, DataFrames, memory maps, lists of numbers, or a RowSource."""

    DTypeLike: TypeAlias = npt.DTypeLike
    """What names a dtype: np.float32, "float32", np.dtype("float32")."""
else:  # help() and notebooks show these names, not the many types that they stand for
    Array, ArrayLike, DTypeLike = (NewType(name, object) for name in ("Array", "ArrayLike", "DTypeLike"))
