"""Minibatches: every row once per epoch, in an order from the seed, converted batch by batch."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npae import losses
from npae.backend import as_batch, as_int, as_source, in_batches
from npae.data.minibatches import Minibatches
from npae.data.sources import check_source


def numbered(n, features=2, dtype=np.float32):
    """Rows that carry their own number."""
    return np.repeat(np.arange(n, dtype=dtype)[:, None], features, axis=1)


def epoch_of(batches, epoch=0):
    return [batches.take(rows) for rows in batches.rows(epoch)]


def memory_mapped(tmp_path, array):
    np.save(tmp_path / "data.npy", array)
    return np.load(tmp_path / "data.npy", mmap_mode="r")


# ---------------------------------------------------------------------- order


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 60), seed=st.none() | st.integers(0, 2**40), epoch=st.integers(0, 5))
def test_every_row_occurs_once_per_epoch_and_the_last_short_batch_is_kept(n, size, seed, epoch):
    size = min(size, n)
    batches = Minibatches(numbered(n), size, seed=seed)
    taken = epoch_of(batches, epoch)
    assert len(taken) == len(batches) == -(-n // size)
    assert [len(x) for x in taken[:-1]] == [size] * (len(taken) - 1)
    assert len(taken[-1]) == n - size * (len(taken) - 1)
    assert sorted(np.concatenate(taken)[:, 0]) == list(range(n))


def test_seed_and_epoch_determine_the_order():
    def order(seed, epoch):
        return [int(r) for rows in Minibatches(numbered(50), 8, seed=seed).rows(epoch) for r in rows]

    assert order(3, 1) == order(3, 1)
    assert order(3, 1) != order(4, 1) != order(3, 2)
    assert order(3, 1) != list(range(50))


def test_an_epoch_does_not_depend_on_those_before_it():
    batches = Minibatches(numbered(20), 6, seed=5)
    for epoch in range(3):
        epoch_of(batches, epoch)
    fresh = Minibatches(numbered(20), 6, seed=5)
    assert all((a == b).all() for a, b in zip(epoch_of(batches, 3), epoch_of(fresh, 3), strict=True))


def test_without_a_seed_the_order_is_that_of_the_data():
    assert (np.concatenate(epoch_of(Minibatches(numbered(10), 4)))[:, 0] == np.arange(10)).all()


# ---------------------------------------------------------------------- conversion


def test_uint8_becomes_0_to_1_and_equals_the_float_input_divided_by_255():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for dtype in (np.float32, np.float64):
        x = as_batch(pixels, dtype)
        np.testing.assert_allclose(x, (pixels / 255).astype(dtype), rtol=2 * np.finfo(dtype).eps, atol=0)
        assert x.dtype == dtype and x.min() == 0 and x.max() == 1
        losses.BinaryCrossEntropy().check_targets(x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "bool"])
def test_other_types_keep_their_values(dtype):
    data = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    x = as_batch(data, np.float32)
    assert x.dtype == np.float32 and (x == data).all()


def test_the_callers_data_is_never_changed():
    for dtype in (np.uint8, np.float32, np.float64, bool):
        data = (np.arange(24).reshape(6, 4) % 2).astype(dtype)
        before = data.copy()
        for rows in Minibatches(data, 4, seed=0).rows():
            Minibatches(data, 4, seed=0).take(rows)[...] = 7
        assert (data == before).all()


@pytest.mark.parametrize("view", [np.asfortranarray, lambda a: a[::-1], lambda a: a[:, ::2]])
def test_views_and_other_memory_orders_give_the_same_rows(view):
    data = view(np.random.default_rng(0).random((9, 6), np.float32))
    for rows in Minibatches(data, 4, seed=1).rows():
        assert (Minibatches(data, 4, seed=1).take(rows) == data[rows]).all()


def test_images_keep_their_shape():
    assert Minibatches(np.zeros((5, 3, 4), np.uint8), 2, seed=0).take(np.array([0, 4])).shape == (2, 3, 4)


def test_only_the_rows_of_a_batch_are_converted():
    data = np.zeros((20_000, 100), np.uint8)  # 2 MB; 8 MB as float32
    batches = Minibatches(data, 64, seed=0)
    tracemalloc.start()
    try:
        for k, rows in enumerate(batches.rows()):
            batches.take(rows)
            if k == 20:
                break
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 600_000  # the order (8 bytes per row, made twice) and a few batches of 25 kB


# ---------------------------------------------------------------------- memory-mapped files


def test_a_memory_mapped_file_is_read_batch_by_batch(tmp_path):
    data = memory_mapped(tmp_path, numbered(20_000, 50))  # 4 MB
    tracemalloc.start()
    try:
        batches = Minibatches(data, 32, seed=0)
        seen = [int(r) for rows in batches.rows() for r in batches.take(rows)[:, 0]]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sorted(seen) == list(range(20_000))
    assert peak < 2_000_000  # mostly the list above
    assert type(batches.take(np.array([1]))) is np.ndarray


@pytest.mark.parametrize("seed", [0, None])
def test_a_nan_in_a_memory_mapped_file_is_found_with_its_row_when_its_batch_is_taken(tmp_path, seed):
    array = numbered(30)
    array[17, 1] = np.nan
    batches = Minibatches(memory_mapped(tmp_path, array), 4, seed=seed, name="train")  # no error yet
    with pytest.raises(ValueError, match="train: row 17 contains NaN or Inf"):
        epoch_of(batches)


def test_the_check_of_the_loss_is_given_the_rows_of_a_memory_mapped_file(tmp_path):
    check = losses.BinaryCrossEntropy().check_targets
    with pytest.raises(ValueError, match="targets in"):
        epoch_of(Minibatches(memory_mapped(tmp_path, numbered(9)), 4, seed=0, check=check))


# ---------------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 4095, 4096, 5000])
def test_nan_and_inf_are_found_with_their_row(bad, row):
    data = np.zeros((5001, 2))
    data[row, 1] = bad
    with pytest.raises(ValueError, match=f"validation: row {row} contains NaN or Inf"):
        check_source(data, name="validation")


def test_lists_and_tensors_become_arrays():
    assert as_source([[0.0, 1.0]]).shape == (1, 2)
    torch = pytest.importorskip("torch")
    assert type(as_source(torch.zeros(2, 3))) is np.ndarray


@pytest.mark.parametrize("data", [np.zeros(3), 5.0, [], np.zeros((0, 4)), np.zeros((4, 0)), [1.0, 2.0]])
def test_shapes_without_samples_or_features_raise(data):
    with pytest.raises(ValueError, match=r"expected an array \(samples, features…\)"):
        as_source(data)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "complex64", "object", "U4", "M8[s]"])
def test_dtypes_without_a_clear_meaning_raise(dtype):
    with pytest.raises(TypeError, match="digits: expected an array .* got "):
        as_source(np.zeros((2, 2), dtype), "digits")


@pytest.mark.parametrize("size, error, words", [
    (0, ValueError, "batch_size: expected 1 or more, got 0"), (-3, ValueError, "got -3"),
    (2.0, TypeError, "batch_size: expected an integer, got 2.0"), ("4", TypeError, "got '4'"),
    (None, TypeError, "got None"),
])  # fmt: skip
def test_wrong_batch_sizes_raise(size, error, words):
    with pytest.raises(error, match=words):
        Minibatches(numbered(10), size)


def test_counts_may_be_numpy_integers():
    assert as_int(np.int64(3), "n", least=1) == 3 and type(as_int(np.uint8(3), "n", least=1)) is int
    assert len(Minibatches(numbered(10), np.int32(4))) == 3


# ---------------------------------------------------------------------- in_batches


@pytest.mark.parametrize("size", [1, 7, 20, 50])
def test_in_batches_gives_the_result_of_one_call(size):
    data = np.random.default_rng(0).random((20, 3))
    result = in_batches(lambda x: x @ np.ones((3, 2)), data, size, like=np.zeros(0))
    np.testing.assert_allclose(result, data @ np.ones((3, 2)))


@pytest.mark.parametrize("size, error", [(0, ValueError), (-1, ValueError), (2.5, TypeError)])
def test_in_batches_needs_a_batch_size(size, error):
    with pytest.raises(error, match="batch_size: expected"):
        in_batches(lambda x: x, numbered(4), size, like=numbered(1))


def test_the_result_of_in_batches_is_the_callers_own():
    data = numbered(6)
    in_batches(lambda x: x, data, 2, like=data)[...] = -1
    assert (data == numbered(6)).all()


def test_an_unaligned_file_is_not_read_as_a_whole(tmp_path):
    x = np.arange(200_000, dtype=np.float32).reshape(2000, 100)
    (tmp_path / "x").write_bytes(b"ab" + x.tobytes())
    source = np.memmap(tmp_path / "x", np.float32, "r", offset=2, shape=x.shape)
    batches = Minibatches(source, 8, seed=0)
    rows = next(batches.rows())
    tracemalloc.start()
    taken = batches.take(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(taken, x[rows])
    assert peak < x.nbytes / 10
