"""The sets of faces: where the files are looked for, the split by people, wrong files, the way to get them."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npae.data import ImageError, data_folder, frey, lfw, olivetti

IMAGES = np.random.default_rng(0).integers(0, 256, (80, 64, 64), dtype=np.uint8)
PERSON = np.random.default_rng(1).permutation(80) // 2


def write(path, images=IMAGES, person=PERSON):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, images=images, person=person)
    return path


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No NPAE_DATA, an empty cache."""
    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int16])
def test_training_and_test_have_different_people(tmp_path, dtype):
    faces = olivetti(write(tmp_path / "o.npz", person=PERSON.astype(dtype)))
    assert faces.train_images.shape == (70, 64, 64) and faces.test_images.shape == (10, 64, 64)
    assert set(faces.train_labels) == set(range(35)) and set(faces.test_labels) == set(range(35, 40))
    assert faces.train_labels.dtype == faces.train_images.dtype == np.uint8
    np.testing.assert_array_equal(faces.train_images, IMAGES[PERSON < 35])
    np.testing.assert_array_equal(faces.test_images[faces.test_labels == 37], IMAGES[PERSON == 37])
    assert repr(faces) == f"Images(70 training and 10 test images of 64x64, {tmp_path / 'o.npz'})"


def test_npae_data_then_the_cache(nowhere, monkeypatch):
    cached = write(nowhere / "cache" / "olivetti" / "olivetti.npz")
    assert olivetti().origin == str(cached)
    data = nowhere / "data"
    data.mkdir()
    monkeypatch.setenv("NPAE_DATA", str(data))
    assert olivetti().origin == str(cached)  # there is no data/olivetti yet
    (data / "olivetti").mkdir()
    assert olivetti().origin == str(cached)  # nor a file in it
    write(data / "olivetti" / "olivetti.npz")
    assert olivetti().origin == str(data / "olivetti" / "olivetti.npz")


def test_the_real_faces():
    if data_folder("olivetti") is None:
        pytest.skip("Olivetti faces: set NPAE_DATA to the parent of olivetti/")
    faces = olivetti()
    assert faces.train_images.shape == (350, 64, 64) and faces.test_images.shape == (50, 64, 64)
    assert (np.bincount(faces.train_labels) == 10).all()
    mirrored = faces.train_images[:, :, ::-1].mean(axis=0)
    assert np.corrcoef(faces.train_images.mean(axis=0).ravel(), mirrored.ravel())[0, 1] > 0.9  # upright: symmetric


def test_the_error_for_a_missing_file_has_the_way_to_get_it(nowhere):
    with pytest.raises(FileNotFoundError) as error:
        olivetti()
    assert "olivetti: expected the file $NPAE_DATA/olivetti/olivetti.npz, found none" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="expected the file .*gone.npz, found none"):
        olivetti(nowhere / "gone.npz")


def test_the_command_in_the_error_makes_the_file(nowhere):
    """With a stand-in for scikit-learn, which would need a network."""
    with pytest.raises(FileNotFoundError) as error:
        olivetti()
    (program,) = re.findall(r'python -c "(.*)"$', str(error.value))
    (nowhere / "sklearn").mkdir()
    (nowhere / "sklearn" / "__init__.py").touch()
    (nowhere / "sklearn" / "datasets.py").write_text(
        "import numpy, types\n"
        "def fetch_olivetti_faces():\n"
        "    images = numpy.arange(400 * 4096, dtype='f4').reshape(400, 64, 64) % 256 / 255\n"
        "    return types.SimpleNamespace(images=images, target=numpy.arange(400) // 10)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=nowhere, check=True, timeout=60)
    faces = olivetti(nowhere / "olivetti.npz")
    assert faces.train_images.shape == (350, 64, 64)
    np.testing.assert_array_equal(faces.train_images[0].ravel()[:256], np.arange(256))


def test_a_wrong_npae_data_is_an_error(nowhere, monkeypatch):
    monkeypatch.setenv("NPAE_DATA", str(nowhere / "misspelt"))
    with pytest.raises(NotADirectoryError, match="NPAE_DATA.*misspelt.*Correct the variable or unset it"):
        olivetti()


@pytest.mark.parametrize("changes, words", [
    ({"images": IMAGES / 255}, r"expected images \(n, 64, 64\) of uint8 .* got float64 \(80, 64, 64\)"),
    ({"images": IMAGES[:, :32]}, r"got uint8 \(80, 32, 64\) and int64 \(80,\)"),
    ({"images": IMAGES.reshape(80, 4096)}, r"but images is uint8 of shape \(80, 4096\)"),
    ({"images": IMAGES[:79]}, r"got uint8 \(79, 64, 64\) and int64 \(80,\)"),
    ({"person": PERSON * 1.0}, r"and float64 \(80,\)"),
    ({"person": PERSON + 1}, "expected faces of the people 0 to 39"),
    ({"person": PERSON % 30}, "expected faces of the people 0 to 39"),
    ({"person": np.array(["a"] * 80)}, "but person is <U1 of shape"),
])  # fmt: skip
def test_another_content_is_refused(tmp_path, changes, words):
    with pytest.raises(ImageError, match=f"o.npz: .*{words}"):
        olivetti(write(tmp_path / "o.npz", **changes))


def test_a_damaged_file_is_refused(tmp_path):
    whole = write(tmp_path / "o.npz").read_bytes()
    for content in (b"", b"<html>", whole[:1000], whole[:-30], whole[:5000] + b"\0" * 100 + whole[5100:]):
        (tmp_path / "o.npz").write_bytes(content)
        with pytest.raises(ImageError, match=r"o.npz: .* with the faces of olivetti\(\), but .* again"):
            olivetti(tmp_path / "o.npz")


def test_a_huge_declared_size_is_not_allocated_and_objects_are_not_unpickled(tmp_path):
    for shape, dtype, words in (
        ((10**6, 64, 64), "'|u1'", "images declares"),
        ((80, 64, 64), "'|O'", "images is object"),
    ):
        header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
        with zipfile.ZipFile(tmp_path / "o.npz", "w") as archive:
            archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        with pytest.raises(ImageError, match=words):
            olivetti(Path(tmp_path / "o.npz"))


def test_every_tenth_person_of_lfw_is_a_stranger(tmp_path):
    faces = lfw(write(tmp_path / "l.npz", person=PERSON.astype(np.uint16)))
    assert set(faces.test_labels) == {9, 19, 29, 39} and set(faces.train_labels) == set(range(40)) - {9, 19, 29, 39}
    np.testing.assert_array_equal(faces.test_images[faces.test_labels == 19], IMAGES[PERSON == 19])
    np.testing.assert_array_equal(faces.train_images, IMAGES[PERSON % 10 != 9])


def test_the_frames_of_frey_in_their_order(tmp_path, nowhere, monkeypatch):
    frames = np.random.default_rng(0).integers(0, 256, (12, 28, 20), dtype=np.uint8)
    (tmp_path / "frey").mkdir()
    np.savez(tmp_path / "frey" / "frey.npz", images=frames)
    np.testing.assert_array_equal(frey(tmp_path / "frey" / "frey.npz"), frames)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    np.testing.assert_array_equal(frey(), frames)


def test_the_real_lfw_and_frey():
    if data_folder("lfw") is None or data_folder("frey") is None:
        pytest.skip("LFW and Frey: set NPAE_DATA to the parent of lfw/ and frey/")
    faces, frames = lfw(), frey()
    assert faces.train_images.shape == (12_164, 64, 64) and faces.test_images.shape == (1069, 64, 64)
    assert not set(faces.train_labels) & set(faces.test_labels) and frames.shape == (1965, 28, 20)
    mean = faces.train_images.mean(axis=0)
    assert np.corrcoef(mean.ravel(), mean[:, ::-1].ravel())[0, 1] > 0.95  # upright and in the middle: symmetric
    steps = np.abs(np.diff(frames.astype(float), axis=0)).mean()
    assert steps < 0.7 * np.abs(frames[1:] - frames[::-1][1:].astype(float)).mean()  # a video: neighbours are alike


@pytest.mark.parametrize("read, words", [
    (lfw, r"NPAE_DATA/lfw/lfw_64.npz, found none. .*fetch_lfw_people"),
    (frey, r"NPAE_DATA/frey/frey.npz, found none. .*frey_rawface.mat"),
])  # fmt: skip
def test_missing_files_have_the_way_to_get_them(nowhere, read, words):
    with pytest.raises(FileNotFoundError, match=words):
        read()


@pytest.mark.parametrize("read, content, words", [
    (lfw, {"images": IMAGES / 255, "person": PERSON}, r"expected images \(n, 64, 64\) of uint8"),
    (lfw, {"images": IMAGES, "person": PERSON % 9}, "people with numbers from 0 to at least 9"),
    (lfw, {"images": IMAGES, "person": PERSON - 1}, "people with numbers from 0"),
    (lfw, {"images": IMAGES, "person": 0 * PERSON + 9}, "people with numbers from 0"),
    (lfw, {"images": IMAGES[:0], "person": PERSON[:0]}, "people with numbers from 0"),
    (frey, {"images": IMAGES}, r"expected images \(n, 28, 20\) of uint8, got uint8 \(80, 64, 64\)"),
    (frey, {"frames": IMAGES}, "it has the arrays frames"),
])  # fmt: skip
def test_other_contents_are_refused(tmp_path, read, content, words):
    np.savez(tmp_path / "f.npz", **content)
    with pytest.raises(ImageError, match=f"f.npz: .*{words}"):
        read(tmp_path / "f.npz")
