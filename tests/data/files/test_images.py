"""Folders of pictures: cropped, resized and ordered as documented; bad files are errors that name the file."""

import io
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest

from npae.data import ImageError, image_folder
from npae.data.files.images import FORMATS, LARGEST

Image = pytest.importorskip("PIL.Image")

RNG = np.random.default_rng(0)


def put(path, array, **how):
    """Write uint8 (h, w) or (h, w, 3) as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)
    return path


def gray(h=8, w=8):
    return RNG.integers(0, 256, (h, w), dtype=np.uint8)


def test_pictures_of_the_given_size_are_not_changed(tmp_path):
    grays, colours = [gray() for _ in range(3)], [RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(3)]
    for k in range(3):
        put(tmp_path / "gray" / f"{k}.png", grays[k])
        put(tmp_path / "colour" / f"{k}.png", colours[k])
    x = image_folder(tmp_path / "gray", 8)
    assert x.shape == (3, 1, 8, 8) and x.dtype == np.uint8 and x.flags.c_contiguous
    np.testing.assert_array_equal(x[:, 0], grays)
    x = image_folder(str(tmp_path / "colour"), 8, gray=False)
    assert x.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(x, np.transpose(colours, (0, 3, 1, 2)))


def test_gray_and_colour_become_each_other(tmp_path):
    put(tmp_path / "a.png", np.full((8, 8), 90, np.uint8))
    put(tmp_path / "b.png", np.full((8, 8, 3), (200, 100, 50), np.uint8))
    assert (image_folder(tmp_path, 8, gray=False)[0] == 90).all()
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    np.testing.assert_array_equal(image_folder(tmp_path, 8)[:, 0, 0, 0], [90, luma])


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (9, 20)], ids=str)
def test_the_square_in_the_middle_is_kept(tmp_path, shape):
    """Margins are 255, the middle is random: no pixel of the margins may be left."""
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    picture = np.full(shape, 255, np.uint8)
    middle = picture[top : top + side, left : left + side] = gray(side, side) // 2
    put(tmp_path / "a.png", picture)
    x = image_folder(tmp_path, side)[0, 0]
    if (max(shape) - side) % 2 == 0:
        np.testing.assert_array_equal(x, middle)
    else:  # the middle lies between two pixels
        assert (x[:, :-1] < 160).all()


def test_resizing_averages_and_keeps_proportions(tmp_path):
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    put(tmp_path / "a.png", checkers)
    x = image_folder(tmp_path, 16)
    assert x.shape == (1, 1, 16, 16) and abs(x.astype(int) - 127).max() <= 8  # every fourth pixel would be 0 or 255
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    put(tmp_path / "a.png", half)
    x = image_folder(tmp_path, 16)[0, 0].astype(int)
    assert (x[:, :6] < 10).all() and (x[:, 10:] > 245).all()
    assert image_folder(tmp_path, 100).shape == (1, 1, 100, 100)


def test_the_order_is_that_of_the_paths_and_subfolders_are_read(tmp_path):
    for value, name in enumerate(["a/2.png", "a/b/1.png", "a/b.png", "b.png", "c/a.png"]):
        put(tmp_path / name, np.full((4, 4), value, np.uint8))
    expected = sorted(
        (p.relative_to(tmp_path).parts, int(np.asarray(Image.open(p))[0, 0])) for p in tmp_path.rglob("*.png")
    )
    assert image_folder(tmp_path, 4)[:, 0, 0, 0].tolist() == [value for _, value in expected]
    np.testing.assert_array_equal(image_folder(tmp_path, 4), image_folder(tmp_path, 4))


def test_hidden_files_are_skipped(tmp_path):
    put(tmp_path / "a.png", gray())
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "x.txt").write_text("no picture")
    assert len(image_folder(tmp_path, 8)) == 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.gif", "a.tiff", "a.webp", "a.pgm", "no_suffix"])
def test_common_formats_are_read(tmp_path, name):
    how = {"format": "PNG"} if name == "no_suffix" else {}
    put(tmp_path / name, np.full((8, 8), 130, np.uint8), **how)
    assert abs(image_folder(tmp_path, 8).astype(int) - 130).max() <= 2


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "CMYK"])
def test_palettes_transparency_and_bits_are_read(tmp_path, mode):
    picture = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    how = {"transparency": 0} if mode == "P" else {}
    picture.save(tmp_path / ("a.tiff" if mode == "CMYK" else "a.png"), **how)
    for is_gray in (True, False):
        assert (image_folder(tmp_path, 8, is_gray) == 255).all()


def test_a_picture_is_rotated_as_its_camera_recorded(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated clockwise
    put(tmp_path / "a.png", picture := gray(), exif=exif)
    np.testing.assert_array_equal(image_folder(tmp_path, 8)[0, 0], np.rot90(picture, -1))


# ---------------------------------------------------------------------- bad files


def refused(folder, words, error=ImageError):
    """Does reading fail with these words, in one sentence?"""
    with pytest.raises(error, match=words) as caught:
        image_folder(folder, 8)
    assert "\n" not in str(caught.value)


@pytest.fixture
def folder(tmp_path):
    for k in range(3):
        put(tmp_path / f"good{k}.png", gray(30, 20))
    return tmp_path


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp", "pgm"])
def test_a_truncated_picture_is_named(folder, suffix):
    path = put(folder / "d" / f"bad.{suffix}", gray(90, 80))
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) // 4):
        path.write_bytes(whole[:length])
        refused(folder, f"bad.{suffix}: the picture is broken .*[Rr]eplace it")


def test_damaged_bytes_are_named(folder):
    path = put(folder / "bad.png", gray(90, 80))
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(40)
    path.write_bytes(content)
    refused(folder, "bad.png: the picture is broken")


@pytest.mark.parametrize(
    "content", [b"", b"a list of names\n", b"\x89PNG\r\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(5000)]
)
def test_another_kind_of_file_is_named(folder, content):
    (folder / "notes.txt").write_bytes(content)
    refused(folder, r"notes.txt: expected a picture \(PNG, JPEG, .*\), got another file. Move it out of the folder")


def test_programs_in_pictures_are_not_run():
    """PostScript is a program: Pillow would hand it to Ghostscript."""
    assert not set(FORMATS) & {"EPS", "PDF", "WMF"}


def png(width, height, payload=b""):
    """A PNG whose header declares so many grey pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", payload) + chunk(b"IEND", b"")


@pytest.mark.parametrize("width, height", [(8193, 8192), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_named_and_not_decoded(folder, width, height):
    (folder / "bomb.png").write_bytes(png(width, height, zlib.compress(bytes(10**6))))
    tracemalloc.start()
    try:
        refused(folder, "bomb.png: expected a picture of at most 67,108,864 pixels, its header declares")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000 and LARGEST == 67_108_864


def test_a_large_header_with_few_pixels_is_broken(folder):
    (folder / "thin.png").write_bytes(png(3000, 3000, zlib.compress(bytes(100))))
    refused(folder, "thin.png: the picture is broken")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_eight_bits_are_refused(folder, dtype):
    put(folder / "deep.tiff", gray().astype(dtype))
    refused(folder, "deep.tiff: expected grey or colours of 8 bits per channel, got mode")


def test_an_empty_folder_a_missing_one_and_a_file(tmp_path):
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "empty" / ".hidden").touch()
    refused(tmp_path / "empty", "empty: expected pictures in this folder or below it", FileNotFoundError)
    refused(tmp_path / "gone", "gone: expected a folder of pictures, found none", NotADirectoryError)
    refused(put(tmp_path / "a.png", gray()), "a.png: expected a folder of pictures", NotADirectoryError)


@pytest.mark.parametrize("size, error", [(0, ValueError), (-3, ValueError), (8.5, TypeError), ("8", TypeError)])
def test_impossible_sizes(folder, size, error):
    with pytest.raises(error, match="size of image_folder: expected"):
        image_folder(folder, size)


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(folder, r'image_folder: needs the package Pillow: pip install "npae\[images\]"', ModuleNotFoundError)


def test_the_pictures_that_these_tests_make_can_be_read(folder):
    (folder / "small.png").write_bytes(png(2, 2, zlib.compress(bytes([0, 9, 9, 0, 9, 9]))))
    assert image_folder(folder, 2)[-1].tolist() == [[[9, 9], [9, 9]]]
    assert Image.open(io.BytesIO(png(10_000, 800))).size == (10_000, 800)
