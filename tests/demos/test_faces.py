"""The demo faces: digits where there are no photographs, folders of pictures, and the measures of its samples."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

from PIL import Image  # noqa: E402 (comes with matplotlib)

from demos import faces, faces_measures, faces_networks, faces_pictures  # noqa: E402
from demos.baselines import squared_error_per_image
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
    assert "fetch_lfw_people" in printed and "fetch_olivetti_faces" in printed
    assert "Data: 200 training digits, 20 test images." in printed and result["data_set"] == "digits"
    real = {key.removeprefix("training_"): value for key, value in result.items() if key.startswith("training_")}
    for measure in faces.COLUMNS:
        assert result[f"VAE_{measure}"] > 0 and result[f"GAN_{measure}"] > 0 and real[measure] > 0
    assert real["random_network_frechet_squared"] < result["VAE_random_network_frechet_squared"]


def pictures_in(folder, images, people=None):
    for k, image in enumerate(images):
        place = folder / (f"{people[k]:02}" if people is not None else "")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{k:02}.png")
    return folder


def test_a_folder_of_pictures_and_its_models_measured_again(tmp_path, capsys):
    known = synthetic_faces(32)
    folder = pictures_in(tmp_path / "pictures", known)
    result = run(tmp_path / "out", "--folder", str(folder))
    assert json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")) == result
    assert "Data: 28 training faces, 4 test images." in capsys.readouterr().out
    train, test = known[:28, None, ::2, ::2], known[28:, None, ::2, ::2]
    vae = load(tmp_path / "out" / "vae.npz")
    error = ((vae.reconstruct(test) - test / 255) ** 2).sum(axis=(1, 2, 3)).mean()
    assert result["VAE_strangers_squared_error_per_image"] == pytest.approx(error, rel=1e-5)
    linear = result["eigenfaces_strangers_squared_error_per_image"]
    assert result["VAE_below_eigenfaces_percent"] == pytest.approx(100 - 100 * error / linear, rel=1e-4)
    samples, mirrored = load(tmp_path / "out" / "gan.npz").sample(4), np.concatenate([train, train[..., ::-1]])
    each = ((samples[:, None] - mirrored / 255) ** 2).mean(axis=(2, 3, 4)).min(axis=1) ** 0.5
    assert result["GAN_nearest_training_face_grey_levels"] == pytest.approx(255 * each.mean(), rel=1e-4)

    again = run(tmp_path / "again", "--folder", str(folder), "--trained", str(tmp_path / "out"))
    same = {key: value for key, value in result.items() if key not in ("seconds", "date", "command")}
    assert same.items() <= again.items() and not (tmp_path / "again" / "vae.npz").exists()


def test_folders_by_person_have_other_people_for_testing(tmp_path):
    people, known = np.arange(60) // 3, synthetic_faces(60, 8)
    train, test = faces.people_apart(pictures_in(tmp_path / "people", known, people))
    assert train.shape == (54, 1, 64, 64) and test.shape == (6, 1, 64, 64)
    assert faces.image_folder(tmp_path / "people", 64).images[people % 10 == 9].tobytes() == test.tobytes()


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


def test_the_two_nearest_are_found_and_copies_show():
    known = synthetic_faces(20)[:, None]
    rows = known.reshape(20, -1) / np.float32(255)
    which, distance = faces_measures.two_nearest(known[[7, 3]] / np.float32(255) + np.float32(2 / 255), rows)
    assert which[:, 0].tolist() == [7, 3] and distance[:, 0] == pytest.approx([64 * 2 / 255] * 2, rel=1e-3)
    others = ((rows[7] + np.float32(2 / 255) - rows) ** 2).sum(axis=1) ** 0.5
    assert distance[0, 1] == pytest.approx(np.sort(others)[1], rel=1e-4) and which[0, 1] == others.argsort()[1]

    judge = faces_measures.Judge(known, synthetic_faces(24)[20:, None], 3)
    copies = judge.copies(known[:5, :, :, ::-1] / np.float32(255))  # mirrored
    assert copies["nearest_training_face_grey_levels"] < 0.1 and copies["nearest_over_second_nearest"] < 0.02
    assert judge.copies(judge.test)["nearest_over_second_nearest"] > 0.5


def test_eigenfaces_are_exact_where_they_can_be():
    rng = np.random.default_rng(0)
    parts = rng.random((3, 1, 5, 5))
    train, test = (np.tensordot(rng.dirichlet(np.ones(3), n), parts, 1).astype(np.float32) for n in (30, 4))
    rows = test.reshape(len(test), -1)
    errors = {k: squared_error_per_image(faces_measures.Judge(train, test, k).eigenfaces.reconstruct(rows).reshape(
        test.shape), test) for k in (3, 1)}  # fmt: skip
    assert errors[3] < 1e-8
    assert errors[1] > 0.01


def test_the_random_network_is_fixed_and_sees_texture():
    images = synthetic_faces(40)[:, None]
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 25, images.shape), 0, 255).astype(np.uint8)
    one, other = faces_measures.RandomNetwork(images), faces_measures.RandomNetwork(images)
    features = one.encode(images)
    np.testing.assert_array_equal(features, other.encode(images))
    assert features.shape == (40, 64)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
    assert np.abs(one.encode(noisy) - features).mean() > 3 * np.abs(one.encode(images + np.uint8(3)) - features).mean()


def test_directions_are_those_of_a_linear_decoder():
    W = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 4)))[0] * [1, 5, 3, 0.1]  # columns of these lengths
    found = faces_pictures.directions(lambda codes: (codes @ W.T).reshape(-1, 1, 3, 3), 4, 2)
    np.testing.assert_allclose(np.abs(found), [[0, 1, 0, 0], [0, 0, 1, 0]], atol=1e-5)
    assert ((W @ found.T).sum(axis=0) > 0).all()


def test_photographs_are_in_pictures_with_a_credit_only(tmp_path, monkeypatch):
    images = synthetic_faces(40)
    photographs = SimpleNamespace(train_images=images[:32], test_images=images[32:])
    drawn = {}
    monkeypatch.setattr(faces, "lfw", lambda: photographs)
    monkeypatch.setattr(faces_pictures.figures, "digit_rows",
                        lambda path, rows, *a, caption="", **k: drawn.update({path.stem: (rows, caption)}))  # fmt: skip
    result = run(tmp_path, "--epochs", "1")
    credit = faces.CREDITS["lfw"]
    assert result["credit"] == credit and result["data_set"] == "lfw"
    assert {name for name, (_, caption) in drawn.items() if caption == credit} == {"nearest", "reconstructions"}
    for name in ("interpolations", "directions"):
        shown = np.concatenate([row.reshape(-1, 1, 32, 32) for _, row in drawn[name][0]])
        distances = ((shown[:, None] - images[:, None, ::2, ::2] / 255) ** 2).mean(axis=(2, 3, 4))
        assert distances.min() > 1e-4


def test_olivetti_in_place_of_lfw(monkeypatch):
    photographs = SimpleNamespace(train_images=synthetic_faces(20), test_images=synthetic_faces(4))
    monkeypatch.setattr(faces, "lfw", lambda: pytest.fail("was read"))
    monkeypatch.setattr(faces, "olivetti", lambda: photographs)
    own = SimpleNamespace(folder=None, olivetti=True)
    train, test, kind = faces.pictures(SimpleNamespace(own=own, quick=False))
    assert kind == "olivetti" and train.shape == (20, 1, 64, 64) and test.shape == (4, 1, 64, 64)


def test_fitted_codes_have_the_mean_and_covariance_of_the_training_codes():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((500, 3)) @ [[2, 1, 0], [0, 1, 0.5], [0, 0, 0.3]] + [1, -2, 0]
    plain = SimpleNamespace(encode=lambda x: codes[: len(x)].astype(np.float32), decode=lambda h: 2 * h)
    for model in (plain, SimpleNamespace(autoencoder=plain)):  # a VAE, an AAE
        fitted = faces_networks.FittedCodes(model, np.zeros(500))
        h = fitted.sample(200_000, seed=1) / 2
        np.testing.assert_allclose(h.mean(axis=0), codes.mean(axis=0), atol=0.03)
        np.testing.assert_allclose(np.cov(h.T), np.cov(codes.T), atol=0.08)
        np.testing.assert_allclose(fitted(np.zeros((1, 3)))[0] / 2, codes.mean(axis=0), atol=1e-5)
        np.testing.assert_array_equal(fitted.sample(5, seed=1) / 2, h[:5])
