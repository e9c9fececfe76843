"""The demo frey: digits where there are no frames, frames of another shape than square, the numbers that it reports."""

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

from demos import frey  # noqa: E402 (needs matplotlib)
from demos.figures.images import _plane, tiled  # noqa: E402


def a_video(n=120):
    """A bright bar that moves up and down in frames of 28 × 20 pixels."""
    place = 14 + 10 * np.sin(np.arange(n) / 9)
    rows = np.arange(28)[None, :, None]
    return (40 + 180 * np.exp(-(((rows - place[:, None, None]) / 3) ** 2)) * np.ones((1, 1, 20))).astype(np.uint8)


def test_without_frames_it_prints_how_to_get_them_and_takes_digits(quick):
    printed = quick("frey").printed
    assert "frey_rawface.mat" in printed and "450 training digits, 50 test digits" in printed


def test_a_video_of_one_movement_needs_one_number_and_the_model_is_the_measured_one(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(frey, "frey", a_video)
    monkeypatch.setattr(frey.figures, "manifold", lambda path, *given, **k: shown.update(map=given[0], codes=given[1]))
    result = frey.main(["--quick", "--device", "cpu", "--epochs", "400", "--out", str(tmp_path)])
    test = a_video()[108:].reshape(-1, 560)
    x_hat = load(tmp_path / "frey.npz").reconstruct(test)
    error = ((x_hat - test / 255) ** 2).sum(axis=1).mean()
    assert result["test_squared_error_per_image"] == pytest.approx(error, rel=1e-5)
    assert error < 0.5 * result["pca_test_squared_error_per_image"]  # the movement is no linear function of two numbers
    assert shown["map"].shape == (frey.GRID**2, 28, 20) and shown["codes"].shape == (120, 2)


def test_images_keep_their_shape_and_rows_become_squares():
    images = np.arange(4 * 28 * 20).reshape(4, 28, 20)
    np.testing.assert_array_equal(_plane(images[:, None]), images)
    assert _plane(np.zeros((3, 784))).shape == (3, 28, 28)
    np.testing.assert_array_equal(tiled(images), np.block([[images[0], images[1]], [images[2], images[3]]]))
