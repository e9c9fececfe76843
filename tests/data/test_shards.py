"""Shards: rows of many files, equal to those of one array, in training and inference; errors in a sentence each."""

import gc
import weakref

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.backend import Labelled, as_lazy_source, lazy_part
from npae.data import Minibatches, ShardError, Shards
from npae.data.minibatches import LabelledMinibatches, PairedMinibatches
from npae.data.sources import as_pairs, check_source, split, spread
from npae.layers import Dense, Sequential
from npae.models import Classifier
from npae.train import Callback, Checkpoint, prepare, resume_run
from tests.data.shard_files import X, write_safetensors, write_shards


def network(**settings):
    return dense_autoencoder([6, 3], loss="mse", **settings)


# ---------------------------------------------------------------------- rows


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_rows_are_numbered_through_all_files(kind, tmp_path):
    write_shards(tmp_path, kind=kind)
    shards = Shards(f"{tmp_path}/*.{kind}")
    assert (len(shards), shards.shape, shards.dtype, shards.ndim) == (97, (97, 6), np.float32, 2)
    assert repr(shards) == "Shards(4 files, 97 rows of (6,), float32)"
    numbers = np.array([96, -1, 0, 39, 40, 40, 3])
    for rows in (slice(None), slice(35, 64), slice(90, 2, -7), slice(5, 5), numbers, [3], 41, -1, np.int64(60)):
        assert (shards[rows] == X[rows]).all() and shards[rows].shape == X[rows].shape
    assert (np.stack(list(shards)) == X).all()


@pytest.mark.parametrize("rows, error", [
    (97, IndexError), ([-98], IndexError), ([0.5], TypeError), (X[:, 0] > 0, TypeError), ("a", TypeError),
])  # fmt: skip
def test_other_row_numbers_are_refused(rows, error, tmp_path):
    with pytest.raises(error, match="Shards: expected"):
        Shards(write_shards(tmp_path))[rows]


def test_paths_are_a_list_one_path_or_a_pattern_in_the_order_of_names(tmp_path):
    paths = write_shards(tmp_path)
    several = [paths[0], f"{tmp_path}/[1-3].npy"]
    for given in (paths, [str(p) for p in paths], f"{tmp_path}/*.npy", tmp_path / "?.npy", several):
        assert (Shards(given)[:] == X).all()
    assert (Shards(paths[::-1])[:37] == X[60:]).all() and (Shards(paths[0])[:] == X[:40]).all()


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    write_shards(tmp_path)
    assert len(Shards("~/*.npy")) == len(Shards(["~/0.npy", "~/2.npy", "~/3.npy"])) == 97


@pytest.mark.parametrize("paths", [3, None, [2.5]], ids=repr)
def test_what_is_not_a_path_is_one_sentence(paths):
    with pytest.raises(TypeError, match="Shards: expected a path, text or a pathlib.Path, got"):
        Shards(paths)


@pytest.mark.parametrize("n, width, rows", [(97, 6, 1), (10_240, 6, 10), (400_000, 2, 390), (2, 2**20, 1)])
def test_a_block_has_256_kilobytes_or_less_of_small_data(n, width, rows, tmp_path):
    with open(tmp_path / "x.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, width)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + n * width * 4)
    assert Shards(tmp_path / "x.npy").order.block_rows == rows


def test_a_block_is_at_most_all_rows(tmp_path):
    shards = Shards(write_shards(tmp_path), block_rows=10**15)
    assert shards.order.block_rows == 97 and len(next(Minibatches(shards, 8, seed=0).rows())) == 8


def test_a_path_with_the_signs_of_a_pattern_is_a_path(tmp_path):
    np.save(tmp_path / "a[1].npy", X)
    assert len(Shards(tmp_path / "a[1].npy")) == 97


@pytest.mark.parametrize("scale", [0.02, np.linspace(0.01, 0.03, 6)])
def test_int8_is_scaled_and_off_by_half_a_step_at_most(scale, tmp_path):
    x = np.clip(X, -1.25, 1.25)
    q = np.rint(x / scale).astype(np.int8)
    shards = Shards(write_shards(tmp_path, q), scale=scale)
    assert shards.dtype == np.float32 and shards[:].dtype == np.float32
    assert (shards[:] == q * np.float32(scale)).all()
    assert (np.abs(shards[10:20] - x[10:20]) <= np.asarray(scale) / 2 * 1.00001).all()


def test_each_safetensors_file_may_have_a_scale_of_its_own(tmp_path):
    q = np.rint(X * 20).astype(np.int8)
    paths = [
        write_safetensors(tmp_path / "0.safetensors", {"x": q[:50], "s": np.float32([0.5])}),
        write_safetensors(tmp_path / "1.safetensors", {"x": q[50:], "s": np.arange(6, dtype="f4")}),
    ]
    expected = np.concatenate([q[:50] * np.float32(0.5), q[50:] * np.arange(6, dtype="f4")])
    shards = Shards(paths, tensor="x", scale="s")
    assert (shards[:] == expected).all() and (shards[[70, 3]] == expected[[70, 3]]).all()


def test_bfloat16_becomes_float32_of_the_same_value(tmp_path):
    x = (X.view(np.uint32) & 0xFFFF0000).view(np.float32)
    bits = (x.view(np.uint32) >> 16).astype("<u2")
    write_safetensors(tmp_path / "x.safetensors", {"x": ("BF16", X.shape, bits.tobytes())})
    shards = Shards(tmp_path / "x.safetensors")
    assert shards.dtype == np.float32 and (shards[:] == x).all() and (shards[[5, 9]] == x[[5, 9]]).all()


# ---------------------------------------------------------------------- errors


def test_no_file(tmp_path):
    for paths in (f"{tmp_path}/*.npy", []):
        with pytest.raises(FileNotFoundError, match="expected files, found none for .* Check the path or the pattern"):
            Shards(paths)
    with pytest.raises(FileNotFoundError, match="x.npy: expected a file, found nothing there"):
        Shards(tmp_path / "x.npy")
    with pytest.raises(IsADirectoryError, match=r"got a folder. Write .*\*.npy"):
        Shards(tmp_path)


@pytest.mark.parametrize("other, message", [
    (X[:, :5], r"1.npy: expected the row \(6,\) of .*0.npy, got \(5,\)"),
    (X.astype("f2"), "1.npy: expected the dtype float32 of .*0.npy, got float16"),
])  # fmt: skip
def test_shards_of_different_kinds(other, message, tmp_path):
    np.save(tmp_path / "0.npy", X)
    np.save(tmp_path / "1.npy", other)
    with pytest.raises(ShardError, match=message):
        Shards(f"{tmp_path}/*.npy")


def test_files_without_rows(tmp_path):
    with pytest.raises(ShardError, match="0.npy: expected rows, got files without any"):
        Shards(write_shards(tmp_path, X[:0], cuts=()))


@pytest.mark.parametrize("settings", [{"block_rows": 0}, {"mixed_blocks": 0}])
def test_sizes_below_one(settings, tmp_path):
    with pytest.raises(ValueError, match="expected 1 or more, got 0"):
        Shards(write_shards(tmp_path), **settings)


@pytest.fixture
def with_nan(tmp_path):
    x = X.copy()
    x[62, 4] = np.nan
    return Shards(write_shards(tmp_path, x), block_rows=5)


NAMED = r"row 2 of .*3.npy contains NaN or Inf \(nan in column 4\)"


def test_nan_in_one_token_is_named_by_file_and_row(with_nan):
    model = network()
    for call in (
        lambda: fit(model, with_nan, epochs=1, data_init=False, progress="none"), lambda: model.encode(with_nan),
        lambda: model.evaluate(with_nan), lambda: check_source(with_nan),
        lambda: fit(model, X, validation=with_nan, epochs=1, progress="none"),
        lambda: fit(model, with_nan, epochs=1, progress="none"),
        lambda: model.evaluate(lazy_part(with_nan, slice(50, 80))),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=NAMED):
            call()


def test_nan_is_named_by_file_and_row_in_a_part_of_the_blocks_too(with_nan):
    _, _, held = split(with_nan, 0.3, 0)
    train, _, _ = split(with_nan, 0.3, 0)
    part = held if held._blocks[held._blocks == 12].size else train
    with pytest.raises(ValueError, match=NAMED):
        check_source(part)


# ---------------------------------------------------------------------- training


def test_an_epoch_takes_every_row_once_and_a_fresh_source_takes_the_same(tmp_path):
    paths = write_shards(tmp_path)
    batches = Minibatches(Shards(paths, block_rows=4, mixed_blocks=3), 10, seed=2)
    again = Minibatches(Shards(paths, block_rows=4, mixed_blocks=3), 10, seed=2)
    for epoch in range(3):
        taken = []
        for rows, same in zip(batches.rows(epoch), again.rows(epoch), strict=True):
            assert (batches.take(rows) == X[rows]).all() and (rows == same).all()
            taken += rows.tolist()
        assert sorted(taken) == list(range(97))
    assert [r.tolist() for r in batches.rows(1, 4)] == [r.tolist() for r in batches.rows(1)][4:]


def test_the_order_does_not_depend_on_how_the_rows_are_cut_into_files(tmp_path):
    thetas = []
    for name, cuts in (("a", ()), ("b", (1, 50))):
        (tmp_path / name).mkdir()
        model = network()
        shards = Shards(write_shards(tmp_path / name, cuts=cuts), block_rows=8)
        fit(model, shards, epochs=2, batch_size=16, progress="none")
        thetas.append(model.theta.value)
    assert (thetas[0] == thetas[1]).all()


def test_a_full_buffer_is_the_plain_order_up_to_the_order_within_batches(tmp_path):
    """With one row per block and one group, an epoch is one permutation of all rows."""
    shards = Shards(write_shards(tmp_path), block_rows=1, mixed_blocks=97)
    rows, _ = next(shards.order.groups(0, 0))
    assert sorted(rows) == list(range(97)) and np.abs(np.corrcoef(rows, np.arange(97))[0, 1]) < 0.3


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "b1"])
def test_results_are_those_of_the_array(dtype, tmp_path):
    x = (np.abs(X) * 40).astype(dtype) if dtype != "b1" else X > 0
    shards, model = Shards(write_shards(tmp_path, x), block_rows=8), network()
    assert (model.encode(shards) == model.encode(x)).all()
    assert model.evaluate(shards) == model.evaluate(x)
    assert all((a == b).all() for a, b in zip(spread(shards), spread(x), strict=True))
    history = fit(model, shards, validation=x, epochs=2, progress="none")
    assert history["loss"][1] < history["loss"][0]
    assert model.seen.shape == (6,) and model.seen.kind == {"u": "uint8", "b": "bool"}.get(dtype[0], "float")


def test_rows_of_images(tmp_path):
    images = (np.abs(X) * 60).astype(np.uint8).reshape(97, 1, 2, 3)
    shards = Shards(write_shards(tmp_path, images))
    assert (shards[[50, 3]] == images[[50, 3]]).all()
    model = network(image_shape=(1, 2, 3))
    assert len(fit(model, shards, epochs=1, progress="none")) == 1


def test_a_fraction_for_validation_is_of_whole_blocks(tmp_path):
    shards = Shards(write_shards(tmp_path), block_rows=4)
    train, numbers, held = split(shards, 0.2, 3)
    assert numbers is None and len(train) + len(held) == 97 and held.order.blocks == 5
    both = np.concatenate([train[:], held[:]])
    assert sorted(both[:, 0]) == sorted(X[:, 0])
    blocks = {tuple(row): k // 4 for k, row in enumerate(X.tolist())}
    assert not {blocks[tuple(r)] for r in train[:].tolist()} & {blocks[tuple(r)] for r in held[:].tolist()}
    assert (split(shards, 0.2, 3)[2][:] == held[:]).all() and len(split(train, 0.5, 0)[0]) > 0
    nested = split(train, 0.5, 0)
    assert sorted(np.concatenate([nested[0][:], nested[2][:]])[:, 0]) == sorted(train[:][:, 0])
    with pytest.raises(ValueError, match=r"of 1 blocks of rows leaves nothing .* Shards\(paths, block_rows=...\)"):
        split(Shards(write_shards(tmp_path), block_rows=97), 0.2, 0)


def test_labels_and_targets_stay_with_their_rows(tmp_path):
    (tmp_path / "y").mkdir()
    shards, y = Shards(write_shards(tmp_path), block_rows=4, mixed_blocks=5), np.arange(97)
    train, _, held = split(Labelled(shards, y), 0.3, 0)
    for part in (train, held, Labelled(shards, y)):
        batches = LabelledMinibatches(part, 10, seed=0)
        for rows in batches.rows(1):
            x, labels = batches.take(rows)
            assert (x == X[labels]).all()
    for target in (-X, Shards(write_shards(tmp_path / "y", -X), block_rows=9, mixed_blocks=2)):
        train, _, held = split(as_pairs(shards, target), 0.3, 0)
        for part in (train, held):
            batches = PairedMinibatches(part, 10, seed=0)
            for rows in batches.rows(1):
                x, targets = batches.take(rows)
                assert (x == -targets).all()


def test_a_classifier_learns_from_shards(tmp_path):
    model = Classifier(Sequential(Dense(6, 2)), 2)
    history = fit(model, (Shards(write_shards(tmp_path)), (X[:, 0] > 0).astype(int)), epochs=2, progress="none")
    assert len(history) == 2


def test_blocks_are_read_whole_and_once_per_epoch(tmp_path, monkeypatch):
    shards = Shards(write_shards(tmp_path, cuts=()), block_rows=4, mixed_blocks=6)
    read, of_file = [], shards._files[0].read

    def noted(parts):
        parts = list(parts)
        read.extend((start, len(x)) for start, x in parts)
        of_file(parts)

    monkeypatch.setattr(shards._files[0], "read", noted)
    batches = Minibatches(shards, 8, seed=0)
    for rows in batches.rows(0):
        batches.take(rows)
    whole = [start for start, n in read if n == 4]
    assert sorted(whole) == list(range(0, 96, 4)) and len(read) <= 25 + 4 * 8


# ---------------------------------------------------------------------- a run that goes on


class StopAt(Callback):
    observes = True

    def __init__(self, t):
        self.t = t

    def on_step_done(self, trainer):
        if trainer.optimizer.t == self.t:
            raise ZeroDivisionError


def test_a_run_resumes_within_an_epoch_with_the_same_bits(tmp_path):
    paths = write_shards(tmp_path)

    def begin(name, at=-1):
        return prepare(network(), Shards(paths, block_rows=4, mixed_blocks=3), validation=0.2,
                       batch_size=8, callbacks=[Checkpoint(tmp_path / name, steps=2), StopAt(at)],
                       progress="none")  # fmt: skip

    whole, parts, resumed = begin("whole"), begin("parts", 17), begin("parts")
    whole.run(3)
    with pytest.raises(ZeroDivisionError):
        parts.run(3)
    resume_run(resumed, "auto")
    assert (resumed.epoch, resumed.means.taken) == (1, 6)
    resumed.run(3)
    assert (resumed.model.theta.value == whole.model.theta.value).all()
    assert resumed.history["loss"] == whole.history["loss"]
    assert resumed.history["val_loss"] == whole.history["val_loss"]


def test_another_order_is_another_run(tmp_path):
    paths = write_shards(tmp_path)
    settings = {"callbacks": Checkpoint(tmp_path / "c"), "resume": "auto", "progress": "none"}
    fit(network(), Shards(paths, block_rows=4), epochs=1, **settings)
    with pytest.raises(ValueError, match="its order.block_rows was 4, here it is 8"):
        fit(network(), Shards(paths, block_rows=8), epochs=2, **settings)
    fit(network(), Shards(paths, block_rows=4), epochs=2, **settings)


# ---------------------------------------------------------------------- memory


def test_the_buffer_is_released_with_the_shards(tmp_path):
    shards = Shards(write_shards(tmp_path), block_rows=4, mixed_blocks=3)
    batches = Minibatches(shards, 8, seed=0)
    for rows in batches.rows():
        batches.take(rows)
    assert shards._buffer._rows.nbytes == 3 * 4 * 6 * 4
    memory = weakref.ref(shards._buffer)
    gc.disable()
    try:
        del batches, shards
        assert memory() is None  # at once: no circle of references waits for the garbage collector
    finally:
        gc.enable()


def test_a_source_of_batches_is_the_shards_themselves(tmp_path):
    shards = Shards(write_shards(tmp_path))
    assert as_lazy_source(shards) is shards
