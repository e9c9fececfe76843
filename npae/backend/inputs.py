"""Input data: the caller's object as an array of numbers, or an error with the cure for this kind of object.

    NumPy or CuPy array, list, torch tensor             as it is, or as a NumPy array
    pandas or polars frame of floats, integers, bool    one array; bool columns become 0 and 1
    memory-mapped file                                  as it is: its rows are read batch by batch
    sparse matrix, data set of HDF5 or zarr             LazyRows: likewise

Accepted dtypes are uint8 (pixels), bool and floats. All else has a meaning that a dtype does not carry: integers may be
numbers, counts, pixels of 16 bits or categories; dates, text and masked values are not numbers at all. Each is refused
with a sentence that names what was found and how to convert it. Other libraries are not imported here: their objects
are recognised by the attributes that they have.
"""

from collections.abc import Mapping, Set
from os import PathLike
from typing import Any, NoReturn

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.lazy import LazyRows, is_lazy, sample
from npae.backend.meaning import CATEGORIES, explain, first_row
from npae.backend.typing import Array

EXPECTED = "expected an array (samples, features…) of uint8 pixels, bool or floats"


def as_samples(data: Any, name: str, lazy: bool = False) -> Any:
    """Data as an array (n, …) of uint8, bool or floats, on its device.

    Args:
        data: what the caller gave.
        name: of the argument, for the message.
        lazy: accept sparse matrices and data sets of HDF5 and zarr files too, as LazyRows.

    Raises TypeError for other objects and dtypes; ValueError if there are no samples or no features, and for samples of
    different shapes.
    """
    code = _code_for(data, name)
    try:
        array_module(data)
    except TypeError:
        data = _as_array(data, name, lazy)
    if isinstance(data, np.ma.MaskedArray):
        data = _without_mask(data, name)
    if isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
        data = np.asarray(data)  # subclasses such as np.matrix have rules of their own
    _check_shape(data, name, code)
    if not (data.dtype == np.uint8 or data.dtype.kind in "bf"):
        _refuse(name, *explain(sample(data) if is_lazy(data) else data, code))
    return data


def _refuse(name: str, found: str, cure: str) -> NoReturn:
    raise TypeError(f"{name}: {EXPECTED}, got {found}. {cure}")


def _code_for(given: Any, name: str) -> str:
    """The array that the caller gave as it may be written in code: the name, or what makes an array of it."""
    x = name.split()[-1]
    if isinstance(given, (list, tuple)):
        return f"np.asarray({x})"
    has_own_cast = not hasattr(given, "to_numpy") or hasattr(given, "columns") and hasattr(given, "items")
    return x if has_own_cast else f"{x}.to_numpy()"


def _check_shape(data: Any, name: str, code: str) -> None:
    if data.size > 0 and (data.ndim > 1 or data.ndim == 1 and data.dtype.kind in "OV"):
        return
    cure = "Check where it comes from."
    if data.ndim == 0:
        cure = "One number is not a sample."
    elif data.size > 0:
        cure = f"One sample alone is {code}[None], one feature of many samples {code}[:, None]."
    raise ValueError(f"{name}: {EXPECTED}, with at least one of each, got shape {data.shape}. {cure}")


def _as_array(data: Any, name: str, lazy: bool) -> Any:
    """An array, or LazyRows, of what is not an array."""
    _check_type(data, name)
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        return _from_frame(data, name)
    if hasattr(data, "tocsr"):
        if not lazy:
            _refuse(name, f"a sparse matrix ({type(data).__name__})", f"Expand it: {name.split()[-1]}.toarray().")
        return LazyRows(data)
    if LazyRows.fits(data):
        return LazyRows(data) if lazy else np.asarray(data[:])
    try:
        return np.asarray(data)
    except ValueError:
        if isinstance(data, (list, tuple)):
            _check_shapes(data, name)
        raise
    except (TypeError, RuntimeError) as error:  # a tensor on a GPU, of bfloat16, or one that requires a gradient
        cure = f"Convert it: x.detach().cpu().float().numpy(). ({error})"
        raise TypeError(f"{name}: {EXPECTED}, got {_type_of(data)} that NumPy cannot read. {cure}") from error


def _check_type(data: Any, name: str) -> None:
    """Raise TypeError for objects that no array can be made of."""
    if data is None:
        _refuse(name, "None", "Check where it comes from.")
    if isinstance(data, (str, bytes, PathLike)):
        _refuse(name, repr(data), "Load it first: numpy.load, npae.data.read_table or npae.data.image_folder.")
    if isinstance(data, Mapping):
        cure = "Take one of its entries; if they are columns, np.stack(list(x.values()), axis=1)."
        _refuse(name, f"a {type(data).__name__} with the keys {', '.join(map(repr, list(data)[:3]))}", cure)
    if isinstance(data, Set):
        _refuse(name, f"a {type(data).__name__}, which has no order", "Make an array of it: np.array(sorted(x)).")
    kind = type(data)
    if hasattr(kind, "collect"):
        _refuse(name, f"a {kind.__name__}", "Compute it first: x.collect().")
    if hasattr(data, "columns") or any(hasattr(data, has) for has in ("__array__", "__array_interface__", "tocsr")):
        return
    if kind.__name__ == "DataLoader":
        _refuse(name, "a DataLoader", "Collect its batches: np.concatenate([x.numpy() for x, _ in loader]).")
    if not hasattr(data, "__getitem__") and hasattr(data, "__iter__"):
        cure = "Collect them, np.stack(list(x)). Too many for memory? Write a file: np.lib.format.open_memmap."
        _refuse(name, f"a {kind.__name__}, whose rows cannot be taken in any order", cure)
    if not (isinstance(data, (list, tuple, range, int, float, complex)) or LazyRows.fits(data) or _has_buffer(data)):
        cure = "Give the samples." if not hasattr(data, "__getitem__") else (
            "Collect its samples, np.stack([x[k] for k in range(len(x))]); or give it shape, a NumPy dtype and x[rows] "
            "for slices and for arrays of row numbers: then rows are taken batch by batch."
        )  # fmt: skip
        _refuse(name, _type_of(data), cure)


def _has_buffer(data: Any) -> bool:
    try:
        memoryview(data)
    except TypeError:
        return False
    return True


def _type_of(data: Any) -> str:
    return f"an object of the type {type(data).__module__}.{type(data).__qualname__}"


def _without_mask(data: Any, name: str) -> Array:
    mask = np.ma.getmaskarray(data)
    if mask.any():
        raise TypeError(
            f"{name}: expected no masked values, got a MaskedArray with {mask.sum()} of them, the first in row "
            f"{first_row(mask)}: the network would learn the numbers behind the mask. Leave such rows out, "
            "np.ma.compress_rows(x), or fill the gaps, np.where(x.mask, x.mean(axis=0), x.data)."
        )
    return data.data


def _check_shapes(samples: Any, name: str) -> None:
    """Raise ValueError if the samples, a list, have different shapes."""
    shapes = [s.shape if hasattr(s, "shape") else (len(s),) if hasattr(s, "__len__") else () for s in samples]
    other = next((k for k, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        raise ValueError(
            f"{name}: expected samples of one shape, got {shapes[0]} in row 0 and {shapes[other]} in row {other}. "
            "Cut, pad or resize them to one shape; npae.data.image_folder(folder, size) does so for pictures."
        )


def _from_frame(frame: Any, name: str) -> Array:
    """The columns of a pandas or polars frame as one array: of bool, uint8, or floats if one of them has floats."""
    floats = [dtype for dtype in frame.dtypes if isinstance(dtype, np.dtype) and dtype.kind == "f"]
    if len(floats) == frame.shape[1] or 0 in frame.shape:
        return np.asarray(frame) if floats else np.empty(frame.shape)
    columns = frame.items() if hasattr(frame, "items") else zip(frame.columns, frame.iter_columns(), strict=True)
    arrays = [_column(label, column, name) for label, column in columns]
    dtypes = [a.dtype for a in arrays if a.dtype.kind != "b"]
    result = np.empty(frame.shape, np.result_type(*dtypes) if dtypes else bool)
    for k, array in enumerate(arrays):
        result[:, k] = array
    return result


def _column(label: Any, column: Any, name: str) -> Array:
    """A column of a frame as an array of bool, integers or floats. Raises TypeError, naming it, for all else."""
    nullable = not isinstance(column.dtype, np.dtype) and getattr(column.dtype, "kind", "O") in "fbiu"
    missing = np.asarray(column.isna()) if nullable else np.zeros(1, bool)
    if missing.any():
        found = f"a column {label!r} with {missing.sum()} missing values, the first in row {first_row(missing)}"
        _refuse(name, found, "Fill them, such as data.fillna(data.mean()), or leave such rows or this column out.")
    array = np.asarray(column)
    if array.dtype.kind not in "fbiu" or str(column.dtype) == "category":
        code = f"data[{label!r}]" + ".to_numpy()" * (not hasattr(column, "items"))
        found, cure = explain(array, code)
        if str(column.dtype) == "category":
            found, cure = "categories", f"Replace it by {CATEGORIES}."
        _refuse(name, f"a column {label!r} with {found}", f"{cure} Or leave the column out.")
    return array
