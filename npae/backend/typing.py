"""Types for annotations: arrays, scalars, dtypes, what is accepted as data, and kinds of progress reports."""

from typing import TYPE_CHECKING, Any, Literal, NewType, Protocol, TypeAlias

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


class SparseMatrix(Protocol):
    """A scipy.sparse matrix or array, of any format."""

    def tocsr(self) -> Any:
        """The same numbers as compressed sparse rows."""
        ...


if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, Any]
    """An array on the CPU, or a cupy.ndarray, which has the same interface, on the GPU."""

    ArrayLike: TypeAlias = npt.ArrayLike | RowSource | SparseMatrix
    """What becomes an array: NumPy and CuPy arrays, DataFrames, memory maps, lists, sparse matrices, a RowSource."""

    DTypeLike: TypeAlias = npt.DTypeLike
    """What names a dtype: np.float32, "float32", np.dtype("float32")."""

    Scalar: TypeAlias = Any
    """A number that stays on the device: a NumPy scalar, or a CuPy array without axes."""

    Config: TypeAlias = dict[str, Any]
    """The arguments that build an object again, by name: JSON values, or other Serializable objects."""

    Progress: TypeAlias = bool | Literal["auto", "bar", "lines", "none"]
    """How training reports its progress (npae.train.fit)."""
else:  # help() and notebooks show these names, not the many types that they stand for
    names = "Array", "ArrayLike", "DTypeLike", "Scalar", "Config", "Progress"
    Array, ArrayLike, DTypeLike, Scalar, Config, Progress = (NewType(name, object) for name in names)
