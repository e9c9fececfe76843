"""Folders of pictures: cropped, resized and ordered as documented; bad files are errors that name the file."""

import io
import os
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest

from npae.data import ImageError, Pictures, image_folder
from npae.data.files.folder import files_below
from npae.data.files.picture import FORMATS, LARGEST

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
    x = image_folder(tmp_path / "gray", 8).images
    assert x.shape == (3, 1, 8, 8) and x.dtype == np.uint8 and x.flags.c_contiguous
    np.testing.assert_array_equal(x[:, 0], grays)
    x = image_folder(str(tmp_path / "colour"), 8, gray=False).images
    assert x.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(x, np.transpose(colours, (0, 3, 1, 2)))


def test_gray_and_colour_become_each_other(tmp_path):
    put(tmp_path / "a.png", np.full((8, 8), 90, np.uint8))
    put(tmp_path / "b.png", np.full((8, 8, 3), (200, 100, 50), np.uint8))
    assert (image_folder(tmp_path, 8, gray=False).images[0] == 90).all()
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    np.testing.assert_array_equal(image_folder(tmp_path, 8).images[:, 0, 0, 0], [90, luma])


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (9, 20)], ids=str)
def test_the_square_in_the_middle_is_kept(tmp_path, shape):
    """Margins are 255, the middle is random: no pixel of the margins may be left."""
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    picture = np.full(shape, 255, np.uint8)
    middle = picture[top : top + side, left : left + side] = gray(side, side) // 2
    put(tmp_path / "a.png", picture)
    x = image_folder(tmp_path, side).images[0, 0]
    if (max(shape) - side) % 2 == 0:
        np.testing.assert_array_equal(x, middle)
    else:  # the middle lies between two pixels
        assert (x[:, :-1] < 160).all()


def test_resizing_averages_and_keeps_proportions(tmp_path):
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    put(tmp_path / "a.png", checkers)
    x = image_folder(tmp_path, 16).images
    assert x.shape == (1, 1, 16, 16) and abs(x.astype(int) - 127).max() <= 8  # every fourth pixel would be 0 or 255
    half = np.zeros((64, 64), np.uint8)
    half[:, 32:] = 255
    put(tmp_path / "a.png", half)
    x = image_folder(tmp_path, 16).images[0, 0].astype(int)
    assert (x[:, :6] < 10).all() and (x[:, 10:] > 245).all()
    assert image_folder(tmp_path, 100).images.shape == (1, 1, 100, 100)


def test_the_order_is_that_of_the_paths_and_subfolders_are_read(tmp_path):
    for value, name in enumerate(["a/2.png", "a/b/1.png", "a/b.png", "b.png", "c/a.png"]):
        put(tmp_path / name, np.full((4, 4), value, np.uint8))
    expected = sorted(
        (p.relative_to(tmp_path).parts, int(np.asarray(Image.open(p))[0, 0])) for p in tmp_path.rglob("*.png")
    )
    assert image_folder(tmp_path, 4).images[:, 0, 0, 0].tolist() == [value for _, value in expected]
    np.testing.assert_array_equal(image_folder(tmp_path, 4).images, image_folder(tmp_path, 4).images)


SYSTEM = (".DS_Store", "Thumbs.db", "sub/desktop.ini", "sub/Icon\r", ".thumbnails/x.txt", "__MACOSX/._a.png")


@pytest.mark.skipif(sys.platform == "win32", reason="no names with a carriage return in the file system")
def test_hidden_and_system_files_are_passed_over_and_named(tmp_path, capfd):
    put(tmp_path / "a.png", gray())
    put(tmp_path / "sub" / "b.png", gray())
    assert len(image_folder(tmp_path, 8)) == 2 and capfd.readouterr() == ("", "")
    for name in SYSTEM:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\0\0\1Bud1")
    pictures = image_folder(tmp_path, 8)
    assert len(pictures) == 2 and pictures.classes == ("sub",)
    names = {path.relative_to(tmp_path).as_posix(): reason for path, reason in pictures.skipped.items()}
    assert names == {
        ".DS_Store": "hidden", ".thumbnails": "hidden", "Thumbs.db": "of the system", "__MACOSX": "of the system",
        "sub/desktop.ini": "of the system", "sub/Icon\r": "of the system",
    }  # fmt: skip
    err = capfd.readouterr().err
    assert err.startswith(f"npae: image_folder: passed over in {tmp_path}: .DS_Store (hidden), ")
    assert err.endswith("sub/Icon? (of the system) and 1 more.\n") and err.count("\n") == 1


def test_classes_are_the_subfolders(tmp_path):
    for name in ("b/2.png", "b/deep/3.png", "top.png", "a/1.png"):
        put(tmp_path / name, gray())
    pictures = image_folder(tmp_path, 8)
    names = [path.relative_to(tmp_path).as_posix() for path in pictures.paths]
    assert names == ["a/1.png", "b/2.png", "b/deep/3.png", "top.png"] and pictures.classes == ("a", "b")
    assert pictures.labels.tolist() == [0, 1, 1, -1] and pictures.labels.dtype == np.int64 and pictures.skipped == {}
    assert repr(pictures) == "Pictures(4 images of 8x8, 2 classes)" and isinstance(pictures, Pictures)
    for picture, path in zip(pictures.images, pictures.paths, strict=True):
        np.testing.assert_array_equal(picture[0], np.asarray(Image.open(path)))


def test_links_to_folders_are_followed_once(tmp_path, capfd, monkeypatch):
    put(tmp_path / "elsewhere" / "1.png", gray())
    (tmp_path / "data").mkdir()
    try:
        (tmp_path / "data" / "cats").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    except OSError:
        pytest.skip("no links in this file system")
    files, passed_over = files_below(tmp_path / "data")
    assert files == [tmp_path / "data" / "cats" / "1.png"]
    assert passed_over == {tmp_path / "data" / "again": "a link to a folder that is read already"}
    assert len(image_folder(tmp_path / "data", 8)) == 1
    err = capfd.readouterr().err
    assert err == (
        f"npae: image_folder: passed over in {tmp_path / 'data'}: again (a link to a folder that is read already).\n"
    )
    stream = open(os.devnull, "w")
    stream.close()
    for silent in (None, stream):
        monkeypatch.setattr(sys, "stderr", silent)
        assert len(image_folder(tmp_path / "data", 8)) == 1
    assert capfd.readouterr() == ("", "")
    monkeypatch.undo()
    (tmp_path / "data" / "gone.png").symlink_to(tmp_path / "gone.png")
    refused(tmp_path / "data", r"gone.png \(nothing there: a link leads nowhere\)")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes in the file system")
def test_a_pipe_is_named_at_once(folder):
    os.mkfifo(folder / "pipe.png")
    refused(folder, r"pipe.png \(not a file\)")


# ---------------------------------------------------------------------- size, background


def test_a_size_of_two_numbers_is_height_and_width(tmp_path):
    put(tmp_path / "a.png", picture := gray(8, 16))
    pictures = image_folder(tmp_path, (8, 16))
    np.testing.assert_array_equal(pictures.images, picture[None, None])
    assert image_folder(tmp_path, [4, 8], gray=False).images.shape == (1, 3, 4, 8)
    assert repr(pictures) == "Pictures(1 images of 8x16)"


def test_a_wide_picture_that_is_cut_is_reported_and_padding_keeps_it(tmp_path, capfd):
    wide = np.full((40, 200), 255, np.uint8)
    wide[10:30, 5:15] = wide[10:30, -15:-5] = 0  # a letter at each end
    put(tmp_path / "a.png", wide)
    assert (image_folder(tmp_path, 40).images == 255).all()
    assert 'more than half of the picture is cut off in a.png. fit="pad" keeps all of it' in capfd.readouterr().err
    padded = image_folder(tmp_path, 200, fit="pad", background=7).images[0, 0]
    np.testing.assert_array_equal(padded[80:120], wide)
    assert (padded[:80] == 7).all() and (padded[120:] == 7).all() and capfd.readouterr() == ("", "")
    small = image_folder(tmp_path, 40, fit="pad", background=255).images[0, 0]
    assert (small[16:24].min(axis=0) < 128).sum() == 4 and small[:16].min() == small[24:].min() == 255


def test_a_picture_that_is_cut_a_little_is_not_reported(tmp_path, capfd):
    put(tmp_path / "a.png", gray(20, 30))
    image_folder(tmp_path, 20)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", [(1, 900), (900, 1)])
def test_thin_pictures_are_padded(tmp_path, shape):
    put(tmp_path / "a.png", np.zeros(shape, np.uint8))
    x = image_folder(tmp_path, 9, fit="pad").images[0, 0]
    assert (x < 128).sum() == 9


def ink(mode, colour):
    """(a picture of transparent and of opaque pixels, which are opaque)."""
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:6, 3:5] = 255
    channels = [np.full((8, 8), c, np.uint8) for c in (colour if mode == "RGBA" else colour[:1])]
    return Image.fromarray(np.stack([*channels, alpha], axis=-1), mode), alpha > 0


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_ink_on_transparency_is_composited_on_the_background(tmp_path, mode):
    picture, opaque = ink(mode, (0, 0, 0))
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(image_folder(tmp_path, 8).images[0, 0], np.where(opaque, 0, 255))
    x = image_folder(tmp_path, 8, gray=False, background=(10, 200, 30)).images[0]
    for channel, value in zip(x, (10, 200, 30), strict=True):
        np.testing.assert_array_equal(channel, np.where(opaque, 0, value))
    x = image_folder(tmp_path, (8, 16), fit="pad", background=99).images[0, 0]
    np.testing.assert_array_equal(x[:, 4:12], np.where(opaque, 0, 99))
    assert (x[:, :4] == 99).all() and (x[:, 12:] == 99).all()


def test_half_transparent_pixels_are_mixed(tmp_path):
    Image.fromarray(np.full((8, 8, 4), (100, 100, 100, 51), np.uint8), "RGBA").save(tmp_path / "a.png")
    x = image_folder(tmp_path, 8, background=200).images
    assert (x == round(0.2 * 100 + 0.8 * 200)).all()


def test_transparent_colours_do_not_bleed_when_the_size_changes(tmp_path):
    """Of a transparent pixel the colour is not seen: red on transparent green has no green at its edges."""
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[...] = (0, 255, 0, 0)
    picture[:, 32:] = (255, 0, 0, 255)
    Image.fromarray(picture, "RGBA").save(tmp_path / "a.png")
    x = image_folder(tmp_path, 10, gray=False, background=0).images[0]
    assert x[1].max() <= 2 and x[0, :, -1].min() == 255 and x[0, :, 0].max() == 0


@pytest.mark.parametrize("how", ["palette", "one grey", "one colour"])
def test_transparency_of_a_colour_in_the_palette_or_the_header(tmp_path, how):
    opaque = np.zeros((8, 8), bool)
    opaque[2:6, 3:5] = True
    if how == "palette":
        picture = Image.fromarray(opaque.astype(np.uint8), "P")
        picture.putpalette([0, 0, 0, 0, 0, 0])
        picture.save(tmp_path / "a.gif", transparency=0)
    else:
        values = np.where(opaque, 0, 7).astype(np.uint8)
        values = values if how == "one grey" else np.stack([values] * 3, axis=-1)
        Image.fromarray(values).save(tmp_path / "a.png", transparency=7 if how == "one grey" else (7, 7, 7))
    np.testing.assert_array_equal(image_folder(tmp_path, 8).images[0, 0], np.where(opaque, 0, 255))


def test_ink_of_the_backgrounds_colour_is_refused(tmp_path):
    picture, opaque = ink("RGBA", (255, 255, 255))
    picture.save(tmp_path / "a.png")
    refused(tmp_path, r"a.png \(of one colour on the background \(255, 255, 255\): choose another background\)")
    np.testing.assert_array_equal(image_folder(tmp_path, 8, background=0).images[0, 0], np.where(opaque, 255, 0))


def test_a_picture_that_is_transparent_everywhere_shows_the_background(tmp_path):
    Image.new("RGBA", (8, 8)).save(tmp_path / "a.png")
    assert (image_folder(tmp_path, 8, background=9).images == 9).all()


# ---------------------------------------------------------------------- formats


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.gif", "a.tiff", "a.webp", "a.pgm", "no_suffix"])
def test_common_formats_are_read(tmp_path, name):
    how = {"format": "PNG"} if name == "no_suffix" else {}
    put(tmp_path / name, np.full((8, 8), 130, np.uint8), **how)
    assert abs(image_folder(tmp_path, 8).images.astype(int) - 130).max() <= 2


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "CMYK"])
def test_palettes_transparency_and_bits_are_read(tmp_path, mode):
    picture = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    picture.save(tmp_path / ("a.tiff" if mode == "CMYK" else "a.png"))
    for is_gray in (True, False):
        assert (image_folder(tmp_path, 8, is_gray).images == 255).all()


def test_a_picture_is_rotated_as_its_camera_recorded(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated clockwise
    put(tmp_path / "a.png", picture := gray(), exif=exif)
    np.testing.assert_array_equal(image_folder(tmp_path, 8).images[0, 0], np.rot90(picture, -1))


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
        refused(folder, f"bad.{suffix} .broken .*Repair")


@pytest.mark.parametrize("name, mode, side", [("a.png", "RGB", 6000), ("a.webp", "RGB", 4000), ("a.gif", "P", 6000)])
def test_a_small_file_of_many_pixels_is_refused_before_it_is_decoded(tmp_path, name, mode, side):
    """Equal pixels shrink to a thousandth. What decoding and conversion take is known from the header."""
    Image.new(mode, (side, side)).save(tmp_path / name)
    refused(tmp_path, rf"{name} \(it unpacks to .* expected at most 268.44 MB for a packed file .*Make it smaller")
    Image.new(mode, (1500, 1500)).save(tmp_path / name)
    assert len(image_folder(tmp_path, 8)) == 1


def test_a_jpeg_of_many_passes_is_refused(tmp_path):
    """Each pass takes as long as a whole picture, and may be a few bytes."""
    path = put(tmp_path / "a.jpg", np.zeros((2000, 2000), np.uint8), progressive=True)
    data = path.read_bytes()
    assert len(image_folder(tmp_path, 8)) == 1
    last = data.rindex(b"\xff\xda")
    path.write_bytes(data[:last] + data[last:-2] * 300 + data[-2:])
    refused(tmp_path, r"a.jpg \(expected a JPEG of a few passes, got 3\d\d of 2000 x 2000 pixels")


def test_damaged_bytes_are_named(folder):
    path = put(folder / "bad.png", gray(90, 80))
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(40)
    path.write_bytes(content)
    refused(folder, r"bad.png \(broken \(")


@pytest.mark.parametrize(
    "content", [b"", b"a list of names\n", b"\x89PNG\r\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", bytes(5000)]
)
def test_another_kind_of_file_is_named(folder, content):
    (folder / "notes.txt").write_bytes(content)
    refused(folder, r"\(PNG, JPEG, .*\): notes.txt \(another kind of file\). Repair them")


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
        refused(folder, r"bomb.png \(expected a picture of at most 67,108,864 pixels, its header declares")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000 and LARGEST == 67_108_864


def test_a_large_header_with_few_pixels_is_broken(folder):
    (folder / "thin.png").write_bytes(png(3000, 3000, zlib.compress(bytes(100))))
    refused(folder, r"thin.png \(broken \(")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_eight_bits_are_refused(folder, dtype):
    put(folder / "deep.tiff", gray().astype(dtype))
    refused(folder, r"deep.tiff \(expected grey or colours of 8 bits per channel, got mode")


def test_an_empty_folder_a_missing_one_and_a_file(tmp_path):
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "empty" / ".hidden").touch()
    refused(tmp_path / "empty", "empty: expected pictures in this folder or below it", FileNotFoundError)
    refused(tmp_path / "gone", "gone: expected a folder of pictures, found none", NotADirectoryError)
    refused(put(tmp_path / "a.png", gray()), "a.png: expected a folder of pictures", NotADirectoryError)


@pytest.mark.parametrize("size, error", [
    (0, ValueError), (-3, ValueError), (8.5, TypeError), ("8", TypeError), ((8, 0), ValueError), ((8, "8"), TypeError),
    ((8, 8, 8), TypeError), ((), TypeError),
])  # fmt: skip
def test_impossible_sizes(folder, size, error):
    with pytest.raises(error, match="size of image_folder: expected"):
        image_folder(folder, size)


@pytest.mark.parametrize("argument, words", [
    ({"background": 256}, "background of image_folder: expected a grey from 0 to 255, or .red, green, blue., got 256"),
    ({"background": (1, 2)}, "background of image_folder"), ({"background": -1}, "background of image_folder"),
    ({"fit": "stretch"}, 'expected fit to be "crop" or "pad", got \'stretch\''),
    ({"on_error": "ignore"}, 'expected on_error to be "raise" or "skip", got \'ignore\''),
])  # fmt: skip
def test_impossible_arguments(folder, argument, words):
    with pytest.raises(ValueError, match=words):
        image_folder(folder, 8, **argument)


def test_all_bad_files_are_named_and_may_be_skipped(folder, capfd):
    good = image_folder(folder, 8)
    for k in range(7):
        (folder / f"bad{k}.txt").write_text("no picture")
    with pytest.raises(ImageError) as error:
        image_folder(folder, 8)
    assert "7 of 10 files cannot be read as pictures (PNG, JPEG" in str(error.value)
    assert "): bad0.txt (another kind of file), bad1.txt" in str(error.value)
    assert "bad4.txt (another" in str(error.value) and "bad5.txt" not in str(error.value)
    assert ') and 2 more. Repair them or take them out of the folder, or leave them out by on_error="skip".' in str(
        error.value
    )
    pictures = image_folder(folder, 8, on_error="skip")
    np.testing.assert_array_equal(pictures.images, good.images)
    assert pictures.paths == good.paths and pictures.labels.tolist() == [-1] * 3
    assert [path.name for path in pictures.skipped] == [f"bad{k}.txt" for k in range(7)]
    assert all("another kind of file" in reason for reason in pictures.skipped.values())
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "7 of 10 files in" in err and "are skipped: bad0.txt (another" in err
    assert repr(pictures) == "Pictures(3 images of 8x8, 7 files skipped)"


def test_a_folder_of_which_nothing_can_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(ImageError, match="1 of 1 files cannot be read .*a.txt .*out of the folder.$"):
        image_folder(tmp_path, 8, on_error="skip")


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    refused(folder, r"image_folder: Pillow is not installed: pip install .*\[images\]", ModuleNotFoundError)


def test_the_pictures_that_these_tests_make_can_be_read(folder):
    (folder / "small.png").write_bytes(png(2, 2, zlib.compress(bytes([0, 9, 9, 0, 9, 9]))))
    assert image_folder(folder, 2).images[-1].tolist() == [[[9, 9], [9, 9]]]
    assert Image.open(io.BytesIO(png(10_000, 800))).size == (10_000, 800)
