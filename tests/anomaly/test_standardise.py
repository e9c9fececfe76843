"""Standardised rows: the values, selections of rows, memory-mapped files, and what is not copied."""

import tracemalloc

import numpy as np
import pytest

from npae import fit
from npae.anomaly.fitted import default_model
from npae.anomaly.standardise import Rows, Scale, blocks
from npae.data.sources import spread

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4)) * [1, 10, 0.1, 3] + [0, 5, 1e6, -2]
NUMBERS = np.array([3, 5, 6, 11, 28])


@pytest.fixture(params=["array", "memmap", "copy on write"])
def source(request, tmp_path):
    if request.param == "array":
        return X
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r" if request.param == "memmap" else "c")


@pytest.mark.parametrize(
    "rows", [slice(1, 4), slice(None), slice(0, 5, 2), np.array([4, 0, 0, 2]), slice(2, 2)], ids=str
)
def test_rows_are_those_of_the_array(source, rows):
    mean, deviation = spread(X)
    expected = (X - mean) / deviation
    np.testing.assert_array_equal(Rows(source, None, Scale(mean, deviation))[rows], expected[rows])
    np.testing.assert_array_equal(Rows(source, NUMBERS, Scale(mean, deviation))[rows], expected[NUMBERS][rows])
    np.testing.assert_array_equal(Rows(source, NUMBERS)[rows], X[NUMBERS][rows])


def test_changes_to_a_private_copy_of_a_file_are_kept(tmp_path):
    np.save(tmp_path / "x.npy", X)
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[3] = 7
    list(blocks(Rows(private)))
    np.testing.assert_array_equal(private[3], [7, 7, 7, 7])


def test_blocks_are_all_rows_in_order():
    assert [part for part, _ in blocks(Rows(X))] == [slice(0, 30)]
    wide = np.broadcast_to(np.arange(5.0)[:, None], (5, 600_000))
    parts = list(blocks(Rows(wide)))
    assert [part for part, _ in parts] == [slice(k, k + 1) for k in range(5)]
    assert [rows[0, 0] for _, rows in parts] == [0, 1, 2, 3, 4]


def test_a_network_trains_on_them_as_on_the_array():
    mean, deviation = spread(X)
    a, b = default_model((4,)), default_model((4,))
    fit(a, (X - mean) / deviation, epochs=2, batch_size=8, progress="none")
    fit(b, Rows(X, None, Scale(mean, deviation)), epochs=2, batch_size=8, progress="none")
    np.testing.assert_allclose(a.theta.value, b.theta.value, rtol=1e-5, atol=1e-7)


def test_too_large_a_number_is_infinite_without_a_warning():
    scale = Scale(np.zeros(2), np.array([1e-3, 1]))
    np.testing.assert_array_equal(scale(np.array([[1e306, 1], [-1e306, 2]])), [[np.inf, 1], [-np.inf, 2]])


def test_images_of_bytes_stay_bytes_unless_they_are_standardised():
    images = RNG.integers(0, 256, (6, 2, 2)).astype(np.uint8)
    assert Rows(images)[:2].dtype == np.uint8 == Rows(images).dtype
    scaled = Rows(images, None, Scale(*spread(images)))
    assert scaled.dtype == np.float64 == scaled[:2].dtype
    np.testing.assert_allclose(scaled[:].std(axis=0), 1, rtol=1e-12)


def test_nothing_is_copied_but_the_rows_that_are_taken():
    x = np.ones((40_000, 100), np.float32)  # 16 MB
    tracemalloc.start()
    rows = Rows(x, np.arange(0, 40_000, 2), Scale(np.zeros(100), np.ones(100)))
    rows[:50]
    rows[np.arange(50)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
