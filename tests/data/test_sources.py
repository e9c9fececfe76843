"""Data sources: fingerprints, spread, and the split into training and validation rows."""

import numpy as np
import pytest

from npae.backend import as_lazy_source
from npae.data.sources import as_labelled, fingerprint, split, spread
from tests.backend.test_inputs import Stored
from tests.devices import each_device, on

X = np.random.default_rng(0).random((100, 4))


def test_a_fingerprint_depends_on_shape_dtype_and_values():
    same = fingerprint(X)
    assert fingerprint(X.copy()) == same and same[:2] == [[100, 4], "float64"]
    others = (X[:99], X.astype("float32"), X.reshape(100, 2, 2), X + 1e-9, X[::-1])
    assert all(fingerprint(other) != same for other in others)


def test_a_fingerprint_of_a_file_is_that_of_its_array(tmp_path):
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", shape=(100, 4))
    file[...] = X
    assert fingerprint(file) == fingerprint(X)
    assert fingerprint(X[:3]) == fingerprint(X[:3].copy())


def test_a_fraction_of_the_rows_is_for_validation_drawn_by_the_seed():
    data, rows, validation = split(X, 0.25, 0)
    assert data is X
    others = np.setdiff1d(np.arange(len(X)), rows)
    np.testing.assert_array_equal(validation, X[others])
    assert len(validation) == 25 and (np.diff(others) > 1).any()
    assert not np.array_equal(split(X, 0.25, 1)[1], rows)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 1.5, 0.001, float("nan")])
def test_an_empty_part_raises(fraction):
    with pytest.raises(ValueError, match="fraction"):
        split(X, fraction, 0)


# ---------------------------------------------------------------------- spread


@pytest.mark.parametrize("x", [
    np.random.default_rng(0).normal(5, 3, (10_000, 4)), np.random.default_rng(0).normal(1000, 1, (10_000, 3)),
    np.random.default_rng(0).random((9, 2, 3)), (X * 255).astype(np.uint8), X > 0.5,
    np.random.default_rng(0).normal(1000, 1, (9000, 3)).astype(np.float32), X.astype(np.float16),
])  # fmt: skip
def test_spread_is_mean_and_standard_deviation(x):
    mean, deviation = spread(x)
    assert mean.dtype == deviation.dtype == np.float64 and mean.shape == x.shape[1:]
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(deviation, x.std(axis=0, dtype=np.float64), rtol=1e-10)
    np.testing.assert_array_equal(spread(as_lazy_source(Stored(x))), (mean, deviation))


NOISE = np.random.default_rng(0).normal(0, 5e-17, 100)
ONE_CELL = np.full(100, 7.0)
ONE_CELL[3] += 1e-12


@pytest.mark.parametrize("column", [
    np.full(100, 3.0), np.zeros(100), np.full(100, 0.1) * 3 + NOISE, ONE_CELL, np.full(100, -1e9) + NOISE,
    np.where(np.arange(100) % 2, np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1))),
    np.ones(100, bool), np.full(100, 200, np.uint8),
])  # fmt: skip
def test_a_column_that_is_constant_up_to_rounding_is_constant(column):
    mean, deviation = spread(column[:, None])
    assert deviation == 1 and mean == pytest.approx(float(column[0]), rel=1e-6)


@pytest.mark.parametrize("column", [
    1e-30 * np.arange(100.0), 1 + 1e-9 * np.arange(100.0), np.float32(1000) + np.arange(100, dtype=np.float32) / 10,
])  # fmt: skip
def test_a_column_that_varies_little_is_not_constant(column):
    assert spread(column[:, None])[1] == pytest.approx(column.std(dtype=np.float64), rel=1e-10)


@pytest.mark.filterwarnings("error")
def test_no_square_of_a_large_value_overflows():
    x = np.ones((10, 2))
    x[3] = 1e300
    mean, deviation = spread(x)
    np.testing.assert_allclose(mean, 1e299)
    np.testing.assert_allclose(deviation, 3e299)
    with pytest.raises(ValueError, match=r"got up to 1e\+308: their sum is too large"):
        spread(np.full((10, 1), 1e308))


@each_device
def test_spread_of_arrays_of_every_device(device):
    with on(device) as place:
        for own, there in zip(spread(X), spread(place.put(X)), strict=True):
            np.testing.assert_allclose(place.get(there), own, rtol=1e-12)


@pytest.mark.parametrize("y", [np.arange(4), np.eye(4)], ids=["numbers", "probabilities"])
def test_masked_labels_are_refused_and_a_mask_of_nothing_is_dropped(y):
    masked = np.ma.masked_array(y, np.zeros(y.shape, bool))
    assert type(as_labelled((np.ones((4, 2)), masked)).y) is np.ndarray
    masked[2] = np.ma.masked
    with pytest.raises(TypeError, match="data: expected no masked labels, got 1 of them, the first in row 2"):
        as_labelled((np.ones((4, 2)), masked))
