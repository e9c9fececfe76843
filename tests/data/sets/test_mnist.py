"""MNIST: where the files are looked for, the message if they are not found, and the embedded sample."""

import dataclasses
import functools
import importlib
import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from npae.data import DownloadError, IDXError, fetch_mnist, idx_folder, mnist, write_idx

module = importlib.import_module("npae.data.sets.mnist")  # the name npae.data.sets.mnist is the function

FULL = Path(os.environ.get("NPAE_DATA") or "unset") / "mnist"
needs_full = pytest.mark.skipif(not FULL.is_dir(), reason="full MNIST: set NPAE_DATA to its parent folder")
TINY = {
    "train-images-idx3-ubyte": np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4),
    "train-labels-idx1-ubyte": np.arange(5, dtype=np.uint8),
    "t10k-images-idx3-ubyte": np.ones((2, 3, 4), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([8, 9], np.uint8),
}


def fill(folder, **changes):
    """The four files of a tiny dataset; a change train_images=array replaces one, None leaves it out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in TINY.items():
        array = changes.get("_".join(name.split("-")[:2]), array)
        if array is not None:
            write_idx(folder / f"{name}.gz", array)
    return folder


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Nothing but the embedded sample: no NPAE_DATA, an empty cache, and no network."""

    def fail():
        raise DownloadError("no network:\n none answered")

    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "fetch_mnist", fail)


def test_the_sample_needs_no_network_and_prints_nothing(offline, capfd):
    digits = mnist(which="sample")
    assert digits.train_images.shape == (10_000, 28, 28) and digits.train_labels.shape == (10_000,)
    assert digits.test_images.shape == (2_000, 28, 28) and digits.test_labels.shape == (2_000,)
    assert digits.train_images.dtype == digits.train_labels.dtype == np.uint8
    assert digits.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert digits.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(digits.train_labels).min() > 800 and digits.train_images.max() == 255
    assert "10000 training and 2000 test images of 28x28, embedded sample" in repr(digits)
    assert capfd.readouterr() == ("", "")


def test_images_are_frozen(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        idx_folder(fill(tmp_path)).origin = "elsewhere"


def test_the_sample_fits_into_the_package():
    assert sum(p.stat().st_size for p in module.SAMPLE.iterdir()) < 2_100_000
    assert sorted(p.name for p in module.SAMPLE.iterdir()) == sorted(f"{name}.gz" for name in TINY)


@needs_full
def test_the_full_set_and_the_sample_made_from_it(monkeypatch):
    monkeypatch.setenv("NPAE_DATA", str(FULL.parent))
    full, sample = mnist(which="full"), mnist(which="sample")
    assert len(full.train_images) == len(full.train_labels) == 60_000
    assert len(full.test_images) == len(full.test_labels) == 10_000
    assert full.origin == str(FULL)
    assert np.array_equal(full.train_images[:10_000], sample.train_images)
    assert np.array_equal(full.train_labels[:10_000], sample.train_labels)
    assert np.array_equal(full.test_images[:2_000], sample.test_images)
    assert np.array_equal(full.test_labels[:2_000], sample.test_labels)


@pytest.mark.parametrize("which", ["auto", "full"])
def test_the_folder_then_npae_data_then_the_cache(offline, monkeypatch, tmp_path, which):
    cached, data = fill(tmp_path / "cache" / "mnist"), tmp_path / "data"
    monkeypatch.setattr(module, "fetch_mnist", lambda: cached)
    assert mnist(which=which).origin == str(cached)
    data.mkdir()
    monkeypatch.setenv("NPAE_DATA", str(data))
    assert mnist(which=which).origin == str(cached)  # there is no data/mnist yet
    fill(data / "mnist")
    assert mnist(which=which).origin == str(data / "mnist")
    assert mnist(fill(tmp_path / "other"), which=which).origin == str(tmp_path / "other")
    monkeypatch.setenv("NPAE_DATA", "")
    assert mnist(which=which).origin == str(cached)


def test_auto_falls_back_to_the_sample_and_prints_one_line(offline, capfd):
    assert mnist().origin == "embedded sample of MNIST"
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("npae: no full MNIST (no network: none answered); using the embedded 10,000 + ")


@pytest.mark.parametrize("stream", ["none", "closed", "gone"])
def test_the_sample_needs_no_terminal(offline, monkeypatch, capfd, stream):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", {"none": None, "closed": closed, "gone": Gone()}[stream])
    assert mnist().origin == "embedded sample of MNIST"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("cache", ["~nosuchuser", "a file"])
def test_a_wrong_cache_is_a_reason_for_the_sample(monkeypatch, tmp_path, capfd, cache):
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", cache if cache[0] == "~" else str(tmp_path / cache))
    monkeypatch.chdir(tmp_path)
    fetch = functools.partial(fetch_mnist, mirrors=[module.SAMPLE.as_uri()])
    monkeypatch.setattr(module, "fetch_mnist", fetch)
    assert mnist().origin == "embedded sample of MNIST"
    reason = "NPAE_CACHE: expected a folder" if cache[0] == "~" else "cannot write .*: "
    assert re.match(f"npae: no full MNIST \\({reason}.*; using the embedded 10,000", capfd.readouterr().err)
    assert [p.name for p in tmp_path.iterdir()] == ["a file"]


def test_only_the_files_whose_checksums_were_compared_are_read(offline, monkeypatch, tmp_path):
    cached = fill(tmp_path / "cache" / "mnist")
    write_idx(cached / "t10k-labels-idx1-ubyte", np.zeros(2, np.uint8))  # idx_folder would take the plain file
    monkeypatch.setattr(module, "fetch_mnist", lambda: cached)
    assert mnist().test_labels.tolist() == [8, 9] and mnist().origin == str(cached)
    assert idx_folder(cached).test_labels.tolist() == [0, 0]


def test_the_error_of_full_has_the_cure(offline):
    with pytest.raises(FileNotFoundError) as error:
        mnist(which="full")
    for word in ("no network", "NPAE_DATA", "mnist/", *TINY, "Try again with a network"):
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_npae_data_is_an_error(offline, monkeypatch, tmp_path):
    monkeypatch.setenv("NPAE_DATA", str(tmp_path / "misspelt"))
    with pytest.raises(NotADirectoryError, match="NPAE_DATA.*misspelt.*Correct the variable or unset it"):
        mnist()
    fill(tmp_path / "data" / "mnist", t10k_labels=None)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="missing: t10k-labels-idx1-ubyte"):
        mnist()


def test_an_explicit_folder_is_never_replaced_by_the_sample(offline, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: expected a folder with train-images"):
        mnist(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="missing: train-labels-idx1-ubyte, t10k-images-idx3-ubyte"):
        mnist(fill(tmp_path / "half", train_labels=None, t10k_images=None))


def test_wrong_arguments_raise(tmp_path):
    with pytest.raises(ValueError, match='"auto", "full" or "sample", got \'all\''):
        mnist(which="all")
    with pytest.raises(ValueError, match='no folder with which="sample"'):
        mnist(tmp_path, which="sample")


def test_any_folder_of_the_same_layout_plain_or_gzipped(tmp_path):
    fill(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    write_idx(tmp_path / "train-images-idx3-ubyte", TINY["train-images-idx3-ubyte"])
    write_idx(tmp_path / "train-labels-idx1-ubyte", TINY["train-labels-idx1-ubyte"] + 1)  # wins over the .gz
    images = idx_folder(str(tmp_path))
    assert np.array_equal(images.train_images, TINY["train-images-idx3-ubyte"])
    assert images.train_labels.tolist() == [1, 2, 3, 4, 5]
    assert images.test_images.shape == (2, 3, 4) and images.test_labels.tolist() == [8, 9]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"train_labels": np.zeros(4, np.uint8)}, "one label for each image, got 5 .* 4 train-labels"),
        ({"t10k_labels": np.zeros(3, np.uint8)}, "one label for each image, got 2 .* 3 t10k-labels"),
        ({"t10k_images": np.zeros((2, 4, 4), np.uint8)}, r"of one size, got \(3, 4\) and \(4, 4\)"),
        ({"train_images": np.zeros((5, 12), np.uint8)}, r"train-images.*\(count, height, width\).*\(5, 12\). Reshape"),
        ({"train_images": np.zeros(5, np.uint8)}, "train-images.*look like labels: have the files .* exchanged"),
        ({"train_images": np.zeros((5, 3, 4, 3), np.uint8)}, "train-images.*Read colour images with data.read_idx"),
        ({"t10k_labels": np.zeros((2, 9), np.uint8)}, r"t10k-labels.*\(count,\), integers, got .*\(2, 9\).*argmax"),
        ({"t10k_labels": np.zeros((2, 3, 4), np.uint8)}, "t10k-labels.*look like images: have the files .* exchanged"),
        ({"t10k_labels": np.zeros(2, np.float32)}, "t10k-labels.*got float32 of shape .*Number the classes"),
        ({"train_images": np.zeros((5, 3, 4), np.float32)}, "images of one dtype, got float32 and uint8"),
    ],
)
def test_files_that_do_not_fit_together(tmp_path, changes, message):
    with pytest.raises(IDXError, match=message):
        idx_folder(fill(tmp_path, **changes))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32, np.float64])
def test_images_of_every_type_of_the_format(tmp_path, dtype):
    train, test = (np.arange(n * 12, dtype=dtype).reshape(n, 3, 4) / dtype(4) for n in (5, 2))
    train, test = train.astype(dtype), test.astype(dtype)
    images = idx_folder(fill(tmp_path, train_images=train, t10k_images=test, t10k_labels=np.array([7, 300], np.int32)))
    np.testing.assert_array_equal(images.train_images, train)
    np.testing.assert_array_equal(images.test_images, test)
    assert images.train_images.dtype == images.test_images.dtype == dtype
    assert images.test_labels.tolist() == [7, 300]


def renamed(folder, change):
    for path in list(fill(folder).iterdir()):
        path.rename(folder / change(path.name))
    return folder


@pytest.mark.parametrize("change", [
    lambda n: n.replace("-idx", ".idx"), lambda n: n.replace("-", "_"), lambda n: n.upper().replace(".GZ", ".gz"),
    lambda n: n.replace("-idx", ".idx").removesuffix(".gz"),
], ids=["dots", "underscores", "capitals", "dots, without .gz"])  # fmt: skip
def test_nearly_the_right_names_are_read(tmp_path, change):
    images = idx_folder(renamed(tmp_path, change))
    assert np.array_equal(images.train_images, TINY["train-images-idx3-ubyte"])
    assert images.test_labels.tolist() == [8, 9]


def test_other_names_are_listed_with_those_to_give(tmp_path):
    folder = renamed(tmp_path / "a", lambda n: f"emnist-{n}".replace("t10k", "test"))
    with pytest.raises(FileNotFoundError) as error:
        idx_folder(folder)
    assert "It holds emnist-test-images-idx3-ubyte.gz, emnist-test-labels" in str(error.value)
    assert "Rename emnist-train-images-idx3-ubyte.gz to train-images-idx3-ubyte.gz, emnist-tr" in str(error.value)
    assert "emnist-test-labels-idx1-ubyte.gz to t10k-labels-idx1-ubyte.gz." in str(error.value)
    folder = renamed(tmp_path / "b", lambda n: n.replace("train", "part1").replace("t10k", "part2"))
    (folder / "more").mkdir()
    with pytest.raises(FileNotFoundError, match="It holds more/, part1-images-idx3-ubyte.gz, .*Put them there"):
        idx_folder(folder)
    (tmp_path / "c").mkdir()
    with pytest.raises(FileNotFoundError, match="missing: train-images.*It holds nothing. Put them there"):
        idx_folder(tmp_path / "c")
    for k in range(20):
        (tmp_path / "c" / f"{k:02}.png").touch()
    with pytest.raises(FileNotFoundError, match=r"It holds 00.png, .*07.png, … \(20 in all\). Put them there"):
        idx_folder(tmp_path / "c")


def test_a_damaged_file_is_never_replaced_by_the_sample(offline, tmp_path, monkeypatch):
    (fill(tmp_path / "mnist") / "train-images-idx3-ubyte.gz").write_bytes(b"<html>")
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    with pytest.raises(IDXError, match="web page"):
        mnist()
