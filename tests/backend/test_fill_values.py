"""Fill values: −999 and its like are named where they stand far from all other numbers, and only there."""

import warnings

import numpy as np
import pytest

from npae.backend import DataWarning, LazyRows, check_fill_values

X = np.random.default_rng(0).normal(20, 1, (100, 4))


def with_values(value, rows=(3, 50), columns=(2,), x=X):
    x = x.copy()
    x[np.ix_(rows, columns)] = value
    return x


def message(x, names=None, name="data"):
    """What check_fill_values warns of x, or None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_fill_values(x, names, name)
    assert all(issubclass(w.category, DataWarning) for w in caught) and len(caught) <= 1
    return str(caught[0].message) if caught else None


@pytest.mark.parametrize("value", [-99, 999, -999, -9999, 99999, -9999999])
@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8"])
def test_numbers_of_nines_far_from_the_others_are_named(value, dtype):
    found = message(with_values(value).astype(dtype))
    assert found.startswith(f"data: column 2 is {value:g} in 2 of 100 rows, and from 1")
    assert f"If {value:g} stands for missing values, fill them" in found


def test_the_column_is_named_as_in_the_frame_and_others_are_counted():
    x = with_values(-999, columns=(1, 2, 3))
    assert message(x, ["a", "b", "c", "d"], "x").startswith("x: column 'b' is -999 in 2 of 100 rows")
    assert "in all others (and likewise in 2 more)." in message(x)


def test_two_fill_values_of_one_column():
    assert "is -9999 in 2" in message(with_values(-999, rows=(7, 8, 9), x=with_values(-9999)))


def test_images_and_windows_name_the_place():
    assert message(with_values(-999).reshape(100, 2, 2)).startswith("data: column (1, 0) is -999")


def test_rows_of_a_file_are_judged_too():
    class Rows:
        shape, dtype = X.shape, X.dtype

        def __getitem__(self, rows):
            return with_values(-999)[rows]

    assert "is -999 in 2 of 100 rows" in message(LazyRows(Rows()))


@pytest.mark.parametrize("x", [
    X,
    with_values(-999, rows=(3,)),  # once: an outlier
    with_values(-998.5),  # any other number may be an outlier, too
    np.linspace(0, 99, 100).repeat(2)[:, None],  # per cent
    np.linspace(0, 9999, 100).repeat(2)[:, None],
    np.array([[999.0]] * 5), np.array([[0.0], [999.0]] * 5),  # a constant, and a column of two values
    with_values(200).astype("uint8"), np.zeros((3, 2), bool),
])  # fmt: skip
def test_other_numbers_are_not_named(x):
    assert message(x) is None
