"""The demo faces: digits where there are no photographs, folders of pictures, and the measures of its samples."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

from PIL import Image  # noqa: E402 (comes with matplotlib)

from demos import faces  # noqa: E402
from tests.devices import each_device, on  # noqa: E402


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path / "cache"))


def run(out, *options):
    return faces.main(["--quick", "--device", "cpu", "--out", str(out), *options])


def synthetic_faces(n, size=64):
    """Bright discs of different sizes and places on a dark background, each with a darker left eye."""
    rng, (i, j) = np.random.default_rng(0), np.mgrid[:size, :size] / size
    images = []
    for a, b, r, light in rng.random((n, 4)):
        place = np.hypot(i - 0.4 - 0.2 * a, j - 0.4 - 0.2 * b) < 0.2 + 0.2 * r
        eye = np.hypot(i - 0.4 - 0.2 * a, j - 0.3 - 0.2 * b) < 0.05
        images.append((60 + (100 + 90 * light) * place - 80 * eye).astype(np.uint8))
    return np.stack(images)


def test_without_faces_it_prints_how_to_get_them_and_takes_digits(quick):
    result, printed = quick("faces").result, quick("faces").printed
    assert "fetch_olivetti_faces" in printed and "Data: 200 training digits, 20 test images." in printed
    assert 0 < result["VAE_diversity"] and result["photographs_distance_to_the_nearest_grey_levels"] > 0


def test_a_folder_of_pictures(tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    known = synthetic_faces(32)
    for k, image in enumerate(known):
        Image.fromarray(image).save(tmp_path / "pictures" / f"{k:02}.png")
    result = run(tmp_path / "out", "--folder", str(tmp_path / "pictures"))
    assert json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")) == result
    assert "Data: 28 training faces, 4 test images." in capsys.readouterr().out
    train, test = known[:28, None, ::2, ::2], known[28:, None, ::2, ::2]
    vae = load(tmp_path / "out" / "vae.npz")
    error = ((vae.reconstruct(test) - test / 255) ** 2).sum(axis=(1, 2, 3)).mean()
    assert result["VAE_test_squared_error_per_image"] == pytest.approx(error, rel=1e-5)
    samples, mirrored = load(tmp_path / "out" / "gan.npz").sample(100), np.concatenate([train, train[..., ::-1]])
    each = ((samples[:, None] - mirrored / 255) ** 2).mean(axis=(2, 3, 4)).min(axis=1) ** 0.5
    assert result["GAN_distance_to_the_nearest_grey_levels"] == pytest.approx(255 * each.mean(), rel=1e-4)


@pytest.mark.parametrize("files, words", [(None, "expected a folder of pictures"), (3, "at least 16 pictures")])
def test_folders_without_enough_pictures_are_reported(files, words, tmp_path):
    if files:
        for k in range(files):
            Image.new("L", (9, 9)).save(tmp_path / f"{k}.png")
    with pytest.raises(SystemExit, match=f"--folder: .*{words}"):
        run(tmp_path / "out", "--folder", str(tmp_path if files else tmp_path / "nowhere"))


@each_device
def test_mirror_images(device):
    x, mirror = np.random.default_rng(0).random((200, 1, 4, 6), np.float32), faces.MirrorAndWarp((4, 6), std=0)
    with on(device) as place:
        placed = place.put(x)
        once, more, again = (mirrored(mirror, placed, seed) for seed in ([0, 1], None, [0, 1]))
        once, more, again = (place.get(images) for images in (once, more, again))
    flipped = (once == x[..., ::-1]).all(axis=(1, 2, 3))
    assert ((once == x).all(axis=(1, 2, 3)) != flipped).all() and 70 < flipped.sum() < 130
    assert once.shape == x.shape and once.dtype == x.dtype
    assert np.array_equal(once, again) and not np.array_equal(once, more)


def mirrored(mirror, x, seed):
    if seed is not None:
        mirror.reseed(seed)
    return mirror(x)


def test_the_nearest_is_found():
    known = synthetic_faces(20)[:, None]
    which, distance = faces.nearest(known[[7, 3]] / np.float32(255) + np.float32(2 / 255), known)
    assert which.tolist() == [7, 3] and distance == pytest.approx([2, 2], rel=1e-3)


def test_eigenfaces_are_exact_where_they_can_be(monkeypatch):
    monkeypatch.setattr(faces, "CODE", 3)
    rng = np.random.default_rng(0)
    parts = rng.random((3, 1, 5, 5))
    train, test = (np.tensordot(rng.random((n, 3)), parts, 1).astype(np.float32) for n in (30, 4))
    np.testing.assert_allclose(faces.eigenfaces(255 * train, 255 * test), test, atol=1e-4)
    monkeypatch.setattr(faces, "CODE", 1)
    assert np.abs(faces.eigenfaces(255 * train, 255 * test) - test).max() > 0.05


def test_photographs_are_credited_in_every_picture_and_in_the_numbers(tmp_path, monkeypatch):
    images = synthetic_faces(40)
    photographs = SimpleNamespace(train_images=images[:32], test_images=images[32:])
    captions = []
    monkeypatch.setattr(faces, "olivetti", lambda: photographs)
    monkeypatch.setattr(faces.figures, "digit_rows", lambda *a, caption="", **k: captions.append(caption))
    result = run(tmp_path, "--epochs", "1")
    assert captions == [faces.CREDIT] * 3 and result["credit"] == faces.CREDIT
    assert "AT&T Laboratories Cambridge" in faces.CREDIT and "AT&T Laboratories Cambridge" in faces.__doc__
