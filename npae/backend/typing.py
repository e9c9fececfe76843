"""Types for annotations: arrays, scalars, dtypes, and what is accepted as data."""

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

    Scalar: TypeAlias = Any
    """A number that stays on the device: a NumPy scalar, or a CuPy array without axes."""

    Config: TypeAlias = dict[str, Any]
    """The arguments that build an object again, by name: JSON values, or other Serializable objects."""
else:  # help() and notebooks show these names, not the many types that they stand for
    names = "Array", "ArrayLike", "DTypeLike", "Scalar", "Config"
    Array, ArrayLike, DTypeLike, Scalar, Config = (NewType(name, object) for name in names)
