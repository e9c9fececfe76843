"""Contents of a page: the plane of the map, images, classes, noise, and what is refused."""

import numpy as np
import pytest

from npae import dense_autoencoder
from npae.export.page import quantized
from npae.export.page.contents import contents
from npae.layers import MaskingNoise, SaltAndPepper
from npae.models import Classifier
from tests.export.page.networks import networks, samples


def test_two_numbers_are_their_own_plane():
    model = networks()["variational"]
    about, parts = contents(model, samples(model), image_shape=(6, 4))
    assert parts.arrays["axes"].tolist() == [[1, 0], [0, 1]] and not parts.arrays["centre"].any()
    assert about["variational"] is True and about["code"] == 2 and about["classes"] == [] and about["noise"] is None


def test_the_plane_of_a_larger_code_is_that_of_pca():
    model = networks()["dense"]
    x = samples(model)
    about, parts = contents(model, x, image_shape=(6, 4))
    A, codes = parts.arrays["axes"].astype(float), quantized(model).encode(x)
    np.testing.assert_allclose(A @ A.T, np.eye(2), atol=1e-6)
    deviations = codes - codes.mean(axis=0)
    _, s, _ = np.linalg.svd(deviations)
    np.testing.assert_allclose(((deviations @ A.T) ** 2).sum(axis=0), s[:2] ** 2, rtol=1e-4)
    np.testing.assert_allclose(parts.arrays["centre"], codes.mean(axis=0), rtol=1e-4)
    assert about["variational"] is False


@pytest.mark.parametrize("noise, kind", [(MaskingNoise(0.3), "masking"), (SaltAndPepper(0.3), "salt and pepper")])
def test_the_noise_is_that_of_the_encoder(noise, kind):
    about, _ = contents(dense_autoencoder([24, 3], corruption=noise), samples(None), image_shape=(6, 4))
    assert about["noise"] == {"kind": kind, "fraction": 0.3}


def test_floats_become_bytes_and_labels_names():
    model = dense_autoencoder([16, 2])
    x = np.random.default_rng(0).random((4, 16)).astype(np.float32)
    about, parts = contents(model, x, np.array(["cat", "dog", "cat", "ant"]))
    assert (about["height"], about["width"]) == (4, 4)
    assert abs(parts.arrays["images"] / 255 - x).max() <= 0.5 / 255 + 1e-7
    assert about["classes"] == ["ant", "cat", "dog"] and parts.arrays["classes"].tolist() == [1, 2, 1, 0]


BAD = {
    "numbers": (np.full((4, 24), 2.0, np.float32), {}, r"floats in \[0, 1\], got 2 to 2\. Scale them"),
    "not a square": (samples(None), {"image_shape": None}, r"samples of 24 numbers and no image_shape\. Give image_sh"),
    "another shape": (samples(None), {"image_shape": (5, 5)}, r"the image_shape \(5, 5\)"),
    "no samples": (samples(None)[:0], {}, "one or more samples"),
    "one sample": (samples(None)[0], {}, "one or more samples"),
    "labels": (samples(None), {"labels": [1, 2]}, r"expected 40 labels, one per sample, got the shape \(2,\)"),
    "many classes": (samples(None, 300), {"labels": range(300)}, "at most 256 classes, got 300"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_shown_is_refused(case):
    x, settings, words = BAD[case]
    with pytest.raises(ValueError, match=f"save_page: .*{words}"):
        contents(dense_autoencoder([24, 3]), x, **{"image_shape": (6, 4)} | settings)


def test_nan_is_refused():
    x = np.full((4, 24), np.nan, np.float32)
    with pytest.raises(ValueError, match="save_page: "):
        contents(dense_autoencoder([24, 3]), x, image_shape=(6, 4))


def test_a_shape_that_is_not_a_pair_is_refused():
    with pytest.raises(TypeError, match=r"save_page: expected image_shape as \(height, width\), .*, got 28"):
        contents(dense_autoencoder([24, 3]), samples(None), image_shape=28)


def test_weights_that_are_not_numbers_are_refused():
    model = dense_autoencoder([24, 3])
    model.encoder[0].W.value[0, 0] = np.inf
    with pytest.raises(ValueError, match="save_page: expected finite weights, got NaN or Inf"):
        contents(model, samples(None), image_shape=(6, 4))


def test_a_model_without_a_decoder_is_refused():
    model = Classifier(dense_autoencoder([24, 3]).encoder, classes=3)
    with pytest.raises(ValueError, match="expected a model with encode and decode, .*, got Classifier"):
        contents(model, samples(None), image_shape=(6, 4))
